//! A weights file, and the names its tensors go by.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::safetensors::BufferedSafetensors;
use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};

use crate::layers::{Activation, Conv, ConvShape};
use crate::{BackboneError, BackboneKind};

/// Batch norm's epsilon in timm's and torchvision's plain configurations.
const BATCH_NORM_EPS: f64 = 1e-5;

/// Which names a file's tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// This project's own: `blocks.3.expand.weight` with a bias, batch norm folded in.
    Own,
    /// timm's MobileNetV3: `blocks.2.0.conv_pw.weight`, batch norm apart.
    Timm,
}

/// Blocks in each of timm's stages of MobileNetV3-Large.
const TIMM_STAGES: [usize; 6] = [1, 2, 3, 4, 2, 3];

/// An opened weights file, ready to hand out layers of the network it holds.
pub(crate) struct Checkpoint {
    path: PathBuf,
    tensors: BufferedSafetensors,
    shapes: BTreeMap<String, Vec<usize>>,
    naming: Naming,
    kind: BackboneKind,
    sha256: String,
}

impl Checkpoint {
    /// Reads a safetensors file and recognises the network by the names of its tensors.
    pub(crate) fn open(path: &Path, wanted: Option<BackboneKind>) -> Result<Self, BackboneError> {
        let path = path.to_owned();
        let bytes = std::fs::read(&path)
            .map_err(|source| BackboneError::Unreadable { path: path.clone(), source })?;
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let tensors = BufferedSafetensors::new(bytes).map_err(|error| {
            let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
            BackboneError::NotSafetensors { path: path.clone(), reason }
        })?;
        let shapes: BTreeMap<_, _> = tensors
            .tensors()
            .into_iter()
            .map(|(name, view)| (name, view.shape().to_vec()))
            .collect();
        let recognised = recognise(&shapes);
        match (recognised, wanted) {
            (Ok((kind, naming)), wanted) if wanted.is_none_or(|wanted| wanted == kind) => {
                Ok(Self { path, tensors, shapes, naming, kind, sha256 })
            }
            (recognised, wanted) => Err(BackboneError::WrongNetwork {
                path,
                found: recognised
                    .map_or_else(str::to_owned, |(kind, _)| format!("the network '{kind}'")),
                wanted: wanted
                    .map_or_else(|| "a MobileNetV3-Large".into(), |kind| format!("'{kind}'")),
            }),
        }
    }

    pub(crate) fn kind(&self) -> BackboneKind {
        self.kind
    }

    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Number of output channels of a layer, read from the file.
    pub(crate) fn outputs(&self, layer: &str) -> Result<usize, BackboneError> {
        let name = format!("{}.weight", self.names(layer).0);
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
        let (conv, norm) = self.names(layer);
        let weight_name = format!("{conv}.weight");
        // A 1x1 layer on pooled features may be stored as the matrix it is.
        let found = self.shape(&weight_name)?;
        let as_matrix = wanted[2..] == [1, 1] && found == &wanted[..2];
        let weight = if as_matrix {
            self.tensor(&weight_name, &wanted[..2])?.reshape(&wanted[..])?
        } else {
            self.tensor(&weight_name, &wanted)?
        };
        let (weight, bias) = match norm {
            None => (weight, self.tensor(&format!("{conv}.bias"), &wanted[..1])?),
            Some(norm) => self.fold(weight, &norm, wanted[0])?,
        };
        Ok(Conv::new(weight, bias, shape, activation)?)
    }

    /// `gamma * (conv(x) - mean) / sqrt(variance + eps) + beta` as a weight and a bias.
    fn fold(
        &self,
        weight: Tensor,
        norm: &str,
        channels: usize,
    ) -> Result<(Tensor, Tensor), BackboneError> {
        let part = |name: &str| self.tensor(&format!("{norm}.{name}"), &[channels]);
        let deviation = (part("running_var")? + BATCH_NORM_EPS)?.sqrt()?;
        let scale = (part("weight")? / deviation)?;
        // The root of a negative variance; ReLU would hide it behind zeros.
        self.check_finite(&scale, &format!("{norm}.running_var"))?;
        let bias = (part("bias")? - (part("running_mean")? * &scale)?)?;
        Ok((weight.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?, bias))
    }

    fn shape(&self, name: &str) -> Result<&Vec<usize>, BackboneError> {
        self.shapes.get(name).ok_or_else(|| BackboneError::MissingTensor {
            path: self.path.clone(),
            kind: self.kind,
            tensor: name.to_owned(),
        })
    }

