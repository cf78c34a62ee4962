//! From a weights file to a network's layers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor, Var};
use lookalike_infer::Ranges;
use lookalike_photo::Preprocess;

use crate::kind::{PREPROCESS_KEY, preprocess_named};
use crate::layers::{Activation, Conv, ConvShape, Follower};
use crate::load::CLASSES_KEY;
use crate::names::Naming;
use crate::norm::BatchNorm;
use crate::quantise;
use crate::tensors::TensorFile;
use crate::train::mix;
use crate::{BackboneError, BackboneKind, Device, TrainSetup};

/// What training changes, by the names in a file.
#[derive(Default)]
pub(crate) struct Variables {
    pub(crate) parameters: BTreeMap<String, Var>,
    /// Batch norm's running statistics.
    pub(crate) statistics: BTreeMap<String, Var>,
    /// The stage of each parameter.
    pub(crate) stages: BTreeMap<String, usize>,
    /// Batch norms that the file does not have, by the names of their layers.
    pub(crate) added: Vec<(String, BatchNorm)>,
}

/// What a network is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Batch norms are folded into the convolutions before them.
    Inference,
    /// Parameters are variables, batch norms stay apart.
    Training(TrainSetup),
}

/// An opened weights file, ready to hand out layers of the network it holds.
pub(crate) struct Checkpoint {
    file: TensorFile,
    naming: Naming,
    kind: BackboneKind,
    used_for: Use,
    device: Device,
    variables: RefCell<Variables>,
}

impl Checkpoint {
    /// Reads a file and recognises the network by the names of its tensors.
    pub(crate) fn open(
        path: &Path,
        wanted: Option<BackboneKind>,
        used_for: Use,
        device: &Device,
    ) -> Result<Self, BackboneError> {
        let device = device.clone();
        let file = TensorFile::open(path)?;
        let parts = matches!(used_for, Use::Training(TrainSetup { classes: Some(_), .. }));
        match (Naming::recognise(&file.shapes, parts), wanted) {
            (Ok((kind, naming)), wanted) if wanted.is_none_or(|wanted| wanted == kind) => {
                Ok(Self { file, naming, kind, used_for, device, variables: RefCell::default() })
            }
            (recognised, wanted) => Err(BackboneError::WrongNetwork {
                path: file.path,
                found: recognised
                    .map_or_else(str::to_owned, |(kind, _)| format!("the network '{kind}'")),
                wanted: wanted.map_or_else(
                    || "a MobileNetV3-Large, ResNet50 or VGG19".into(),
                    |kind| format!("'{kind}'"),
                ),
            }),
        }
    }

    pub(crate) fn kind(&self) -> BackboneKind {
        self.kind
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    pub(crate) fn sha256(&self) -> &str {
        &self.file.sha256
    }

    /// What the classes are called, where the file says so.
    pub(crate) fn classes(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.file.metadata.get(CLASSES_KEY)?).ok()
    }

    /// As the file itself says, else as is usual for its network.
    pub(crate) fn preprocess(&self) -> Result<Preprocess, BackboneError> {
        let name = self.preprocess_name();
        preprocess_named(&name)
            .ok_or_else(|| BackboneError::UnknownPreprocess { path: self.file.path.clone(), name })
    }

    /// What the network's maps hold, where the file says so.
    pub(crate) fn ranges(&self) -> Result<Option<Ranges>, BackboneError> {
        quantise::ranges_in(&self.file)
    }

    /// Its name.
    pub(crate) fn preprocess_name(&self) -> String {
        let said = self.file.metadata.get(PREPROCESS_KEY);
        said.cloned().unwrap_or_else(|| self.kind.preprocess_name().to_owned())
    }

    /// The variables of all layers that were handed out.
    pub(crate) fn into_variables(self) -> Variables {
        self.variables.into_inner()
    }

    /// Whether a VGG has its two dense layers.
    pub(crate) fn has_dense_layers(&self) -> bool {
        self.naming != Naming::PlainVgg
    }

    /// Whether a layer that is to be trained is not in a file that holds the network's first blocks.
    fn is_left_out(&self, weight: &str) -> bool {
        let is_part = self.naming == Naming::PlainVgg && self.used_for != Use::Inference;
        is_part && !self.file.shapes.contains_key(weight)
    }

    /// The classes of a new classifier, if this layer is to be one.
    fn new_head(&self, layer: &str) -> Option<usize> {
        match self.used_for {
            Use::Training(setup) if is_head(layer) => setup.classes,
            _ => None,
        }
    }

    /// Number of output channels of a layer, read from the file.
    pub(crate) fn outputs(&self, layer: &str) -> Result<usize, BackboneError> {
        if let Some(classes) = self.new_head(layer) {
            return Ok(classes);
        }
        let name = format!("{}.weight", self.naming.layer(layer).layer);
        self.shape(&name).map(|shape| shape.first().copied().unwrap_or(0))
    }

