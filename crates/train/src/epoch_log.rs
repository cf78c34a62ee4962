//! The log of a run, a JSON line for each epoch, and how a caller follows it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use lookalike_base::progress::{Progress, Silent};
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// The metrics after an epoch; a line of `log.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss of the training batches.
    pub loss: f64,
    /// Top-1 accuracy on the augmented training photos, 0 to 1.
    pub train_top1: f64,
    /// Top-1 accuracy on the validation photos, 0 to 1.
    pub top1: f64,
    /// Top-3 accuracy on the validation photos, 0 to 1.
    pub top3: f64,
    /// Mean cross-entropy on the validation photos.
    pub val_loss: f64,
    /// Learning rate of the classifier at the end of the epoch.
    pub learning_rate: f64,
    /// Photos a second, forward and backward.
    pub photos_per_second: f64,
    /// Seconds of training since the run began, without interruptions.
    pub seconds: f64,
}

/// Follows a training run: its phases and steps, and the metrics after each epoch.
pub trait TrainingProgress: Progress {
    /// An epoch is over.
    fn on_epoch(&self, log: &EpochLog);
}

impl TrainingProgress for Silent {
    fn on_epoch(&self, _: &EpochLog) {}
}

/// Appends a line to a log.
pub(crate) fn append(file: &Path, log: &EpochLog) -> Result<(), TrainError> {
    let failed = |source| TrainError::Unwritable { path: file.to_owned(), source };
    let mut line = serde_json::to_string(log).map_err(|e| failed(e.into()))?;
    line.push('\n');
    let mut file = OpenOptions::new().create(true).append(true).open(file).map_err(failed)?;
    file.write_all(line.as_bytes()).map_err(failed)
}
