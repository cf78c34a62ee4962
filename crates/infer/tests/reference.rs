//! Every operator against a naive implementation in f64, at every SIMD level of this processor. NEON can be tested on
//! other machines in an emulator (Debian's package names):
//!
//! ```sh
//! apt install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross
//! rustup target add aarch64-unknown-linux-gnu
//! export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
//! export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
//! cargo test -p lookalike-infer --target aarch64-unknown-linux-gnu
//! ```

mod noise;

use lookalike_infer::{Activation, Builder, Conv, FusedOps, Padding, Shape, SimdLevel, Window};
use noise::Noise;

fn activated(x: f64, activation: Activation) -> f64 {
    let gate = (x / 6.0 + 0.5).clamp(0.0, 1.0);
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::HardSwish => x * gate,
        Activation::HardSigmoid => gate,
    }
}

/// Zeros before an input side, and output positions along it.
fn sides(window: Window, side: usize) -> (usize, usize) {
    let Window { side: kernel, stride, padding } = window;
    match padding {
        Padding::Symmetric(zeros) => (zeros, (side + 2 * zeros - kernel) / stride + 1),
        Padding::Same => {
            let positions = side.div_ceil(stride);
            (((positions - 1) * stride + kernel).saturating_sub(side) / 2, positions)
        }
    }
}

