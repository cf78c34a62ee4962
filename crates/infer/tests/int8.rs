//! Int8 plans against f32 plans of the same networks, at every int8 SIMD level of this processor: close to f32, and
//! identical at every level.

mod noise;

use lookalike_infer::{
    Activation, Builder, Conv, FusedOps, Padding, Plan, Shape, SimdLevel, TensorId, Window,
};
use noise::Noise;

/// A layer of a random network.
struct Layer {
    weight: Vec<f32>,
    bias: Vec<f32>,
    window: Window,
}

impl Layer {
    fn new(noise: &mut Noise, inputs: usize, outputs: usize, window: Window) -> Self {
        let taps = window.side * window.side;
        // So that outputs have about the variance of inputs.
        let scale = (3.0 / (inputs * taps) as f32).sqrt();
        let weight = noise.values(outputs * inputs * taps);
        Self {
            weight: weight.into_iter().map(|x| x * scale).collect(),
            bias: noise.values(outputs).into_iter().map(|x| x * 0.1).collect(),
            window,
        }
    }

    fn conv(&self) -> Conv<'_> {
        Conv { weight: &self.weight, bias: &self.bias, window: self.window }
    }
}

/// Builds a network in f32, and with its calibration ranges in int8 at every level. Returns the requested tensors of f32
/// and of each int8 plan.
fn compared(
    noise: &mut Noise,
    shape: Shape,
    build: impl Fn(&mut Builder) -> Vec<TensorId>,
) -> (Vec<Vec<f32>>, Vec<Vec<Vec<f32>>>) {
    let one = Shape { images: 1, ..shape };
    let photo = noise.values(shape.channels * shape.height * shape.width);
    let mut builder = Builder::new(SimdLevel::best(), shape.channels, shape.height);
    let wanted = build(&mut builder);
    let float: Plan = builder.build();
    let mut ranges = float.ranges(&photo, one).expect("large enough");
    let other = noise.values(photo.len());
    ranges.merge(&float.ranges(&other, one).expect("large enough"));

    let photos: Vec<f32> = (0..shape.images)
        .flat_map(|at| {
            photo.iter().zip(&other).map(move |(a, b)| if at % 2 == 0 { *a } else { *b })
        })
        .collect();
    let exact = float.run(&photos, shape, &wanted).expect("large enough");
    let levels = SimdLevel::all_for_int8();
    if levels.len() == 1 {
        eprintln!("SKIPPED: this processor has no AVX-512 VNNI");
    }
    let quantised = levels.into_iter().map(|level| {
        let mut builder = Builder::int8(level, shape.channels, shape.height, ranges.clone());
        assert_eq!(build(&mut builder), wanted);
        builder.build().run(&photos, shape, &wanted).expect("large enough")
    });
    (exact, quantised.collect())
}

fn one_of<T: Copy>(noise: &mut Noise, all: &[T]) -> T {
    all[noise.within(0, all.len() - 1)]
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn assert_alike((exact, quantised): (Vec<Vec<f32>>, Vec<Vec<Vec<f32>>>), least: f64, what: &str) {
    for other in &quantised[1..] {
        assert!(*other == quantised[0], "{what}: levels differ");
    }
    for (node, (exact, quantised)) in exact.iter().zip(&quantised[0]).enumerate() {
        let found = cosine(exact, quantised);
        assert!(found >= least, "{what}: cosine {found} at output {node}");
        let largest = exact.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let off = exact.iter().zip(quantised).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= 0.1 * largest, "{what}: {off} off at output {node}, of {largest}");
    }
}

const CURVES: [Activation; 4] =
    [Activation::None, Activation::Relu, Activation::Relu6, Activation::HardSwish];

