//! Roofline: the processor's f32 peak, measured by multiply-adds in registers, and the throughput of layers of ResNet50
//! and MobileNetV3.
//!
//! ```sh
//! cargo run --release -p lookalike-infer --example roofline
//! ```
//!
//! Figures are GFLOP/s of the direct convolution; Winograd's algorithm needs fewer operations and can exceed the peak. Each
//! layer runs with several copies of its weights in turn, so that they come from memory as they do in a network.
//! `RAYON_NUM_THREADS` sets the threads.

use std::hint::black_box;
use std::time::Instant;

use lookalike_infer::{Activation, Builder, Conv, FusedOps, Padding, Shape, SimdLevel, Window};
use pulp::{Arch, Simd, WithSimd};

/// Independent sums, as many as fit the registers.
const ACCUMULATORS: usize = 24;
const ROUNDS: usize = 2_000_000;

struct Peak;

impl WithSimd for Peak {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let (x, y) = (simd.splat_f32s(black_box(0.5)), simd.splat_f32s(black_box(0.25)));
        let mut sums = [simd.splat_f32s(0.0); ACCUMULATORS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(x, y, *sum);
            }
        }
        black_box(sums.map(|sum| simd.reduce_sum_f32s(sum)));
        2 * ACCUMULATORS * ROUNDS * S::F32_LANES
    }
}

/// GFLOP/s of all threads together, the best of a few rounds.
fn peak(threads: usize) -> f64 {
    let round = || {
        let start = Instant::now();
        let done: usize = std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..threads).map(|_| scope.spawn(|| Arch::new().dispatch(Peak))).collect();
            all.into_iter().map(|one| one.join().unwrap_or(0)).sum()
        });
        done as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..5).map(|_| round()).fold(0.0, f64::max)
}

/// A layer by its channels, side and window.
#[derive(Clone, Copy)]
struct Layer {
    inputs: usize,
    outputs: usize,
    side: usize,
    window: Window,
    copies: usize,
}

impl Layer {
    /// Milliseconds in f32 or int8, the best of many runs.
    fn time(self, int8: bool) -> f64 {
        let Self { inputs, outputs, side, window, copies } = self;
        let values = |count: usize| vec![0.001f32; count];
        let (first, first_bias) = (values(3 * inputs), values(inputs));
        let taps = window.side * window.side;
        let (weight, bias) = (values(inputs * outputs * taps), values(outputs));
        let last = (values(outputs * 16), values(16));
        let build = |mut builder: Builder| {
            let relu = FusedOps::activation(Activation::Relu);
            let first = Conv { weight: &first, bias: &first_bias, window: Window::POINT };
            let start = builder.conv(builder.input(), first, relu);
            let conv = Conv { weight: &weight, bias: &bias, window };
            let nodes: Vec<_> = (0..copies).map(|_| builder.conv(start, conv, relu)).collect();
            // A layer that reads each output, so that it is stored as uint8.
            let last = Conv { weight: &last.0, bias: &last.1, window: Window::POINT };
            for &node in &nodes {
                builder.conv(node, last, relu);
            }
            (builder.build(), nodes)
        };
        let photo = values(3 * side * side);
        let shape = Shape { images: 1, channels: 3, height: side, width: side };
        let (mut plan, nodes) = build(Builder::new(SimdLevel::best(), 3, side));
        if int8 {
            let ranges = plan.ranges(&photo, shape).expect("large enough");
            plan = build(Builder::int8(SimdLevel::best_for_int8(), 3, side, ranges)).0;
        }
        let time = |last| {
            let runs = (0..30).map(|_| {
                let begin = Instant::now();
                black_box(plan.run(&photo, shape, &[last]).expect("large enough"));
                begin.elapsed().as_secs_f64()
            });
            runs.fold(f64::INFINITY, f64::min)
        };
        let (with, without) = (time(nodes[copies - 1]), time(nodes[0]));
        (with - without) * 1e3 / (copies - 1) as f64
    }
}

fn main() {
    let threads = rayon::current_num_threads();
    let peak = peak(threads);
    println!("{}, {threads} threads: f32 peak {peak:.0} GFLOP/s", SimdLevel::best().name());
    println!("int8: {}", SimdLevel::best_for_int8().name());
    let point = Window::POINT;
    let three = Window { side: 3, stride: 1, padding: Padding::Symmetric(1) };
    for (inputs, outputs, side, window, copies) in [
        (64, 256, 56, point, 20),
        (256, 64, 56, point, 20),
        (512, 128, 28, point, 20),
        (256, 1024, 14, point, 20),
        (512, 2048, 7, point, 20),
        (112, 672, 14, point, 20),
        (160, 960, 7, point, 20),
        (64, 64, 224, three, 4),
        (64, 64, 56, three, 10),
        (128, 128, 28, three, 10),
        (256, 256, 14, three, 10),
        (512, 512, 14, three, 6),
        (512, 512, 7, three, 6),
    ] {
        let layer = Layer { inputs, outputs, side, window, copies };
        let kernel = window.side;
        let flop = 2 * inputs * outputs * kernel * kernel * side * side;
        let (float, int8) = (layer.time(false), layer.time(true));
        let rate = |ms: f64| flop as f64 / ms / 1e6;
        println!(
            "{kernel}x{kernel}, {inputs} to {outputs} channels, {side}x{side}: {float:.3} ms, \
             {:.0} GFLOP/s, {:.0} % of the peak; int8 {int8:.3} ms, {:.0} GOP/s, {:.0} %",
            rate(float),
            100.0 * rate(float) / peak,
            rate(int8),
            100.0 * rate(int8) / peak
        );
    }
}
