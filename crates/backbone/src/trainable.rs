//! A network loaded for training, with its parameters as variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Result, Tensor, Var};
use lookalike_photo::Preprocess;

use crate::checkpoint::metadata::PREPROCESS_KEY;
use crate::checkpoint::reader::Checkpoint;
use crate::checkpoint::variables::{TrainSetup, Use, Variables};
use crate::checkpoint::write::{Precision, write};
use crate::layers::pass::{TrainMode, TrainOutput};
use crate::networks;
use crate::networks::network::TrainableNetwork;
use crate::preprocess::preprocess_named;
use crate::{Backbone, BackboneError, BackboneKind, Device};

/// A network with its parameters.
pub struct TrainableBackbone {
    network: Arc<dyn TrainableNetwork>,
    kind: BackboneKind,
    preprocess: Preprocess,
    preprocess_name: String,
    device: Device,
    sha256: String,
    path: PathBuf,
    classes: Option<Vec<String>>,
    variables: Variables,
}

impl TrainableBackbone {
    /// The network, which always computes with the current [`Self::parameters`].
    pub fn network(&self) -> &dyn Backbone {
        &*self.network
    }

    /// Which network it is.
    pub fn kind(&self) -> BackboneKind {
        self.kind
    }

    /// Where it computes. Batches may lie portable; parameters lie there.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How photos are prepared for it.
    pub fn preprocess(&self) -> Preprocess {
        self.preprocess
    }

    /// Sets the preprocessing, in place of the file's or the network's usual one, by its name; see
    /// [`preprocess_named`].
    ///
    /// # Errors
    /// [`BackboneError::UnknownPreprocess`].
    pub fn prepare_photos_as(&mut self, name: &str) -> std::result::Result<(), BackboneError> {
        self.preprocess = preprocess_named(name).ok_or_else(|| {
            BackboneError::UnknownPreprocess { path: self.path.clone(), name: name.to_owned() }
        })?;
        self.preprocess_name = name.to_owned();
        Ok(())
    }

    /// The names of its classifier's classes, if the file has them and its classifier was kept.
    pub fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    /// The name of its preprocessing with a letterbox of `side` pixels, for [`Self::export`].
    pub fn preprocess_name(&self, side: u32) -> String {
        let name = self.preprocess_name.split(' ').next().unwrap_or_default();
        if side == 224 { name.to_owned() } else { format!("{name} {side}") }
    }

    /// SHA-256 of its weights file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What training changes, by the names in the file.
    pub fn parameters(&self) -> &BTreeMap<String, Var> {
        &self.variables.parameters
    }

    /// Batch norm's running means and variances, by the names in the file.
    pub fn statistics(&self) -> &BTreeMap<String, Var> {
        &self.variables.statistics
    }

    /// The stage of a parameter: 0 is next to the input, [`Self::stages`] is the classifier.
    pub fn stage_of(&self, parameter: &str) -> usize {
        self.variables.stages.get(parameter).copied().unwrap_or(self.stages())
    }

    /// Number of stages before the classifier.
    pub fn stages(&self) -> usize {
        self.kind.stages()
    }

    /// Embeddings and logits of a batch, `(n, 3, s, s)`, with gradients that lead to [`Self::parameters`].
    ///
    /// # Errors
    /// candle's, when the batch has another shape.
    pub fn forward_train(&self, batch: &Tensor, mode: TrainMode) -> Result<TrainOutput> {
        self.network.forward_train(batch, &mode)
    }

    /// Takes a batch's means and variances as the batch norms' running ones, and changes scales and shifts
    /// so that the network's results stay the same. The batch should be large, and like the training
    /// data.
    ///
    /// # Errors
    /// candle's, when the batch has another shape.
    pub fn adopt_statistics(&self, batch: &Tensor) -> Result<()> {
        self.network.adopt_statistics(batch)
    }

    /// Writes the network as a weights file, added batch norms folded back into the convolutions. The
    /// metadata has `about` and the name of the preprocessing.
    ///
    /// # Errors
    /// [`BackboneError::OutOfRange`] for what f16 cannot hold, [`BackboneError::Unwritable`].
    pub fn export(
        &self,
        to: &Path,
        preprocess: &str,
        precision: Precision,
        about: &[(&str, String)],
    ) -> std::result::Result<(), BackboneError> {
        self.export_with(to, preprocess, precision, about, Vec::new())
    }

    /// [`Self::export`], with more tensors.
    pub(crate) fn export_with(
        &self,
        to: &Path,
        preprocess: &str,
        precision: Precision,
        about: &[(&str, String)],
        more: Vec<(String, Tensor)>,
    ) -> std::result::Result<(), BackboneError> {
        let Variables { parameters, statistics, added, .. } = &self.variables;
        let mut tensors: BTreeMap<String, Tensor> = parameters
            .iter()
            .chain(statistics)
            .map(|(name, var)| (name.clone(), var.detach()))
            .collect();
        for (layer, norm) in added {
            let (scale, shift) = norm.running_affine()?;
            for part in ["weight", "bias", "running_mean", "running_var"] {
                tensors.remove(&format!("{layer}.norm.{part}"));
            }
            if let Some(weight) = tensors.get_mut(&format!("{layer}.weight")) {
                *weight = weight.broadcast_mul(&scale.detach().reshape(((), 1, 1, 1))?)?;
            }
            tensors.insert(format!("{layer}.bias"), shift.detach());
        }
        tensors.extend(more);
        let about = about.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let own = (PREPROCESS_KEY.to_owned(), preprocess.to_owned());
        write(&tensors, to, precision, about.chain([own]).collect())
    }
}

/// Loads a network for training in f32: every parameter is a variable, and batch norms are not folded.
///
/// # Errors
/// As [`crate::load`].
pub fn load_trainable(
    weights: &Path,
    wanted: Option<BackboneKind>,
    setup: TrainSetup,
    device: &Device,
) -> std::result::Result<TrainableBackbone, BackboneError> {
    let checkpoint = Checkpoint::open(weights, wanted, Use::Training(setup), device)?;
    let network = networks::build(&checkpoint)?;
    let (kind, preprocess) = (checkpoint.kind(), checkpoint.preprocess()?);
    let (preprocess_name, sha256) = (checkpoint.preprocess_name(), checkpoint.sha256().to_owned());
    let classes = checkpoint.classes().filter(|_| setup.classes.is_none());
    let variables = checkpoint.into_variables();
    Ok(TrainableBackbone {
        network,
        kind,
        preprocess,
        preprocess_name,
        device: device.clone(),
        sha256,
        path: weights.to_owned(),
        classes,
        variables,
    })
}
