//! The pass that a network runs: inference, adopting statistics, or training.

use candle_core::Tensor;

use super::statistics::{BatchStatistics, StatisticsRecorder};

/// How a network runs while it is trained.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrainMode {
    /// Batch norm by the batch's own mean and variance. Without it, by the running ones: the better
    /// choice for small batches.
    pub batch_statistics: bool,
    /// Dropout rate of the embedding (and of VGG's dense layers): 0 to below 1.
    pub dropout: f32,
    /// Decides what dropout zeroes; another one for each step.
    pub seed: u64,
    /// Number of stages, counted from the input, that are not trained: 0 to [`crate::TrainableBackbone::stages`].
    pub frozen_stages: usize,
}

/// The result of a training pass.
pub struct TrainOutput {
    /// Penultimate features, `(n, embedding_dim)`, before dropout.
    pub embedding: Tensor,
    /// Class logits, `(n, classes)`.
    pub logits: Tensor,
    /// The batch's statistics, of batch norms that used them.
    pub statistics: BatchStatistics,
}

/// Why a network runs, which decides how its layers compute.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pass<'a> {
    /// Inference: operations work in place, and nothing is kept for gradients.
    Infer,
    /// Inference, while batch norms take the batch's statistics as their running ones.
    Adopt,
    /// Training: operations keep what their gradients need.
    Train(&'a TrainMode, &'a StatisticsRecorder),
}

impl Pass<'_> {
    /// The pass of a stage, counted from the input: frozen stages run as in inference.
    pub(crate) fn at(self, stage: usize) -> Self {
        match self {
            Self::Train(mode, _) if stage < mode.frozen_stages => Self::Infer,
            pass => pass,
        }
    }
}