#[test]
fn convolutions_of_any_shape() {
    let mut noise = Noise(1);
    for round in 0..60 {
        let (between, outputs) = (noise.within(1, 70), noise.within(1, 150));
        let (side, stride) = one_of(&mut noise, &[(1, 1), (3, 1), (3, 2), (1, 2), (5, 1), (7, 1)]);
        let padding = one_of(
            &mut noise,
            &[Padding::Symmetric(side / 2), Padding::Symmetric(0), Padding::Same],
        );
        let window = Window { side, stride, padding };
        let shape = Shape {
            images: noise.within(1, 3),
            channels: noise.within(1, 6),
            height: noise.within(8, 30),
            width: noise.within(8, 33),
        };
        let first = Layer::new(&mut noise, shape.channels, between, Window::POINT);
        let second = Layer::new(&mut noise, between, outputs, window);
        let third = Layer::new(&mut noise, outputs, 20, Window::POINT);
        let (before, after) = (one_of(&mut noise, &CURVES), one_of(&mut noise, &CURVES));
        let what =
            format!("{round}: {before:?}, {window:?} {after:?}, {shape:?} {between} {outputs}");
        let build = |builder: &mut Builder| {
            let x = builder.conv(builder.input(), first.conv(), FusedOps::activation(before));
            let y = builder.conv(x, second.conv(), FusedOps::activation(after));
            let z = builder.conv(y, third.conv(), FusedOps::activation(Activation::None));
            let mean = builder.global_average_pool(z);
            vec![x, y, z, mean]
        };
        assert_alike(compared(&mut noise, shape, build), 0.999, &what);
    }
}

#[test]
fn photos_of_any_width() {
    let mut noise = Noise(5);
    for round in 0..40 {
        let (side, stride) = one_of(&mut noise, &[(1, 1), (3, 1), (3, 2), (7, 2), (5, 3), (2, 2)]);
        let padding = one_of(
            &mut noise,
            &[Padding::Symmetric(side / 2), Padding::Symmetric(0), Padding::Same],
        );
        let window = Window { side, stride, padding };
        let shape = Shape {
            images: noise.within(1, 3),
            channels: noise.within(1, 4),
            height: noise.within(7, 40),
            width: noise.within(7, 40),
        };
        let outputs = noise.within(1, 70);
        let first = Layer::new(&mut noise, shape.channels, outputs, window);
        let second = Layer::new(&mut noise, outputs, 20, Window::POINT);
        let after = one_of(&mut noise, &CURVES);
        let build = |builder: &mut Builder| {
            let x = builder.conv(builder.input(), first.conv(), FusedOps::activation(after));
            vec![x, builder.conv(x, second.conv(), FusedOps::activation(Activation::None))]
        };
        let what = format!("{round}: {window:?} {after:?}, {shape:?} {outputs}");
        assert_alike(compared(&mut noise, shape, build), 0.999, &what);
    }
}

#[test]
fn residuals_are_quantised() {
    let mut noise = Noise(2);
    for (round, activation) in CURVES.into_iter().cycle().take(9).enumerate() {
        let channels = noise.within(1, 80);
        let shape = Shape { images: 1, channels: 3, height: 13, width: noise.within(5, 30) };
        let first = Layer::new(&mut noise, 3, channels, Window::POINT);
        let three = Window { side: 3, stride: 1, padding: Padding::Symmetric(1) };
        let second = Layer::new(&mut noise, channels, channels, three);
        let build = |builder: &mut Builder| {
            let none = FusedOps::activation(Activation::None);
            let x = builder.conv(builder.input(), first.conv(), none);
            let sum = FusedOps { add: Some(x), ..FusedOps::activation(activation) };
            let y = builder.conv(x, second.conv(), sum);
            let z = builder.conv(y, second.conv(), sum);
            vec![y, z]
        };
        let what = format!("{round}: {channels} channels, {activation:?}");
        assert_alike(compared(&mut noise, shape, build), 0.999, &what);
    }
}

/// Between an expansion and a depthwise convolution numbers are f32: there no range of bytes ends at 6.
#[test]
fn relu6_ends_at_6() {
    let mut noise = Noise(5);
    let shape = Shape { images: 2, channels: 6, height: 14, width: 14 };
    let mut expand = Layer::new(&mut noise, 6, 40, Window::POINT);
    expand.bias.iter_mut().for_each(|bias| *bias += 6.0);
    let three = Window { side: 3, stride: 1, padding: Padding::Same };
    let depthwise = Layer::new(&mut noise, 1, 40, three);
    let build = |builder: &mut Builder| {
        let input = Layer::new(&mut Noise(6), 6, 6, Window::POINT);
        let x = builder.conv(builder.input(), input.conv(), FusedOps::activation(Activation::None));
        let y = builder.conv(x, expand.conv(), FusedOps::activation(Activation::Relu6));
        let first = (expand.conv(), Activation::Relu6);
        let z = builder.expanded_depthwise(x, first, depthwise.conv(), Activation::None);
        vec![y, z]
    };
    let (exact, quantised) = compared(&mut noise, shape, build);
    assert!(exact[0].iter().filter(|&&x| x == 6.0).count() > exact[0].len() / 4);
    assert_alike((exact, quantised), 0.999, "ReLU6");
}

