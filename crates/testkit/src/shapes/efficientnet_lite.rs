//! timm's `tf_efficientnet_lite0` to `4`.

use super::{NamedShape, biased, normed};

/// Kernel, expansion, output channels and blocks of each stage of Lite0.
const LITE0: [(usize, usize, usize, usize); 7] = [
    (3, 1, 16, 1),
    (3, 6, 24, 2),
    (5, 6, 40, 2),
    (3, 6, 80, 3),
    (5, 6, 112, 3),
    (5, 6, 192, 4),
    (3, 6, 320, 1),
];

/// Width and depth of each network beside Lite0's.
const SCALES: [(f64, f64); 5] = [(1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8)];

/// Rounded to a multiple of 8 that is at most 10 % smaller.
fn rounded(channels: f64) -> usize {
    let whole = (channels + 4.0) as usize / 8 * 8;
    if (whole as f64) < 0.9 * channels { whole + 8 } else { whole }
}

/// timm's `tf_efficientnet_lite` of this number, sorted by name: with batch norm, without its counters
/// (`num_batches_tracked`).
pub fn timm_efficientnet_lite(number: usize, classes: usize) -> Vec<NamedShape> {
    let (width, depth) = SCALES[number];
    let mut tensors = Vec::new();
    normed(&mut tensors, "conv_stem", "bn1", [32, 3, 3, 3]);
    let mut channels = 32;
    for (stage, (kernel, expansion, out, blocks)) in LITE0.into_iter().enumerate() {
        let is_outer = stage == 0 || stage + 1 == LITE0.len();
        let blocks = if is_outer { blocks } else { (blocks as f64 * depth - 1e-9).ceil() as usize };
        let out = rounded(out as f64 * width);
        for block in 0..blocks {
            let name = |part: &str| format!("blocks.{stage}.{block}.{part}");
            let expanded = channels * expansion;
            let (depthwise, project) = ([expanded, 1, kernel, kernel], [out, expanded, 1, 1]);
            if stage == 0 {
                normed(&mut tensors, &name("conv_dw"), &name("bn1"), depthwise);
                normed(&mut tensors, &name("conv_pw"), &name("bn2"), project);
            } else {
                normed(&mut tensors, &name("conv_pw"), &name("bn1"), [expanded, channels, 1, 1]);
                normed(&mut tensors, &name("conv_dw"), &name("bn2"), depthwise);
                normed(&mut tensors, &name("conv_pwl"), &name("bn3"), project);
            }
            channels = out;
        }
    }
    normed(&mut tensors, "conv_head", "bn2", [1280, channels, 1, 1]);
    biased(&mut tensors, "classifier", &[classes, 1280]);
    tensors.sort();
    tensors
}
