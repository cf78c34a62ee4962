//! A GPU's training operations compared with the CPU's: layer by layer, then whole networks.
//!
//! Each test runs twice: with the GPU's operations on the CPU, small, on every machine; and on a GPU, where
//! one answers, in the sizes of training. A test reports all differences together, since time on a GPU is
//! rare.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Result, Tensor, Var};
use lookalike_testkit::{Noise, weights};

use crate::layers::batch_norm::BatchNorm;
use crate::layers::pass::Pass;
use crate::layers::residual::residual;
use crate::layers::statistics::StatisticsRecorder;
use crate::ops::activation::Activation;
use crate::ops::conv::ConvShape;
use crate::ops::dispatch::testing::AS_ON_GPU;
use crate::ops::fused_conv::fused_conv;
use crate::ops::padding::PaddingStyle;
use crate::ops::pool::{global_average, max_pool};
use crate::{BUNDLED, Device, DeviceName, Dtype, TrainMode, TrainSetup, load_trainable};

/// A realistic batch size, for a GPU.
const PHOTOS: usize = 64;

/// The distance of two vectors over the norm of the first one.
fn off(ours: &[f32], theirs: &[f32], least: f64) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let length =
        |of: &mut dyn Iterator<Item = f32>| of.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let apart = length(&mut ours.iter().zip(theirs).map(|(a, b)| a - b));
    apart / length(&mut ours.iter().copied()).max(least)
}

fn flat(t: &Tensor) -> Result<Vec<f32>> {
    t.flatten_all()?.to_vec1()
}

fn as_on_gpu<T>(work: impl FnOnce() -> T) -> T {
    AS_ON_GPU.set(true);
    let done = work();
    AS_ON_GPU.set(false);
    done
}

/// A GPU, if one answers; otherwise `what` is reported as skipped.
fn gpu(dtype: Dtype, what: &str) -> Option<Device> {
    let opened = Device::open(DeviceName::Cuda(0), dtype);
    opened.map_err(|error| lookalike_testkit::skipped(&format!("{what}: {error}"))).ok()
}

/// A layer as a function of its inputs.
type Run = dyn Fn(&[Var]) -> Result<Tensor>;

/// A layer with the shapes of its inputs and parameters; the input comes first.
struct Layer {
    name: String,
    shapes: Vec<Vec<usize>>,
    run: Box<Run>,
}

impl Layer {
    /// Its result, and the gradients of all inputs.
    fn outcome(&self, device: &Device) -> Result<Vec<Vec<f32>>> {
        let numbers = |number: usize, shape: &[usize]| -> Result<Tensor> {
            let noise = Noise::named(&format!("{} {number}", self.name));
            let count = shape.iter().product();
            let values = (0..count).map(|at| 2.0 * noise.at(at) as f32 + 0.5).collect();
            Tensor::from_vec(values, shape, device.candle())
        };
        let inputs = self.shapes.iter().enumerate();
        let inputs: Vec<Var> = inputs
            .map(|(number, shape)| Var::from_tensor(&numbers(number, shape)?))
            .collect::<Result<_>>()?;
        let y = (self.run)(&inputs)?;
        let wanted = numbers(self.shapes.len(), y.dims())?;
        let gradients = (&y * wanted)?.sum_all()?.backward()?;
        let mut found = vec![flat(&y)?];
        for input in &inputs {
            found.push(flat(gradients.get(input).expect("it decides y"))?);
        }
        Ok(found)
    }

    /// How its outcome differs from the CPU's, if it does.
    fn unlike(&self, here: &[Vec<f32>], there: &[Vec<f32>]) -> Vec<String> {
        let whats = ["result".to_owned()]
            .into_iter()
            .chain(self.shapes.iter().map(|shape| format!("gradient of {shape:?}")));
        let each = whats.zip(here.iter().zip(there)).map(|(what, (a, b))| (what, off(a, b, 1e-6)));
        // By a rounding, a ReLU may pass here what it blocks there.
        each.filter(|(_, off)| *off > 5e-3 || off.is_nan())
            .map(|(what, off)| format!("{}: {what} is off by {off:.4}", self.name))
            .collect()
    }
}

