//! Names and shapes of MobileNetV3-Large's tensors (Howard et al., "Searching for MobileNetV3",
//! 2019, table 1).

/// A tensor's name and shape.
pub type NamedShape = (String, Vec<usize>);

/// A row of the table.
struct Row {
    kernel: usize,
    /// Channels between expansion and projection.
    expanded: usize,
    out: usize,
    squeeze: bool,
}

const fn row(kernel: usize, expanded: usize, out: usize, squeeze: bool) -> Row {
    Row { kernel, expanded, out, squeeze }
}

const TABLE: [Row; 15] = [
    row(3, 16, 16, false),
    row(3, 64, 24, false),
    row(3, 72, 24, false),
    row(5, 72, 40, true),
    row(5, 120, 40, true),
    row(5, 120, 40, true),
    row(3, 240, 80, false),
    row(3, 200, 80, false),
    row(3, 184, 80, false),
    row(3, 184, 80, false),
    row(3, 480, 112, true),
    row(3, 672, 112, true),
    row(5, 672, 160, true),
    row(5, 960, 160, true),
    row(5, 960, 160, true),
];

const STEM: usize = 16;
const LAST_CONV: usize = 960;
const EMBEDDING: usize = 1280;

/// Blocks in each of timm's stages; their strides are the table's.
const TIMM_STAGES: [usize; 6] = [1, 2, 3, 4, 2, 3];

/// Channels that a squeeze leaves: a quarter, rounded to a multiple of 8 that is not more than a
/// tenth smaller.
fn squeezed(expanded: usize) -> usize {
    let quarter = expanded / 4;
    let rounded = ((quarter + 4) / 8 * 8).max(8);
    if rounded * 10 < quarter * 9 { rounded + 8 } else { rounded }
}

/// Google's minimalistic MobileNetV3-Large in this project's own naming, sorted by name: 3x3
/// kernels only, no squeeze-and-excitation, batch norm folded into weights and biases.
pub fn minimalistic(classes: usize) -> Vec<NamedShape> {
    let mut tensors = Vec::new();
    let mut conv = |name: &str, shape: [usize; 4]| {
        tensors.push((format!("{name}.weight"), shape.to_vec()));
        tensors.push((format!("{name}.bias"), vec![shape[0]]));
    };
    conv("conv", [STEM, 3, 3, 3]);
    let mut channels = STEM;
    for (number, row) in TABLE.iter().enumerate() {
        if number > 0 {
            conv(&format!("blocks.{number}.expand"), [row.expanded, channels, 1, 1]);
        }
        conv(&format!("blocks.{number}.depthwise"), [row.expanded, 1, 3, 3]);
        conv(&format!("blocks.{number}.project"), [row.out, row.expanded, 1, 1]);
        channels = row.out;
    }
    conv("conv_1", [LAST_CONV, channels, 1, 1]);
    conv("conv_2", [EMBEDDING, LAST_CONV, 1, 1]);
    conv("logits", [classes, EMBEDDING, 1, 1]);
    tensors.sort();
    tensors
}

/// timm's `mobilenetv3_large_100`, sorted by name: batch norm apart, its batch counters
/// (`num_batches_tracked`) left out.
pub fn timm(classes: usize) -> Vec<NamedShape> {
    let mut tensors = Vec::new();
    normed(&mut tensors, "conv_stem", "bn1", [STEM, 3, 3, 3]);
    let mut channels = STEM;
    let mut rows = TABLE.iter();
    for (stage, &blocks) in TIMM_STAGES.iter().enumerate() {
        for (block, row) in rows.by_ref().take(blocks).enumerate() {
            let name = |part: &str| format!("blocks.{stage}.{block}.{part}");
            let expand = [row.expanded, channels, 1, 1];
            let depthwise = [row.expanded, 1, row.kernel, row.kernel];
            let project = [row.out, row.expanded, 1, 1];
            if stage == 0 {
                normed(&mut tensors, &name("conv_dw"), &name("bn1"), depthwise);
                normed(&mut tensors, &name("conv_pw"), &name("bn2"), project);
            } else {
                normed(&mut tensors, &name("conv_pw"), &name("bn1"), expand);
                normed(&mut tensors, &name("conv_dw"), &name("bn2"), depthwise);
                normed(&mut tensors, &name("conv_pwl"), &name("bn3"), project);
            }
            if row.squeeze {
                let few = squeezed(row.expanded);
                biased(&mut tensors, &name("se.conv_reduce"), &[few, row.expanded, 1, 1]);
                biased(&mut tensors, &name("se.conv_expand"), &[row.expanded, few, 1, 1]);
            }
            channels = row.out;
        }
    }
    normed(&mut tensors, "blocks.6.0.conv", "blocks.6.0.bn1", [LAST_CONV, channels, 1, 1]);
    biased(&mut tensors, "conv_head", &[EMBEDDING, LAST_CONV, 1, 1]);
    biased(&mut tensors, "classifier", &[classes, EMBEDDING]);
    tensors.sort();
    tensors
}

fn biased(tensors: &mut Vec<NamedShape>, name: &str, shape: &[usize]) {
    tensors.push((format!("{name}.weight"), shape.to_vec()));
    tensors.push((format!("{name}.bias"), vec![shape[0]]));
}

fn normed(tensors: &mut Vec<NamedShape>, conv: &str, norm: &str, shape: [usize; 4]) {
    tensors.push((format!("{conv}.weight"), shape.to_vec()));
    for part in ["weight", "bias", "running_mean", "running_var"] {
        tensors.push((format!("{norm}.{part}"), vec![shape[0]]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Learnt numbers, which running statistics are not.
    fn parameters(tensors: &[NamedShape]) -> usize {
        let learnt = |(name, _): &&NamedShape| !name.contains(".running_");
        tensors.iter().filter(learnt).map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    #[test]
    fn as_many_parameters_as_published() {
        // 5.4 M in the paper's table 3, to the number 5,483,032 in torchvision's and timm's.
        assert_eq!(parameters(&timm(1000)), 5_483_032);
        // 3.9 M in the README of the TensorFlow models, which has 1001 classes.
        assert_eq!(parameters(&minimalistic(1001)) / 100_000, 39);
    }

    #[test]
    fn squeezes_are_multiples_of_eight() {
        assert_eq!([72, 120, 480, 672, 960].map(squeezed), [24, 32, 120, 168, 240]);
    }
}