/// A naive convolution, NCHW.
fn convolved(
    x: &[f64],
    shape: Shape,
    conv: Conv,
    depthwise: bool,
    epilogue: impl Fn(usize, f64) -> f64,
) -> (Vec<f64>, Shape) {
    let Shape { images, channels, height, width } = shape;
    let outputs = conv.bias.len();
    let (kernel, stride) = (conv.window.side, conv.window.stride);
    let ((above, high), (before, wide)) = (sides(conv.window, height), sides(conv.window, width));
    let mut result = Vec::new();
    for (image, output) in (0..images).flat_map(|i| (0..outputs).map(move |o| (i, o))) {
        for (row, column) in (0..high).flat_map(|r| (0..wide).map(move |c| (r, c))) {
            let mut sum = f64::from(conv.bias[output]);
            let inputs = if depthwise { output..output + 1 } else { 0..channels };
            for (number, input) in inputs.enumerate() {
                for (down, right) in (0..kernel).flat_map(|d| (0..kernel).map(move |r| (d, r))) {
                    let row = (row * stride + down).wrapping_sub(above);
                    let column = (column * stride + right).wrapping_sub(before);
                    if row < height && column < width {
                        let each = if depthwise { 1 } else { channels };
                        let weight = ((output * each + number) * kernel + down) * kernel + right;
                        let at = ((image * channels + input) * height + row) * width + column;
                        sum += x[at] * f64::from(conv.weight[weight]);
                    }
                }
            }
            result.push(epilogue(result.len(), sum));
        }
    }
    (result, Shape { images, channels: outputs, height: high, width: wide })
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn assert_close(found: &[f32], wanted: &[f64], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let largest = wanted.iter().fold(1.0f64, |largest, x| largest.max(x.abs()));
    for (at, (&found, &wanted)) in found.iter().zip(wanted).enumerate() {
        let off = (f64::from(found) - wanted).abs();
        assert!(off <= 2e-5 * largest, "{what}: {found}, not {wanted}, at {at}");
    }
}

const ACTIVATIONS: [Activation; 5] = [
    Activation::None,
    Activation::Relu,
    Activation::Relu6,
    Activation::HardSwish,
    Activation::HardSigmoid,
];

/// A convolution of the input, and one of its output: with a gate, with a residual, and with neither.
fn check_convolutions(
    level: SimdLevel,
    noise: &mut Noise,
    kernel: usize,
    stride: usize,
    edges: Padding,
) {
    let (channels, between, outputs) =
        (noise.within(1, 4), noise.within(1, 70), noise.within(1, 150));
    let window = Window { side: kernel, stride, padding: edges };
    let side = |noise: &mut Noise| noise.within(kernel.max(2), 30);
    let shape =
        Shape { images: noise.within(1, 5), channels, height: side(noise), width: side(noise) };
    let photos = noise.values(channels * shape.images * shape.height * shape.width);
    let first_weight = noise.values(between * channels);
    let first_bias = noise.values(between);
    let first = Conv { weight: &first_weight, bias: &first_bias, window: Window::POINT };
    let second_weight = noise.values(outputs * between * kernel * kernel);
    let second_bias = noise.values(outputs);
    let second = Conv { weight: &second_weight, bias: &second_bias, window };
    let activation = ACTIVATIONS[noise.within(0, ACTIVATIONS.len() - 1)];
    let what = format!("{} {window:?} {shape:?} {between} {outputs} {activation:?}", level.name());

    let (hidden, hidden_shape) =
        convolved(&widened(&photos), shape, first, false, |_, x| activated(x, Activation::Relu));
    let area = hidden_shape.height * hidden_shape.width;
    let means: Vec<f64> =
        hidden.chunks_exact(area).map(|x| x.iter().sum::<f64>() / area as f64).collect();
    let gated: Vec<f64> = hidden.iter().enumerate().map(|(at, x)| x * means[at / area]).collect();
    let (plain, result_shape) = convolved(&hidden, hidden_shape, second, false, |_, x| x);
    let wanted: Vec<f64> = plain.iter().map(|&x| activated(x, activation)).collect();
    let (wanted_gated, _) =
        convolved(&gated, hidden_shape, second, false, |_, x| activated(x, activation));
    let (wanted_sum, _) = convolved(&hidden, hidden_shape, second, false, |at, x| {
        activated(x + wanted_gated[at], activation)
    });

    let mut builder = Builder::new(level, channels, 30);
    let mixed = builder.conv(builder.input(), first, FusedOps::activation(Activation::Relu));
    let mean = builder.global_average_pool(mixed);
    let result = builder.conv(mixed, second, FusedOps::activation(activation));
    let with_gate = FusedOps { gate: Some(mean), ..FusedOps::activation(activation) };
    let result_gated = builder.conv(mixed, second, with_gate);
    let with_sum = FusedOps { add: Some(result_gated), ..FusedOps::activation(activation) };
    let result_sum = builder.conv(mixed, second, with_sum);
    let plan = builder.build();
    // Twice: the second run reuses the buffers of the first.
    for _ in 0..2 {
        let wanted_of = [(mean, &means), (result, &wanted), (result_gated, &wanted_gated)];
        let (nodes, expected): (Vec<_>, Vec<_>) =
            wanted_of.into_iter().chain([(result_sum, &wanted_sum)]).unzip();
        let found = plan.run(&photos, shape, &nodes).expect("large enough");
        for (found, wanted) in found.iter().zip(expected) {
            assert_close(found, wanted, &what);
        }
        let last = plan.shapes(shape).pop().expect("steps");
        assert_eq!(last, result_shape, "{what}");
    }
}

#[test]
fn convolutions_match_the_naive_implementation() {
    let mut noise = Noise(1);
    for level in SimdLevel::all() {
        for (kernel, stride, edges) in [
            (1, 1, Padding::Symmetric(0)),
            (3, 1, Padding::Symmetric(1)),
            (3, 1, Padding::Same),
            (3, 1, Padding::Symmetric(0)),
            (1, 2, Padding::Symmetric(0)),
            (3, 2, Padding::Symmetric(1)),
            (3, 2, Padding::Same),
            (5, 3, Padding::Symmetric(2)),
            (7, 2, Padding::Symmetric(3)),
        ] {
            for _ in 0..4 {
                check_convolutions(level, &mut noise, kernel, stride, edges);
            }
        }
    }
}

#[test]
fn stems_match_the_naive_implementation() {
    let mut noise = Noise(2);
    for level in SimdLevel::all() {
        for (kernel, stride, edges) in [
            (3, 2, Padding::Same),
            (3, 2, Padding::Symmetric(1)),
            (7, 2, Padding::Symmetric(3)),
            (3, 1, Padding::Symmetric(1)),
            (5, 3, Padding::Symmetric(2)),
        ] {
            let outputs = noise.within(1, 70);
            let window = Window { side: kernel, stride, padding: edges };
            let shape = Shape { images: 3, channels: 3, height: noise.within(9, 40), width: 33 };
            let photos = noise.values(9 * shape.height * shape.width);
            let (weight, bias) =
                (noise.values(outputs * 3 * kernel * kernel), noise.values(outputs));
            let conv = Conv { weight: &weight, bias: &bias, window };
            let (wanted, _) = convolved(&widened(&photos), shape, conv, false, |_, x| {
                activated(x, Activation::HardSwish)
            });
            let mut builder = Builder::new(level, 3, 32);
            let node =
                builder.conv(builder.input(), conv, FusedOps::activation(Activation::HardSwish));
            let found = builder.build().run(&photos, shape, &[node]).expect("large enough");
            assert_close(&found[0], &wanted, &format!("{} {window:?}", level.name()));
        }
    }
}

#[test]
fn depthwise_convolutions_and_max_pools_match_the_naive_implementation() {
    let mut noise = Noise(3);
    for level in SimdLevel::all() {
        for (kernel, stride, edges) in [
            (3, 1, Padding::Symmetric(1)),
            (3, 2, Padding::Symmetric(1)),
            (5, 1, Padding::Symmetric(2)),
            (5, 2, Padding::Symmetric(2)),
            (3, 2, Padding::Same),
            (5, 1, Padding::Same),
            (3, 1, Padding::Symmetric(0)),
        ] {
            for turn in 0..4 {
                let channels = noise.within(1, if turn == 3 { 20 } else { 70 });
                let window = Window { side: kernel, stride, padding: edges };
                // The last does not fit one line buffer.
                let large = if turn == 3 { 120 } else { 0 };
                let (height, width) =
                    (noise.within(5, 40) + large, noise.within(5, 40) + large / 2);
                let shape = Shape { images: noise.within(1, 4), channels: 3, height, width };
                let photos = noise.values(3 * shape.images * height * width);
                let (mix, mix_bias) = (noise.values(3 * channels), noise.values(channels));
                let mix = Conv { weight: &mix, bias: &mix_bias, window: Window::POINT };
                let weight = noise.values(channels * kernel * kernel);
                let bias = noise.values(channels);
                let conv = Conv { weight: &weight, bias: &bias, window };
                let activation = ACTIVATIONS[noise.within(0, ACTIVATIONS.len() - 1)];
                let what = format!("{} {window:?} {shape:?} {channels}", level.name());

                let (mixed, mixed_shape) =
                    convolved(&widened(&photos), shape, mix, false, |_, x| x);
                let (wanted, _) =
                    convolved(&mixed, mixed_shape, conv, true, |_, x| activated(x, activation));
                let largest = maxima(&mixed, mixed_shape, window);

                let expanded = noise.within(1, 70);
                let (expand, expand_bias) =
                    (noise.values(expanded * channels), noise.values(expanded));
                let expand = Conv { weight: &expand, bias: &expand_bias, window: Window::POINT };
                let weight = noise.values(expanded * kernel * kernel);
                let bias = noise.values(expanded);
                let conv_fused = Conv { weight: &weight, bias: &bias, window };
                let between = ACTIVATIONS[noise.within(0, ACTIVATIONS.len() - 1)];
                let (hidden, hidden_shape) =
                    convolved(&mixed, mixed_shape, expand, false, |_, x| activated(x, between));
                let (wanted_fused, _) =
                    convolved(&hidden, hidden_shape, conv_fused, true, |_, x| {
                        activated(x, activation)
                    });

                let mut builder = Builder::new(level, 3, 32);
                let mixed =
                    builder.conv(builder.input(), mix, FusedOps::activation(Activation::None));
                let pooled = builder.max_pool(mixed, window);
                let result = builder.depthwise(mixed, conv, activation);
                let result_fused =
                    builder.expanded_depthwise(mixed, (expand, between), conv_fused, activation);
                let plan = builder.build();
                let nodes = [pooled, result, result_fused];
                let found = plan.run(&photos, shape, &nodes).expect("large enough");
                assert_close(&found[0], &largest, &what);
                assert_close(&found[1], &wanted, &what);
                assert_close(&found[2], &wanted_fused, &what);
            }
        }
    }
}

fn maxima(x: &[f64], shape: Shape, window: Window) -> Vec<f64> {
    let Shape { height, width, .. } = shape;
    let ((above, high), (before, wide)) = (sides(window, height), sides(window, width));
    let mut result = Vec::new();
    for plane in x.chunks_exact(height * width) {
        for (row, column) in (0..high).flat_map(|r| (0..wide).map(move |c| (r, c))) {
            let rows = (0..window.side).map(|d| (row * window.stride + d).wrapping_sub(above));
            let columns =
                (0..window.side).map(|d| (column * window.stride + d).wrapping_sub(before));
            let all = rows.filter(|&r| r < height).flat_map(|r| {
                columns.clone().filter(|&c| c < width).map(move |c| plane[r * width + c])
            });
            result.push(all.fold(f64::NEG_INFINITY, f64::max));
        }
    }
    result
}

#[test]
fn a_photo_that_is_too_small_is_refused_and_an_empty_batch_has_empty_outputs() {
    let (weight, bias) = (vec![1.0; 4 * 25], vec![0.0; 4]);
    let window = Window { side: 5, stride: 1, padding: Padding::Symmetric(0) };
    let mut builder = Builder::new(SimdLevel::best(), 1, 8);
    let conv = Conv { weight: &weight, bias: &bias, window };
    let node = builder.conv(builder.input(), conv, FusedOps::activation(Activation::None));
    let plan = builder.build();
    let of = |images: usize, side: usize| Shape { images, channels: 1, height: side, width: side };
    let refused = plan.run(&[0.0; 16], of(1, 4), &[node]).expect_err("too small");
    assert!(refused.to_string().contains("4x4 pixels are too small"), "{refused}");
    let none = plan.run(&[], of(0, 8), &[node]).expect("an empty batch");
    assert_eq!(none, [[0f32; 0]]);
}
