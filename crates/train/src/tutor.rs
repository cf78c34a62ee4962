use std::path::Path;
use std::sync::Arc;

use candle_core::Tensor;
use lookalike_backbone::{Backbone, Device, load_on};
use lookalike_photo::Preprocess;

use crate::TrainError;

/// A network that knows the same products, whose opinion of every photo is learned beside the truth
/// (Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015).
pub(crate) struct Tutor {
    network: Arc<dyn Backbone>,
    /// How photos are prepared for it, at the run's size.
    pub(crate) preprocess: Preprocess,
    /// For each class of the run, which of the tutor's it is.
    classes: Tensor,
    /// SHA-256 of its weights.
    pub(crate) sha256: String,
}

impl Tutor {
    /// # Errors
    /// [`TrainError::Tutor`] where it does not know all of the classes.
    pub(crate) fn load(
        weights: &Path,
        classes: &[String],
        side: u32,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let loaded = load_on(weights, None, device)?;
        let known = loaded.classes.unwrap_or_default();
        let number = |class: &String| {
            let at = known.iter().position(|known| known == class).map(|at| at as u32);
            at.ok_or_else(|| TrainError::Tutor { path: weights.to_owned(), class: class.clone() })
        };
        let numbers = classes.iter().map(number).collect::<Result<Vec<u32>, _>>()?;
        Ok(Self {
            network: loaded.network,
            preprocess: loaded.preprocess.with_size(side),
            classes: Tensor::from_vec(numbers, classes.len(), device.candle())?,
            sha256: loaded.identity.weights_sha256,
        })
    }

    /// Logits of a batch, `(n, 3, s, s)`, for the run's classes.
    pub(crate) fn logits(&self, batch: &Tensor) -> candle_core::Result<Tensor> {
        self.network.logits(batch)?.index_select(&self.classes, 1)
    }
}