    /// A convolution by its own name (`blocks.3.expand`), batch norm folded into it.
    ///
    /// `wanted` is the shape of its weight: `(out, in / groups, k, k)`.
    pub(crate) fn conv(
        &self,
        layer: &str,
        wanted: [usize; 4],
        shape: ConvShape,
        activation: Activation,
    ) -> Result<Conv, BackboneError> {
        let names = self.naming.layer(layer);
        let weight_name = format!("{}.weight", names.layer);
        let stage = self.kind.stage_of(layer);
        if self.new_head(layer).is_some() {
            let zeros =
                |shape: &[usize]| Tensor::zeros(shape, DType::F32, &candle_core::Device::Cpu);
            let weight = self.variable(&weight_name, zeros(&wanted)?, stage)?;
            let bias =
                self.variable(&format!("{}.bias", names.layer), zeros(&wanted[..1])?, stage)?;
            return Ok(Conv::new(weight, Follower::Bias(bias), shape, activation));
        }
        if self.is_left_out(&weight_name) {
            let weight = self.variable(&weight_name, random_weight(&wanted, layer)?, stage)?;
            let bias_name = format!("{}.bias", names.layer);
            let zeros = Tensor::zeros(wanted[0], DType::F32, &candle_core::Device::Cpu)?;
            let follower = match self.used_for {
                Use::Training(setup) if setup.add_norms && may_be_normed(layer) => {
                    Follower::Norm(self.added_norm(&names.layer, &zeros, stage, true)?)
                }
                _ => Follower::Bias(self.variable(&bias_name, zeros, stage)?),
            };
            return Ok(Conv::new(weight, follower, shape, activation));
        }
        // A 1x1 layer on pooled features may be stored as the matrix it is, and one on a whole map as
        // the convolution of that map that it also is.
        let found = self.shape(&weight_name)?;
        let is_matrix = wanted[2..] == [1, 1] && found[..] == wanted[..2];
        let is_map = wanted[2..] == [1, 1]
            && found.len() == 4
            && found[0] == wanted[0]
            && found[1..].iter().product::<usize>() == wanted[1];
        let stored = if is_matrix || is_map { found.clone() } else { wanted.to_vec() };
        let weight = self.parameter(&weight_name, &stored, stage)?;
        let weight = weight.reshape(&wanted[..])?;
        let channels = wanted[0];
        let (weight, follower) = match (names.norm, self.used_for) {
            (None, Use::Training(setup)) if setup.add_norms && may_be_normed(layer) => {
                let bias = self.tensor(&format!("{}.bias", names.layer), &[channels])?;
                let norm = self.added_norm(&names.layer, &bias, stage, false)?;
                (weight, Follower::Norm(norm))
            }
            (None, _) => {
                let bias = self.parameter(&format!("{}.bias", names.layer), &[channels], stage)?;
                (weight, Follower::Bias(bias))
            }
            (Some(norm), Use::Inference) => {
                let (weight, bias) = self.fold(weight, &norm, channels)?;
                (weight, Follower::Bias(bias))
            }
            (Some(norm), Use::Training(_)) => {
                (weight, Follower::Norm(self.norm(&norm, channels, stage)?))
            }
        };
        let (weight, follower) = match (self.used_for, follower) {
            (Use::Inference, Follower::Bias(bias)) => {
                (self.device.upload(&weight)?, Follower::Bias(self.device.upload(&bias)?))
            }
            variables => (weight, variables.1),
        };
        Ok(Conv::new(weight, follower, shape, activation))
    }

    /// `gamma * (conv(x) - mean) / sqrt(variance + eps) + beta` as a weight and a bias.
    fn fold(
        &self,
        weight: Tensor,
        norm: &str,
        channels: usize,
    ) -> Result<(Tensor, Tensor), BackboneError> {
        let part = |name: &str| self.tensor(&format!("{norm}.{name}"), &[channels]);
        let deviation = (part("running_var")? + self.naming.batch_norm_eps())?.sqrt()?;
        let scale = (part("weight")? / deviation)?;
        // The root of a negative variance; ReLU would hide it behind zeros.
        self.check_finite(&scale, &format!("{norm}.running_var"))?;
        let bias = (part("bias")? - (part("running_mean")? * &scale)?)?;
        Ok((weight.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?, bias))
    }

    fn norm(&self, norm: &str, channels: usize, stage: usize) -> Result<BatchNorm, BackboneError> {
        let statistic = |part: &str| {
            let name = format!("{norm}.{part}");
            let value = self.tensor(&name, &[channels])?;
            self.statistic(name, &value)
        };
        let (mean, variance) = (statistic("running_mean")?, statistic("running_var")?);
        let eps = self.naming.batch_norm_eps();
        let deviation = (variance.as_tensor() + eps)?.sqrt()?;
        self.check_finite(&deviation, &format!("{norm}.running_var"))?;
        let part = |part: &str| {
            let name = format!("{norm}.{part}");
            self.new_variable(&name, &self.tensor(&name, &[channels])?, stage)
        };
        let (gamma, beta) = (part("weight")?, part("bias")?);
        Ok(BatchNorm { gamma, beta, mean, variance, eps, is_new: false })
    }