    /// A tensor in f32, whatever precision it is stored in.
    fn tensor(&self, name: &str, wanted: &[usize]) -> Result<Tensor, BackboneError> {
        let found = self.shape(name)?;
        if found != wanted {
            return Err(BackboneError::TensorShape {
                path: self.path.clone(),
                kind: self.kind,
                tensor: name.to_owned(),
                found: found.clone(),
                wanted: wanted.to_vec(),
            });
        }
        let tensor = self.tensors.load(name, &Device::Cpu)?.to_dtype(DType::F32)?;
        self.check_finite(&tensor, name)?;
        Ok(tensor)
    }

    fn check_finite(&self, values: &Tensor, name: &str) -> Result<(), BackboneError> {
        // A sum is finite only if every term is; weights are far from overflowing one.
        if values.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Ok(());
        }
        Err(BackboneError::NotFinite { path: self.path.clone(), tensor: name.to_owned() })
    }

    /// A layer's names in this file: its convolution's, and its batch norm's where it is apart.
    fn names(&self, layer: &str) -> (String, Option<String>) {
        match self.naming {
            Naming::Own => (layer.to_owned(), None),
            Naming::Timm => timm_names(layer),
        }
    }
}

fn timm_names(layer: &str) -> (String, Option<String>) {
    let parts: Vec<&str> = layer.split('.').collect();
    match parts[..] {
        ["conv"] => ("conv_stem".into(), Some("bn1".into())),
        ["conv_1"] => ("blocks.6.0.conv".into(), Some("blocks.6.0.bn1".into())),
        ["conv_2"] => ("conv_head".into(), None),
        ["logits"] => ("classifier".into(), None),
        ["blocks", number, part] => {
            let mut block: usize = number.parse().unwrap_or(usize::MAX);
            let mut stage = 0;
            while stage + 1 < TIMM_STAGES.len() && block >= TIMM_STAGES[stage] {
                block -= TIMM_STAGES[stage];
                stage += 1;
            }
            let prefix = format!("blocks.{stage}.{block}");
            // The first block has no expansion, which shifts the numbers of its norms.
            let (conv, norm) = match (part, stage) {
                ("expand", _) => ("conv_pw", Some("bn1")),
                ("depthwise", 0) => ("conv_dw", Some("bn1")),
                ("depthwise", _) => ("conv_dw", Some("bn2")),
                ("project", 0) => ("conv_pw", Some("bn2")),
                ("project", _) => ("conv_pwl", Some("bn3")),
                ("squeeze", _) => ("se.conv_reduce", None),
                _ => ("se.conv_expand", None),
            };
            (format!("{prefix}.{conv}"), norm.map(|norm| format!("{prefix}.{norm}")))
        }
        _ => (layer.to_owned(), None),
    }
}

/// The network and naming that a file's tensor names show, or what else they look like.
fn recognise(
    shapes: &BTreeMap<String, Vec<usize>>,
) -> Result<(BackboneKind, Naming), &'static str> {
    let has = |name: &str| shapes.contains_key(name);
    if has("blocks.0.depthwise.weight") {
        let full = has("blocks.3.squeeze.weight");
        let kind =
            if full { BackboneKind::MobileNetV3 } else { BackboneKind::MobileNetV3Minimalistic };
        Ok((kind, Naming::Own))
    } else if has("conv_stem.weight") && has("blocks.6.0.conv.weight") {
        Ok((BackboneKind::MobileNetV3, Naming::Timm))
    } else if has("conv_stem.weight") {
        Err("another MobileNet or EfficientNet")
    } else if has("layer1.0.conv1.weight") {
        Err("a ResNet")
    } else if has("features.0.0.weight") {
        Err("a MobileNet with torchvision's tensor names")
    } else if has("features.0.weight") {
        Err("a VGG")
    } else {
        Err("an unknown network")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timm_counts_blocks_by_stage() {
        let name = |layer: &str| timm_names(layer).0;
        assert_eq!(name("blocks.0.project"), "blocks.0.0.conv_pw");
        assert_eq!(name("blocks.1.expand"), "blocks.1.0.conv_pw");
        assert_eq!(name("blocks.3.squeeze"), "blocks.2.0.se.conv_reduce");
        assert_eq!(name("blocks.9.project"), "blocks.3.3.conv_pwl");
        assert_eq!(name("blocks.10.depthwise"), "blocks.4.0.conv_dw");
        assert_eq!(name("blocks.14.depthwise"), "blocks.5.2.conv_dw");
        assert_eq!(timm_names("blocks.0.depthwise").1.as_deref(), Some("blocks.0.0.bn1"));
        assert_eq!(timm_names("blocks.2.depthwise").1.as_deref(), Some("blocks.1.1.bn2"));
    }
}
