//! Networks whose parameters can be trained.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Result, Tensor, Var};
use lookalike_photo::Preprocess;

use crate::checkpoint::{Checkpoint, Use, Variables};
use crate::import::{Precision, write};
use crate::kind::{PREPROCESS_KEY, preprocess_named};
use crate::load::network;
use crate::norm::Observed;
use crate::{Backbone, BackboneError, BackboneKind, Device};

/// How a network runs while it is trained.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrainMode {
    /// Batch norm by the batch's own mean and variance. Without it, by the running ones: the better
    /// choice for small batches.
    pub batch_statistics: bool,
    /// Share of an embedding's numbers (and of VGG's dense layers') that are left out: 0 to below 1.
    pub dropout: f32,
    /// Decides which numbers are left out; a new one for each step.
    pub seed: u64,
    /// Stages next to the picture that stay as they are: 0 to [`TrainableBackbone::stages`].
    pub frozen_stages: usize,
}

/// What a pass for training gives.
pub struct TrainOutput {
    /// Penultimate features, `(n, embedding_dim)`, before dropout.
    pub embedding: Tensor,
    /// Class logits, `(n, classes)`.
    pub logits: Tensor,
    /// What batch norms saw of the batch, where they used it.
    pub statistics: BatchStatistics,
}

/// Means and variances of a batch, layer by layer.
#[derive(Debug, Default)]
pub struct BatchStatistics(pub(crate) Vec<Observed>);

impl BatchStatistics {
    /// Moves the network's running statistics towards these by a share of `momentum`, 0 to 1.
    ///
    /// # Errors
    /// candle's.
    pub fn apply(&self, momentum: f64) -> Result<()> {
        self.0.iter().try_for_each(|observed| observed.apply(momentum))
    }
}

/// What a network is prepared for training with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrainSetup {
    /// A new classifier for so many classes, all zeros, in place of the file's. A file with only the
    /// first three blocks of VGG19 is taken, too; the others then begin with random numbers.
    pub classes: Option<usize>,
    /// Batch norms where the file has them folded into the convolutions, so that training is as stable
    /// as it was before. They change nothing by themselves; see
    /// [`TrainableBackbone::adopt_statistics`].
    pub add_norms: bool,
}

/// A network with its parameters.
pub struct TrainableBackbone {
    network: Arc<dyn Backbone>,
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
    /// The network; it sees every change of [`Self::parameters`].
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

    /// Prepares photos in another way than the file says or is usual for the network, by its name in
    /// the weight manifest.
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

    /// What the file calls the classes of its classifier, if that was kept.
    pub fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    /// The name of that with a square of `side` pixels, for [`Self::export`].
    pub fn preprocess_name(&self, side: u32) -> String {
        let name = self.preprocess_name.split(' ').next().unwrap_or_default();
        if side == 224 { name.to_owned() } else { format!("{name} {side}") }
    }

    /// SHA-256 of the file it came from, in hexadecimal.
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

    /// The stage that a parameter belongs to: 0 is next to the picture, [`Self::stages`] is the
    /// classifier.
    pub fn stage_of(&self, parameter: &str) -> usize {
        self.variables.stages.get(parameter).copied().unwrap_or(self.stages())
    }

    /// Number of stages before the classifier.
    pub fn stages(&self) -> usize {
        self.kind.stages()
    }

    /// [`Backbone::forward_train`].
    ///
    /// # Errors
    /// candle's, when the batch has another shape.
    pub fn forward_train(&self, batch: &Tensor, mode: TrainMode) -> Result<TrainOutput> {
        self.network.forward_train(batch, &mode)
    }

    /// Takes a batch's means and variances for the batch norms' running ones, with scales and shifts
    /// changed so that the network still computes what it did. The batch should be large, and alike to
    /// what will be trained on.
    ///
    /// # Errors
    /// candle's, when the batch has another shape.
    pub fn adopt_statistics(&self, batch: &Tensor) -> Result<()> {
        self.network.adopt_statistics(batch)
    }

    /// Writes the network as a weights file, added batch norms folded back into the convolutions.
    /// `about` goes into the file's metadata; how photos are prepared is always there.
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

/// Loads a network for training: batch norms apart where the file has them apart, every parameter a
/// variable. It is trained in f32.
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
    let network = network(&checkpoint)?;
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

/// Leaves out a share of `x`'s numbers and scales up the others (Srivastava et al., 2014), the same
/// ones for the same seed and `layer`: candle's generator cannot be seeded on a CPU, and training that
/// was interrupted should go on as if it had not been.
pub(crate) fn dropout(x: &Tensor, mode: &TrainMode, layer: &str) -> Result<Tensor> {
    if mode.dropout <= 0.0 {
        return Ok(x.clone());
    }
    let salt = layer.bytes().fold(mode.seed, |hash, byte| mix(hash ^ u64::from(byte)));
    let (kept, factor) = (1.0 - mode.dropout, 1.0 / (1.0 - mode.dropout));
    let factors: Vec<f32> = (0..x.elem_count() as u64)
        .map(|at| mix(salt.wrapping_add(at)))
        .map(|bits| if ((bits >> 40) as f32 / (1u64 << 24) as f32) < kept { factor } else { 0.0 })
        .collect();
    x * Tensor::from_vec(factors, x.shape(), x.device())?
}

/// SplitMix64's step (Steele, Lea and Flood, 2014): a well-spread number from any number.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn dropout_keeps_the_mean_and_repeats_itself() -> Result<()> {
        let x = Tensor::ones((100, 400), candle_core::DType::F32, &Device::Cpu)?;
        let mode = TrainMode { dropout: 0.3, seed: 7, ..TrainMode::default() };
        let values = |mode: &TrainMode, layer: &str| {
            dropout(&x, mode, layer)?.flatten_all()?.to_vec1::<f32>()
        };
        let dropped = values(&mode, "logits")?;
        let share = dropped.iter().filter(|&&x| x == 0.0).count() as f32 / 40_000.0;
        assert!((share - 0.3).abs() < 0.01, "{share}");
        assert!((dropped.iter().sum::<f32>() / 40_000.0 - 1.0).abs() < 0.02);
        assert_eq!(dropped, values(&mode, "logits")?);
        assert_ne!(dropped, values(&mode, "dense")?);
        assert_ne!(dropped, values(&TrainMode { seed: 8, ..mode }, "logits")?);
        Ok(())
    }
}