/// Layers as MobileNetV3 at a side of 96 pixels, ResNet50 and VGG19 have them.
fn layers(n: usize) -> Vec<Layer> {
    let mut all = Vec::new();
    let (same, symmetric) = (PaddingStyle::Same, PaddingStyle::Symmetric);
    let full = |stride, padding| ConvShape::Full { stride, padding };
    let depthwise = |stride, padding| ConvShape::Depthwise { stride, padding };
    for (shape, k, channels, out, side) in [
        (full(2, same), 3, 3, 16, 96),
        (full(1, symmetric), 3, 64, 96, 24),
        (full(2, symmetric), 7, 3, 32, 64),
        (depthwise(1, same), 3, 16, 16, 48),
        (depthwise(2, same), 3, 64, 64, 48),
        (depthwise(1, same), 3, 480, 480, 6),
        (depthwise(2, same), 3, 672, 672, 6),
        (depthwise(2, symmetric), 5, 672, 672, 6),
        (ConvShape::Pointwise, 1, 16, 64, 48),
        (ConvShape::Pointwise, 1, 72, 40, 12),
        (ConvShape::Pointwise, 1, 960, 160, 3),
        (ConvShape::Pointwise, 1, 160, 960, 3),
        (ConvShape::Pointwise, 1, 960, 1280, 1),
    ] {
        for activation in
            [Activation::None, Activation::Relu, Activation::Relu6, Activation::HardSwish]
        {
            let is_depthwise = matches!(shape, ConvShape::Depthwise { .. });
            let inputs = if is_depthwise { 1 } else { channels };
            all.push(Layer {
                name: format!("{shape:?} {k}x{k}, {channels} to {out} at {side}, {activation:?}"),
                shapes: vec![vec![n, channels, side, side], vec![out, inputs, k, k], vec![out]],
                run: Box::new(move |given| {
                    fused_conv(&given[0], &given[1], &given[2], shape, activation)
                }),
            });
        }
    }
    for (channels, side) in [(16, 48), (64, 24), (72, 12), (480, 6), (160, 3)] {
        let of = vec![n, channels, side, side];
        all.push(Layer {
            name: format!("batch norm of {channels} at {side}"),
            shapes: vec![of.clone(), vec![channels], vec![channels]],
            run: Box::new(|given| {
                let zeros = || Var::from_tensor(&given[1].zeros_like()?);
                let norm = BatchNorm {
                    gamma: given[1].clone(),
                    beta: given[2].clone(),
                    mean: zeros()?,
                    variance: zeros()?,
                    eps: 1e-3,
                    is_new: false,
                };
                Ok(norm.by_batch(&given[0], Activation::Relu)?.0)
            }),
        });
        all.push(Layer {
            name: format!("sum and mean of {channels} at {side}"),
            shapes: vec![of.clone(), of],
            run: Box::new(|given| {
                let (mode, recorder) = (TrainMode::default(), StatisticsRecorder::default());
                let pass = Pass::Train(&mode, &recorder);
                global_average(&residual(
                    given[0].as_tensor().clone(),
                    &given[1],
                    Activation::Relu,
                    pass,
                )?)
            }),
        });
    }
    for (k, stride, padding) in [(2, 2, 0), (3, 2, 1)] {
        all.push(Layer {
            name: format!("largest of {k}x{k}"),
            shapes: vec![vec![n, 64, 24, 24]],
            // None is below zero, as behind a ReLU.
            run: Box::new(move |given| max_pool(&given[0].sqr()?, k, stride, padding)),
        });
    }
    all
}

#[test]
fn layers_on_a_gpu_agree_with_the_cpu() -> Result<()> {
    let cpu = Device::default();
    let mut unlike = Vec::new();
    for layer in layers(2) {
        let there = as_on_gpu(|| layer.outcome(&cpu))?;
        unlike.extend(layer.unlike(&layer.outcome(&cpu)?, &there));
    }
    assert!(unlike.is_empty(), "as on a GPU: {unlike:#?}");
    if let Some(gpu) = gpu(Dtype::F32, "layers on a GPU") {
        for layer in layers(PHOTOS) {
            unlike.extend(layer.unlike(&layer.outcome(&cpu)?, &layer.outcome(&gpu)?));
        }
        assert!(unlike.is_empty(), "on a GPU: {unlike:#?}");
    }
    Ok(())
}

