//! Names and shapes of the networks' tensors, in the namings of timm, torchvision and this project. MobileNetV3-Large is
//! from Howard et al., "Searching for MobileNetV3", 2019, table 1.

mod efficientnet_lite;

pub use efficientnet_lite::timm_efficientnet_lite;

/// A tensor's name and shape.
pub type NamedShape = (String, Vec<usize>);

/// A block of the table.
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

/// Channels of a squeeze: a quarter, rounded to a multiple of 8 that is at most 10 % smaller.
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

/// timm's `mobilenetv3_large_100`, sorted by name: with batch norm, without its counters
/// (`num_batches_tracked`).
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

/// torchvision's `mobilenet_v3_large`, sorted by name: [`timm`]'s network under other names.
pub fn torchvision_mobilenet_v3(classes: usize) -> Vec<NamedShape> {
    let mut tensors = Vec::new();
    let mut unit = |prefix: &str, shape: [usize; 4]| {
        normed(&mut tensors, &format!("{prefix}.0"), &format!("{prefix}.1"), shape);
    };
    unit("features.0", [STEM, 3, 3, 3]);
    let mut channels = STEM;
    let mut squeezes = Vec::new();
    for (number, row) in TABLE.iter().enumerate() {
        // A block's layers are numbered; the first block has no expansion.
        let mut parts = (0..).map(|part| format!("features.{}.block.{part}", number + 1));
        let mut next = || parts.next().unwrap_or_default();
        if number > 0 {
            unit(&next(), [row.expanded, channels, 1, 1]);
        }
        unit(&next(), [row.expanded, 1, row.kernel, row.kernel]);
        if row.squeeze {
            squeezes.push((next(), row.expanded));
        }
        unit(&next(), [row.out, row.expanded, 1, 1]);
        channels = row.out;
    }
    unit("features.16", [LAST_CONV, channels, 1, 1]);
    for (name, expanded) in squeezes {
        let few = squeezed(expanded);
        biased(&mut tensors, &format!("{name}.fc1"), &[few, expanded, 1, 1]);
        biased(&mut tensors, &format!("{name}.fc2"), &[expanded, few, 1, 1]);
    }
    biased(&mut tensors, "classifier.0", &[EMBEDDING, LAST_CONV]);
    biased(&mut tensors, "classifier.3", &[classes, EMBEDDING]);
    tensors.sort();
    tensors
}

/// torchvision's and timm's `resnet50`, sorted by name (He et al., "Deep residual learning", 2016,
/// table 1).
pub fn resnet50(classes: usize) -> Vec<NamedShape> {
    let mut tensors = Vec::new();
    normed(&mut tensors, "conv1", "bn1", [64, 3, 7, 7]);
    let mut channels = 64;
    for (stage, blocks) in [(1, 3), (2, 4), (3, 6), (4, 3)] {
        let narrow = 32 << stage;
        let wide = 4 * narrow;
        for block in 0..blocks {
            let name = |part: &str| format!("layer{stage}.{block}.{part}");
            normed(&mut tensors, &name("conv1"), &name("bn1"), [narrow, channels, 1, 1]);
            normed(&mut tensors, &name("conv2"), &name("bn2"), [narrow, narrow, 3, 3]);
            normed(&mut tensors, &name("conv3"), &name("bn3"), [wide, narrow, 1, 1]);
            if block == 0 {
                let shape = [wide, channels, 1, 1];
                normed(&mut tensors, &name("downsample.0"), &name("downsample.1"), shape);
            }
            channels = wide;
        }
    }
    biased(&mut tensors, "fc", &[classes, channels]);
    tensors.sort();
    tensors
}

/// VGG19's convolutions, by torchvision's and timm's names (Simonyan and Zisserman, 2015,
/// configuration E).
fn vgg19_features() -> Vec<NamedShape> {
    let mut tensors = Vec::new();
    let (mut channels, mut number) = (3, 0);
    for (convolutions, out) in [(2, 64), (2, 128), (4, 256), (4, 512), (4, 512)] {
        for _ in 0..convolutions {
            biased(&mut tensors, &format!("features.{number}"), &[out, channels, 3, 3]);
            channels = out;
            number += 2; // the ReLU has a number, too
        }
        number += 1; // and the max pool
    }
    tensors
}

/// torchvision's `vgg19`, sorted by name. Its dense layers have `width` outputs, 4096 as published.
pub fn vgg19(classes: usize, width: usize) -> Vec<NamedShape> {
    let mut tensors = vgg19_features();
    biased(&mut tensors, "classifier.0", &[width, 512 * 7 * 7]);
    biased(&mut tensors, "classifier.3", &[width, width]);
    biased(&mut tensors, "classifier.6", &[classes, width]);
    tensors.sort();
    tensors
}

/// timm's `vgg19`, sorted by name: the dense layers are convolutions.
pub fn timm_vgg19(classes: usize, width: usize) -> Vec<NamedShape> {
    let mut tensors = vgg19_features();
    biased(&mut tensors, "pre_logits.fc1", &[width, 512, 7, 7]);
    biased(&mut tensors, "pre_logits.fc2", &[width, width, 1, 1]);
    biased(&mut tensors, "head.fc", &[classes, width]);
    tensors.sort();
    tensors
}

/// VGG19 without dense layers, sorted by name: `classifier` takes the pooled features.
pub fn plain_vgg19(classes: usize) -> Vec<NamedShape> {
    let mut tensors = vgg19_features();
    biased(&mut tensors, "classifier", &[classes, 512]);
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

    /// Trainable parameters: without running statistics.
    fn parameters(tensors: &[NamedShape]) -> usize {
        let trainable = |(name, _): &&NamedShape| !name.contains(".running_");
        tensors.iter().filter(trainable).map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    #[test]
    fn as_many_parameters_as_published() {
        // 5.4 M in the paper's table 3, exactly 5,483,032 in torchvision's and timm's.
        assert_eq!(parameters(&timm(1000)), 5_483_032);
        assert_eq!(parameters(&torchvision_mobilenet_v3(1000)), 5_483_032);
        // As timm documents them, in millions: 4.7, 5.4, 6.1, 8.2 and 13.0.
        let lite = [0, 1, 2, 3, 4].map(|number| parameters(&timm_efficientnet_lite(number, 1000)));
        assert_eq!(lite.map(|count| (count + 50_000) / 100_000), [47, 54, 61, 82, 130]);
        // As torchvision documents them.
        assert_eq!(parameters(&resnet50(1000)), 25_557_032);
        assert_eq!(parameters(&vgg19(1000, 4096)), 143_667_240);
        assert_eq!(parameters(&timm_vgg19(1000, 4096)), 143_667_240);
        // 3.9 M in the README of the TensorFlow models, which has 1001 classes.
        assert_eq!(parameters(&minimalistic(1001)) / 100_000, 39);
    }

    #[test]
    fn squeezes_are_multiples_of_eight() {
        assert_eq!([72, 120, 480, 672, 960].map(squeezed), [24, 32, 120, 168, 240]);
    }
}
