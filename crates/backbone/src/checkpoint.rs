//! From a weights file to a network's layers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor, Var};
use lookalike_photo::Preprocess;

use crate::kind::{PREPROCESS_KEY, preprocess_named};
use crate::layers::{Activation, BatchNorm, Conv, ConvShape, Follower};
use crate::names::Naming;
use crate::tensors::TensorFile;
use crate::{BackboneError, BackboneKind};

/// Variables by their names in a file.
pub(crate) type Variables = BTreeMap<String, Var>;

/// What a network is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Batch norms are folded into the convolutions before them.
    Inference,
    /// Parameters are variables, batch norms stay apart.
    Training,
}

/// An opened weights file, ready to hand out layers of the network it holds.
pub(crate) struct Checkpoint {
    file: TensorFile,
    naming: Naming,
    kind: BackboneKind,
    used_for: Use,
    /// Parameters, and batch norm's running statistics.
    variables: RefCell<(Variables, Variables)>,
}

impl Checkpoint {
    /// Reads a file and recognises the network by the names of its tensors.
    pub(crate) fn open(
        path: &Path,
        wanted: Option<BackboneKind>,
        used_for: Use,
    ) -> Result<Self, BackboneError> {
        let file = TensorFile::open(path)?;
        match (Naming::recognise(&file.shapes), wanted) {
            (Ok((kind, naming)), wanted) if wanted.is_none_or(|wanted| wanted == kind) => {
                Ok(Self { file, naming, kind, used_for, variables: RefCell::default() })
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

    pub(crate) fn sha256(&self) -> &str {
        &self.file.sha256
    }

    /// As the file itself says, else as is usual for its network.
    pub(crate) fn preprocess(&self) -> Result<Preprocess, BackboneError> {
        let Some(name) = self.file.metadata.get(PREPROCESS_KEY) else {
            return Ok(self.kind.preprocess());
        };
        preprocess_named(name).ok_or_else(|| BackboneError::UnknownPreprocess {
            path: self.file.path.clone(),
            name: name.clone(),
        })
    }

    /// The parameters and running statistics of all layers that were handed out.
    pub(crate) fn into_variables(self) -> (Variables, Variables) {
        self.variables.into_inner()
    }

    /// Whether a VGG has its two dense layers.
    pub(crate) fn has_dense_layers(&self) -> bool {
        self.naming != Naming::PlainVgg
    }

    /// Number of output channels of a layer, read from the file.
    pub(crate) fn outputs(&self, layer: &str) -> Result<usize, BackboneError> {
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
        // A 1x1 layer on pooled features may be stored as the matrix it is, and one on a whole map as
        // the convolution of that map that it also is.
        let found = self.shape(&weight_name)?;
        let is_matrix = wanted[2..] == [1, 1] && found[..] == wanted[..2];
        let is_map = wanted[2..] == [1, 1]
            && found.len() == 4
            && found[0] == wanted[0]
            && found[1..].iter().product::<usize>() == wanted[1];
        let stored = if is_matrix || is_map { found.clone() } else { wanted.to_vec() };
        let weight = self.parameter(&weight_name, &stored)?;
        let weight = weight.reshape(&wanted[..])?;
        let channels = wanted[0];
        let (weight, follower) = match (names.norm, self.used_for) {
            (None, _) => {
                let bias = self.parameter(&format!("{}.bias", names.layer), &[channels])?;
                (weight, Follower::Bias(bias))
            }
            (Some(norm), Use::Inference) => {
                let (weight, bias) = self.fold(weight, &norm, channels)?;
                (weight, Follower::Bias(bias))
            }
            (Some(norm), Use::Training) => (weight, Follower::Norm(self.norm(&norm, channels)?)),
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

    fn norm(&self, norm: &str, channels: usize) -> Result<BatchNorm, BackboneError> {
        let statistic = |name: &str| -> Result<Var, BackboneError> {
            let name = format!("{norm}.{name}");
            let statistic = Var::from_tensor(&self.tensor(&name, &[channels])?)?;
            self.variables.borrow_mut().1.insert(name, statistic.clone());
            Ok(statistic)
        };
        let (mean, variance) = (statistic("running_mean")?, statistic("running_var")?);
        let eps = self.naming.batch_norm_eps();
        let deviation = (variance.as_tensor() + eps)?.sqrt()?;
        self.check_finite(&deviation, &format!("{norm}.running_var"))?;
        Ok(BatchNorm {
            gamma: self.parameter(&format!("{norm}.weight"), &[channels])?,
            beta: self.parameter(&format!("{norm}.bias"), &[channels])?,
            mean,
            variance,
            eps,
        })
    }

    /// A tensor that training changes, then as a variable.
    fn parameter(&self, name: &str, wanted: &[usize]) -> Result<Tensor, BackboneError> {
        let tensor = self.tensor(name, wanted)?;
        if self.used_for == Use::Inference {
            return Ok(tensor);
        }
        let variable = Var::from_tensor(&tensor)?;
        let tensor = variable.as_tensor().clone();
        self.variables.borrow_mut().0.insert(name.to_owned(), variable);
        Ok(tensor)
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