/// Results, statistics and the gradient of every parameter.
#[test]
fn networks_are_trained_on_a_gpu_as_on_the_cpu() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    weights::write_minimalistic(file("minimalistic"));
    weights::write(file("timm"), &weights::timm(7), weights::values);
    weights::write(file("resnet50"), &weights::resnet50(7), weights::values);
    weights::write(file("vgg19"), &weights::plain_vgg19(7), weights::values);
    let networks = [
        ("minimalistic", file("minimalistic"), 0),
        ("timm", file("timm"), 0),
        ("resnet50", file("resnet50"), 1),
        ("vgg19", file("vgg19"), 3),
        (BUNDLED, BUNDLED.into(), 0),
    ];
    let cpu = Device::default();
    let mut unlike = Vec::new();
    for (name, file, frozen_stages) in &networks {
        let trained = |sides, device: &Device| Trained::of(file, *frozen_stages, sides, device);
        let here = trained((4, 64), &cpu)?;
        let there = as_on_gpu(|| trained((4, 64), &cpu))?;
        unlike.extend(here.unlike(&there, &format!("{name} as on a GPU"), 0.2));
        // TF32 rounds more.
        for (dtype, limit) in [(Dtype::F32, 0.2), (Dtype::Tf32, 5.0)] {
            let what = format!("{name} on a GPU, {dtype}");
            let Some(gpu) = gpu(dtype, &what) else { continue };
            unlike.extend(here.unlike(&trained((4, 64), &gpu)?, &what, limit));
            if dtype == Dtype::F32 {
                let here = trained((PHOTOS, 96), &cpu)?;
                let what = format!("{name}, {PHOTOS} photos on a GPU");
                unlike.extend(here.unlike(&trained((PHOTOS, 96), &gpu)?, &what, 0.05));
            }
        }
    }
    assert!(unlike.is_empty(), "{unlike:#?}");
    Ok(())
}

/// The results of a training step, by name.
struct Trained(BTreeMap<String, Vec<f32>>);

impl Trained {
    fn of(
        file: &Path,
        frozen_stages: usize,
        (n, side): (usize, usize),
        device: &Device,
    ) -> Result<Self> {
        let noise = Noise::named("training");
        let pixels = (0..n * 3 * side * side).map(|at| 2.0 * noise.at(at) as f32).collect();
        let batch = Tensor::from_vec(pixels, (n, 3, side, side), device.candle())?;
        let setup = TrainSetup { classes: None, add_norms: true };
        let network = load_trainable(file, None, setup, device).expect("weights");
        network.adopt_statistics(&batch)?;
        let mode = TrainMode { batch_statistics: true, frozen_stages, ..TrainMode::default() };
        let output = network.forward_train(&batch, mode)?;
        let wanted = (0..output.logits.elem_count()).map(|at| noise.at(at) as f32).collect();
        let wanted = Tensor::from_vec(wanted, output.logits.shape(), device.candle())?;
        let all = (&output.logits * wanted)?.sum_all()?.backward()?;
        let mut numbers = BTreeMap::from([("logits".to_owned(), flat(&output.logits)?)]);
        for (name, var) in network.parameters() {
            if let Some(gradient) = all.get(var.as_tensor()) {
                numbers.insert(name.clone(), flat(gradient)?);
            }
        }
        output.statistics.apply(0.5)?;
        for (name, var) in network.statistics() {
            numbers.insert(name.clone(), flat(var)?);
        }
        Ok(Self(numbers))
    }

    /// What differs by more than a limit. The limits allow for ReLUs that, by a rounding, pass here what they
    /// block there.
    fn unlike(&self, other: &Self, what: &str, limit: f64) -> Vec<String> {
        assert!(self.0.keys().eq(other.0.keys()), "{what}");
        // A bias before a batch norm has no gradient but for rounding.
        let each = self.0.iter().map(|(name, own)| (name, off(own, &other.0[name], 1e-2)));
        each.filter(|(_, off)| *off > limit || off.is_nan())
            .map(|(name, off)| format!("{what}: {name} is off by {off:.4}"))
            .collect()
    }
}
