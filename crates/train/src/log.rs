use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// What is known after an epoch; a line of `log.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss of the training batches.
    pub loss: f64,
    /// Share of training photos, as they were changed, whose product came first, 0 to 1.
    pub train_top1: f64,
    /// Share of validation photos whose product came first, 0 to 1.
    pub top1: f64,
    /// Share of validation photos whose product was among the first three, 0 to 1.
    pub top3: f64,
    /// Mean cross-entropy on the validation photos.
    pub val_loss: f64,
    /// Learning rate of the classifier at the end.
    pub rate: f64,
    /// Photos a second, forward and backward.
    pub photos_per_second: f64,
    /// Seconds since the run began, interruptions left out.
    pub seconds: f64,
}

/// Is told how a run goes.
pub trait Observer: Sync {
    /// A long part begins: what it is, and how many steps it has.
    fn begin(&self, what: &str, steps: u64);
    /// Steps that were done since the last call, and how they went in a few words.
    fn advance(&self, steps: u64, words: &str);
    /// The part is over.
    fn end(&self);
    /// An epoch is over.
    fn epoch(&self, log: &EpochLog);
}

/// Is told nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self) {}
    fn epoch(&self, _: &EpochLog) {}
}

/// Adds a line to a log.
pub(crate) fn append(file: &Path, log: &EpochLog) -> Result<(), TrainError> {
    let failed = |source| TrainError::Unwritable { path: file.to_owned(), source };
    let mut line = serde_json::to_string(log).map_err(|e| failed(e.into()))?;
    line.push('\n');
    let mut file = OpenOptions::new().create(true).append(true).open(file).map_err(failed)?;
    file.write_all(line.as_bytes()).map_err(failed)
}
