//! How near to this processor's limit the kernels come: its f32 peak, measured by multiplications and
//! additions in registers, and layers of ResNet50 and MobileNetV3 beside it.
//!
//! ```sh
//! cargo run --release -p lookalike-infer --example roofline
//! ```
//!
//! Figures are GFLOP/s of the convolution as it is defined; Winograd's needs fewer, and can be above the
//! peak. Each layer is run with several weights after one another, so that they come from memory as
//! they do in a network. `RAYON_NUM_THREADS` sets the threads.

use std::hint::black_box;
use std::time::Instant;

use lookalike_infer::{Activation, Builder, Conv, Edges, Extra, Level, Shape, Window};
use pulp::{Arch, Simd, WithSimd};

/// Sums that do not wait for each other, as many as registers hold.
const SUMS: usize = 24;
const ROUNDS: usize = 2_000_000;

struct Peak;

impl WithSimd for Peak {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let (x, y) = (simd.splat_f32s(black_box(0.5)), simd.splat_f32s(black_box(0.25)));
        let mut sums = [simd.splat_f32s(0.0); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(x, y, *sum);
            }
        }
        black_box(sums.map(|sum| simd.reduce_sum_f32s(sum)));
        2 * SUMS * ROUNDS * S::F32_LANES
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
    /// Milliseconds that it takes, the best of many runs; in bytes, if those are wanted.
    fn time(self, in_bytes: bool) -> f64 {
        let Self { inputs, outputs, side, window, copies } = self;
        let numbers = |count: usize| vec![0.001f32; count];
        let (first, first_bias) = (numbers(3 * inputs), numbers(inputs));
        let taps = window.side * window.side;
        let (weight, bias) = (numbers(inputs * outputs * taps), numbers(outputs));
        let last = (numbers(outputs * 16), numbers(16));
        let build = |mut builder: Builder| {
            let relu = Extra::only(Activation::Relu);
            let first = Conv { weight: &first, bias: &first_bias, window: Window::POINT };
            let start = builder.conv(builder.photos(), first, relu);
            let conv = Conv { weight: &weight, bias: &bias, window };
            let nodes: Vec<_> = (0..copies).map(|_| builder.conv(start, conv, relu)).collect();
            // What takes its results in, so that these are kept as bytes.
            let last = Conv { weight: &last.0, bias: &last.1, window: Window::POINT };
            for &node in &nodes {
                builder.conv(node, last, relu);
            }
            (builder.finish(), nodes)
        };
        let photo = numbers(3 * side * side);
        let shape = Shape { images: 1, channels: 3, height: side, width: side };
        let (mut plan, nodes) = build(Builder::new(Level::best(), 3, side));
        if in_bytes {
            let ranges = plan.ranges(&photo, shape).expect("large enough");
            plan = build(Builder::in_bytes(Level::best_for_bytes(), 3, side, ranges)).0;
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
    println!("{}, {threads} threads: f32 peak {peak:.0} GFLOP/s", Level::best().name());
    println!("bytes: {}", Level::best_for_bytes().name());
    let point = Window::POINT;
    let three = Window { side: 3, stride: 1, padding: Edges::Even(1) };
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
        let (numbers, bytes) = (layer.time(false), layer.time(true));
        let rate = |ms: f64| flop as f64 / ms / 1e6;
        println!(
            "{kernel}x{kernel}, {inputs} to {outputs} channels, {side}x{side}: {numbers:.3} ms, \
             {:.0} GFLOP/s, {:.0} % of the peak; in bytes {bytes:.3} ms, {:.0} GOP/s, {:.0} %",
            rate(numbers),
            100.0 * rate(numbers) / peak,
            rate(bytes),
            100.0 * rate(bytes) / peak
        );
    }
}