#[test]
fn blocks_with_depthwise_convolutions_and_gates() {
    let mut noise = Noise(3);
    for round in 0..24 {
        let (inputs, channels, outputs) =
            (noise.within(1, 60), noise.within(1, 90), noise.within(1, 60));
        let (side, stride) = one_of(&mut noise, &[(3, 1), (3, 2), (5, 1), (5, 2)]);
        let padding = one_of(&mut noise, &[Padding::Symmetric(side / 2), Padding::Same]);
        let (between, after) = (one_of(&mut noise, &CURVES[1..]), one_of(&mut noise, &CURVES[1..]));
        let shape = Shape {
            images: noise.within(1, 3),
            channels: 3,
            height: noise.within(6, 60),
            width: noise.within(6, 60),
        };
        let (gated, expanded) = (round % 2 == 0, round % 3 > 0);
        let first = Layer::new(
            &mut noise,
            3,
            inputs,
            Window { side: 3, stride: 2, padding: Padding::Same },
        );
        let expand = Layer::new(&mut noise, inputs, channels, Window::POINT);
        let window = Window { side, stride, padding };
        let depthwise = Layer::new(&mut noise, 1, if expanded { channels } else { inputs }, window);
        let wide = depthwise.bias.len();
        let squeeze = Layer::new(&mut noise, wide, wide.div_ceil(4), Window::POINT);
        let excite = Layer::new(&mut noise, wide.div_ceil(4), wide, Window::POINT);
        let three = Window { side: 3, stride: 1, padding: Padding::Symmetric(1) };
        let across = one_of(&mut noise, &[Window::POINT, three]);
        let project = Layer::new(&mut noise, wide, outputs, across);
        let build = |builder: &mut Builder| {
            let x = builder.conv(
                builder.input(),
                first.conv(),
                FusedOps::activation(Activation::HardSwish),
            );
            let y = if expanded {
                builder.expanded_depthwise(x, (expand.conv(), between), depthwise.conv(), after)
            } else {
                builder.depthwise(x, depthwise.conv(), after)
            };
            let gate = gated.then(|| {
                let mean = builder.global_average_pool(y);
                let squeezed =
                    builder.conv(mean, squeeze.conv(), FusedOps::activation(Activation::Relu));
                builder.conv(squeezed, excite.conv(), FusedOps::activation(Activation::HardSigmoid))
            });
            let extra = FusedOps { gate, ..FusedOps::activation(Activation::None) };
            let z = builder.conv(y, project.conv(), extra);
            let mean = builder.global_average_pool(z);
            vec![y, z, mean]
        };
        let what =
            format!("{round}: {window:?} {across:?} {shape:?} {inputs} {channels} {outputs}");
        assert_alike(compared(&mut noise, shape, build), 0.998, &what);
    }
}

#[test]
fn pools_of_quantised_maps() {
    let mut noise = Noise(4);
    for (side, stride, zeros) in [(2, 2, 0), (3, 2, 1)] {
        let channels = noise.within(10, 40);
        let shape = Shape { images: 2, channels: 3, height: 21, width: 18 };
        let first = Layer::new(&mut noise, 3, channels, Window::POINT);
        let last = Layer::new(&mut noise, channels, 30, Window::POINT);
        let build = |builder: &mut Builder| {
            let none = FusedOps::activation(Activation::None);
            let x = builder.conv(builder.input(), first.conv(), none);
            let y =
                builder.max_pool(x, Window { side, stride, padding: Padding::Symmetric(zeros) });
            let z = builder.conv(y, last.conv(), none);
            let mean = builder.global_average_pool(y);
            vec![x, y, z, mean]
        };
        assert_alike(compared(&mut noise, shape, build), 0.999, &format!("{side}/{stride}"));
    }
}
