//! The teacher of knowledge distillation (Hinton, Vinyals and Dean, "Distilling the knowledge in a neural
//! network", 2015).

use std::path::Path;
use std::sync::Arc;

use candle_core::Tensor;
use lookalike_backbone::{Backbone, Device, load_on};
use lookalike_photo::Preprocess;

use crate::TrainError;

/// A network with classes for the same products, whose class probabilities are learned beside the labels.
pub(crate) struct Teacher {
    network: Arc<dyn Backbone>,
    /// How photos are prepared for it, at the run's size.
    pub(crate) preprocess: Preprocess,
    /// For each class of the run, the index of the teacher's class.
    classes: Tensor,
    /// SHA-256 of its weights.
    pub(crate) sha256: String,
}

impl Teacher {
    /// # Errors
    /// [`TrainError::Teacher`] if it lacks a class.
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
            at.ok_or_else(|| TrainError::Teacher { path: weights.to_owned(), class: class.clone() })
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
