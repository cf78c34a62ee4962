//! The checkpoint of a run: everything that is needed to resume it exactly.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::Path;

use candle_core::{Device, Tensor};
use lookalike_base::atomic_write;
use serde::{Deserialize, Serialize};

use crate::scheduler::LrScheduler;
use crate::{Settings, TrainError};

/// Under this key the file's metadata holds the [`State`].
const STATE_KEY: &str = "lookalike.run";

/// The state of a run, without its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) classes: Vec<String>,
    /// SHA-256 of the initial weights.
    pub(crate) initial: String,
    /// SHA-256 of the teacher's weights, if there is a teacher.
    pub(crate) teacher: Option<String>,
    /// Epochs that are done, and steps of the current one.
    pub(crate) epoch: usize,
    pub(crate) step: usize,
    /// Steps of the optimiser in all.
    pub(crate) steps: u64,
    pub(crate) scheduler: LrScheduler,
    /// Best top-1, top-3 and loss on the validation photos, and after how many epochs.
    pub(crate) best: Option<(f64, f64, f64, usize)>,
    /// Sums over the steps of this epoch: loss, photos right, photos, seconds.
    pub(crate) sums: [f64; 4],
    pub(crate) seconds: f64,
}

/// Tensors by name: `parameter/...`, `statistic/...`, `first/...`, `second/...`, `average/...`. In a file they
/// are flat; read from it they are on the CPU.
pub(crate) type Tensors = BTreeMap<String, Tensor>;

/// Writes a checkpoint, atomically.
pub(crate) fn save(file: &Path, state: &State, tensors: &Tensors) -> Result<(), TrainError> {
    let unwritable = |source| TrainError::Unwritable { path: file.to_owned(), source };
    let tensors: BTreeMap<&String, Tensor> = tensors
        .iter()
        .map(|(name, values)| Ok((name, values.flatten_all()?.to_device(&Device::Cpu)?)))
        .collect::<candle_core::Result<_>>()?;
    let state = serde_json::to_string(state).map_err(|e| unwritable(e.into()))?;
    let about = HashMap::from([(STATE_KEY.to_owned(), state)]);
    let bytes = safetensors::serialize(tensors, Some(about))
        .map_err(|error| unwritable(std::io::Error::other(error.to_string())))?;
    atomic_write(file, |out| out.write_all(&bytes)).map_err(unwritable)
}

/// Reads a checkpoint; `None` if there is none.
pub(crate) fn load(file: &Path) -> Result<Option<(State, Tensors)>, TrainError> {
    let damaged = |reason: String| {
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        TrainError::DamagedCheckpoint { path: file.to_owned(), reason }
    };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(damaged(error.to_string())),
    };
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes)
        .map_err(|error| damaged(error.to_string()))?;
    let about = header.metadata().clone().unwrap_or_default();
    let state = about.get(STATE_KEY).ok_or_else(|| damaged("no run's state in it".into()))?;
    let state: State = serde_json::from_str(state).map_err(|error| damaged(error.to_string()))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|error| damaged(error.to_string()))?;
    Ok(Some((state, tensors.into_iter().collect())))
}
