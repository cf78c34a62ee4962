//! A weights file opened as a network: recognised by its tensor names, its tensors checked as they are
//! read.

use std::cell::RefCell;
use std::path::Path;

use candle_core::{DType, Tensor};
use lookalike_infer::Ranges;
use lookalike_photo::Preprocess;

use super::activation_ranges::ranges_in;
use super::metadata::{CLASSES_KEY, PREPROCESS_KEY};
use super::names::Naming;
use super::tensors::TensorFile;
use super::variables::{TrainSetup, Use, Variables};
use crate::preprocess::preprocess_named;
use crate::{BackboneError, BackboneKind, Device};

/// An opened weights file, which builds the layers of the network it holds.
pub(crate) struct Checkpoint {
    pub(super) file: TensorFile,
    pub(super) naming: Naming,
    pub(super) kind: BackboneKind,
    pub(super) used_for: Use,
    pub(super) device: Device,
    pub(super) variables: RefCell<Variables>,
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
                    || "a MobileNetV3-Large, EfficientNet-Lite, ResNet50 or VGG19".into(),
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

    /// The names of the classes, if the file has them.
    pub(crate) fn classes(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.file.metadata.get(CLASSES_KEY)?).ok()
    }

    /// How photos are prepared: as the file says, else the network's usual way.
    pub(crate) fn preprocess(&self) -> Result<Preprocess, BackboneError> {
        let name = self.preprocess_name();
        preprocess_named(&name)
            .ok_or_else(|| BackboneError::UnknownPreprocess { path: self.file.path.clone(), name })
    }

    /// The int8 calibration, if the file has one.
    pub(crate) fn ranges(&self) -> Result<Option<Ranges>, BackboneError> {
        ranges_in(&self.file)
    }

    /// The name of [`Self::preprocess`].
    pub(crate) fn preprocess_name(&self) -> String {
        let stated = self.file.metadata.get(PREPROCESS_KEY);
        stated.cloned().unwrap_or_else(|| self.kind.preprocess_name().to_owned())
    }

    /// The variables of all layers that were built.
    pub(crate) fn into_variables(self) -> Variables {
        self.variables.into_inner()
    }

    /// Whether a VGG has its two dense layers.
    pub(crate) fn has_dense_layers(&self) -> bool {
        self.naming != Naming::PlainVgg
    }

    /// The classes of a new classifier, if this layer is to be one.
    pub(super) fn new_head(&self, layer: &str) -> Option<usize> {
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

    pub(super) fn shape(&self, name: &str) -> Result<&Vec<usize>, BackboneError> {
        self.file.shapes.get(name).ok_or_else(|| BackboneError::MissingTensor {
            path: self.file.path.clone(),
            kind: self.kind,
            tensor: name.to_owned(),
        })
    }

    /// A tensor in f32, whatever precision it is stored in.
    pub(super) fn tensor(&self, name: &str, wanted: &[usize]) -> Result<Tensor, BackboneError> {
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

    pub(super) fn check_finite(&self, values: &Tensor, name: &str) -> Result<(), BackboneError> {
        // A sum is finite only if every term is; weights are far from overflowing one.
        if values.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Ok(());
        }
        Err(BackboneError::NotFinite { path: self.file.path.clone(), tensor: name.to_owned() })
    }
}

/// Whether this is the classifier, by the layer's own name.
pub(super) fn is_head(layer: &str) -> bool {
    matches!(layer, "logits" | "fc")
}