    /// A batch norm behind a layer that has a bias: as if it were not there.
    fn added_norm(
        &self,
        layer: &str,
        bias: &Tensor,
        stage: usize,
        is_new: bool,
    ) -> Result<BatchNorm, BackboneError> {
        let eps = self.naming.batch_norm_eps();
        let (zeros, ones) = (bias.zeros_like()?, bias.ones_like()?);
        let name = |part: &str| format!("{layer}.norm.{part}");
        let norm = BatchNorm {
            gamma: self.new_variable(&name("weight"), &ones, stage)?,
            beta: self.new_variable(&name("bias"), bias, stage)?,
            mean: self.statistic(name("running_mean"), &zeros)?,
            variance: self.statistic(name("running_var"), &(ones - eps)?)?,
            eps,
            is_new,
        };
        self.variables.borrow_mut().added.push((layer.to_owned(), norm.clone()));
        Ok(norm)
    }

    fn statistic(&self, name: String, value: &Tensor) -> Result<Var, BackboneError> {
        let statistic = Var::from_tensor(&value.to_device(self.device.candle())?)?;
        self.variables.borrow_mut().statistics.insert(name, statistic.clone());
        Ok(statistic)
    }

    /// A tensor that training changes, then as a variable.
    fn parameter(
        &self,
        name: &str,
        wanted: &[usize],
        stage: usize,
    ) -> Result<Tensor, BackboneError> {
        let tensor = self.tensor(name, wanted)?;
        if self.used_for == Use::Inference {
            Ok(tensor)
        } else {
            self.variable(name, tensor, stage)
        }
    }

    fn variable(&self, name: &str, value: Tensor, stage: usize) -> Result<Tensor, BackboneError> {
        Ok(self.new_variable(name, &value, stage)?.as_tensor().clone())
    }

    fn new_variable(&self, name: &str, value: &Tensor, stage: usize) -> Result<Var, BackboneError> {
        let variable = Var::from_tensor(&value.to_device(self.device.candle())?)?;
        let mut variables = self.variables.borrow_mut();
        variables.parameters.insert(name.to_owned(), variable.clone());
        variables.stages.insert(name.to_owned(), stage);
        Ok(variable)
    }

    fn shape(&self, name: &str) -> Result<&Vec<usize>, BackboneError> {
        self.file.shapes.get(name).ok_or_else(|| BackboneError::MissingTensor {
            path: self.file.path.clone(),
            kind: self.kind,
            tensor: name.to_owned(),
        })
    }

    /// A tensor in f32, whatever precision it is stored in.
    fn tensor(&self, name: &str, wanted: &[usize]) -> Result<Tensor, BackboneError> {
        let found = self.shape(name)?;
        if found != wanted {
            return Err(BackboneError::TensorShape {
                path: self.file.path.clone(),
                kind: self.kind,
                tensor: name.to_owned(),
                found: found.clone(),
                wanted: wanted.to_vec(),
            });
        }
        let tensor = self.file.read(name)?.to_dtype(DType::F32)?.contiguous()?;
        self.check_finite(&tensor, name)?;
        Ok(tensor)
    }

    fn check_finite(&self, values: &Tensor, name: &str) -> Result<(), BackboneError> {
        // A sum is finite only if every term is; weights are far from overflowing one.
        if values.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Ok(());
        }
        Err(BackboneError::NotFinite { path: self.file.path.clone(), tensor: name.to_owned() })
    }
}

/// Where a layer begins that nothing is known of (He et al., "Delving deep into rectifiers", 2015):
/// normally distributed, by the number of its inputs. The same for the same layer.
fn random_weight(shape: &[usize; 4], layer: &str) -> candle_core::Result<Tensor> {
    let deviation = (2.0 / (shape[1] * shape[2] * shape[3]) as f64).sqrt();
    let salt = layer.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    // Box and Muller's transform of two uniform numbers.
    let uniform = |at: u64| ((mix(salt.wrapping_add(at)) >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    let normal = |at: u64| {
        let (radius, turn) = (uniform(2 * at), uniform(2 * at + 1));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    };
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64)
        .map(|at| (deviation * normal(at)) as f32)
        .collect();
    Tensor::from_vec(values, &shape[..], &candle_core::Device::Cpu)
}

/// Whether this is the classifier, by the layer's own name.
fn is_head(layer: &str) -> bool {
    matches!(layer, "logits" | "fc")
}

/// Whether a batch norm may be added behind a layer: those on pooled features see one number a photo,
/// too few for statistics.
fn may_be_normed(layer: &str) -> bool {
    let pooled = ["conv_2", "dense_1", "dense_2"].contains(&layer);
    !(pooled || is_head(layer) || layer.ends_with("squeeze") || layer.ends_with("excite"))
}
