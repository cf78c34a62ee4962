//! Batch norm statistics of a training batch, and how they move the running ones.

use std::sync::{Mutex, PoisonError};

use candle_core::{Result, Tensor, Var};

/// Mean and variance of a batch at one batch norm, with the running statistics that they move.
#[derive(Debug, Clone)]
pub(crate) struct LayerStatistics {
    /// The running mean, and the batch's.
    pub(crate) mean: (Var, Tensor),
    /// The running variance, and the batch's.
    pub(crate) variance: (Var, Tensor),
}

impl LayerStatistics {
    /// Moves the running statistics towards the batch's by `momentum`, 0 to 1.
    fn apply(&self, momentum: f64) -> Result<()> {
        for (running, batch) in [&self.mean, &self.variance] {
            running.set(&((running.as_tensor() * (1.0 - momentum))? + (batch * momentum)?)?)?;
        }
        Ok(())
    }
}

/// Means and variances of a batch, layer by layer.
#[derive(Debug, Default)]
pub struct BatchStatistics(Vec<LayerStatistics>);

impl BatchStatistics {
    /// Moves the network's running statistics towards these by `momentum`, 0 to 1.
    ///
    /// # Errors
    /// candle's.
    pub fn apply(&self, momentum: f64) -> Result<()> {
        self.0.iter().try_for_each(|layer| layer.apply(momentum))
    }
}

/// Collects the statistics of all batch norms during a pass.
#[derive(Debug, Default)]
pub(crate) struct StatisticsRecorder(Mutex<Vec<LayerStatistics>>);

impl StatisticsRecorder {
    pub(crate) fn add(&self, layer: LayerStatistics) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(layer);
    }

    pub(crate) fn finish(self) -> BatchStatistics {
        BatchStatistics(self.0.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
