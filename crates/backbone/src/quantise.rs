//! Networks that compute with bytes: files that say, beside the weights, what the network's maps hold.
//!
//! The weights stay as they are, in 32 bits, and become bytes when the network is loaded. What is added is
//! the least and the largest number of each channel of the maps that are kept as bytes, over the photos that
//! were looked at: a tensor of `(channels of all maps, 2)`, and how many channels each map has in the file's
//! own description, a JSON object.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use candle_core::Tensor;
use lookalike_infer::{Level, Range, Ranges};
use lookalike_photo::Preprocess;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Use};
use crate::compiled::Compiled;
use crate::load::compiled;
use crate::tensors::TensorFile;
use crate::{
    Backbone, BackboneError, BackboneKind, CLASSES_KEY, Device, Precision, TrainSetup,
    load_trainable,
};

/// Under this key a file describes the tensor of the same name.
const KEY: &str = "lookalike.int8";

/// How many channels each map has, where it is kept as bytes; see [`Ranges`].
#[derive(Serialize, Deserialize)]
struct Description {
    nodes: Vec<Option<usize>>,
    inputs: Vec<Option<usize>>,
    /// How many photos were looked at.
    photos: usize,
}

/// Looks at photos through a network, to write it down as one that computes with bytes.
pub struct Quantiser {
    weights: PathBuf,
    kind: BackboneKind,
    preprocess: Preprocess,
    network: Compiled,
    /// What was seen, in so many photos.
    seen: Mutex<(Ranges, usize)>,
}

impl Quantiser {
    /// Of a network in a weights file. What the file says of maps already does not count.
    ///
    /// # Errors
    /// As [`crate::load`].
    pub fn open(weights: &Path, wanted: Option<BackboneKind>) -> Result<Self, BackboneError> {
        let checkpoint = Checkpoint::open(weights, wanted, Use::Inference, &Device::default())?;
        let (kind, preprocess) = (checkpoint.kind(), checkpoint.preprocess()?);
        let network = compiled(&checkpoint, preprocess.size(), None)?;
        let (weights, seen) = (weights.to_owned(), Mutex::default());
        Ok(Self { weights, kind, preprocess, network, seen })
    }

    /// Which network it is.
    pub fn kind(&self) -> BackboneKind {
        self.kind
    }

    /// The network in 32 bits.
    pub fn network(&self) -> &dyn Backbone {
        &self.network
    }

    /// How photos are prepared for it.
    pub fn preprocess(&self) -> Preprocess {
        self.preprocess
    }

    /// Looks at a prepared photo, `(3, side, side)`. Several threads may do so at once.
    ///
    /// # Errors
    /// candle's, when the photo has another shape.
    pub fn look_at(&self, photo: Vec<f32>) -> Result<(), BackboneError> {
        let side = self.preprocess.size();
        let photo = Tensor::from_vec(photo, (1, 3, side, side), &candle_core::Device::Cpu)?;
        let ranges = self.network.ranges(&photo)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.1 == 0 {
            seen.0 = ranges;
        } else {
            seen.0.merge(&ranges);
        }
        seen.1 += 1;
        Ok(())
    }

    /// Writes the network down, its weights in 32 bits, as [`crate::import`] does.
    ///
    /// # Errors
    /// [`BackboneError::NoPhotos`] if it has looked at none, [`BackboneError::Unwritable`].
    pub fn write(&self, to: &Path) -> Result<(), BackboneError> {
        let (ranges, photos) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if photos == 0 {
            return Err(BackboneError::NoPhotos { path: self.weights.clone() });
        }
        let network =
            load_trainable(&self.weights, None, TrainSetup::default(), &Device::default())?;
        let counts = |all: &[Option<Vec<Range>>]| -> Vec<Option<usize>> {
            all.iter().map(|ranges| ranges.as_ref().map(Vec::len)).collect()
        };
        let (nodes, inputs) = (counts(&ranges.nodes), counts(&ranges.inputs));
        let description = serde_json::to_string(&Description { nodes, inputs, photos });
        let mut about = vec![(KEY, description.unwrap_or_default())];
        let classes = network.classes().and_then(|classes| serde_json::to_string(classes).ok());
        about.extend(classes.map(|classes| (CLASSES_KEY, classes)));
        let all: Vec<f32> = ranges
            .nodes
            .into_iter()
            .chain(ranges.inputs)
            .flatten()
            .flat_map(|map| map.into_iter().flatten())
            .collect();
        let channels = all.len() / 2;
        let all = Tensor::from_vec(all, (channels, 2), &candle_core::Device::Cpu)?;
        let preprocess = network.preprocess_name(self.preprocess.size() as u32);
        network.export_with(to, &preprocess, Precision::F32, &about, vec![(KEY.to_owned(), all)])
    }
}

/// Whether this CPU has instructions by which quantised networks are faster than others.
pub fn int8_is_fast() -> bool {
    Level::has_fast_bytes()
}

/// What a file says of the network's maps, if it does.
pub(crate) fn ranges_in(file: &TensorFile) -> Result<Option<Ranges>, BackboneError> {
    let Some(description) = file.metadata.get(KEY) else { return Ok(None) };
    let damaged =
        |reason: &str| BackboneError::Ranges { path: file.path.clone(), reason: reason.to_owned() };
    let Description { nodes, inputs, .. } =
        serde_json::from_str(description).map_err(|_| damaged("its description cannot be read"))?;
    if !file.shapes.contains_key(KEY) {
        return Err(damaged("its tensor is missing"));
    }
    let channels =
        nodes.iter().chain(&inputs).flatten().try_fold(0usize, |all, n| all.checked_add(*n));
    if file.shapes[KEY][..] != [channels.unwrap_or(usize::MAX), 2] {
        return Err(damaged("its tensor has another length than described"));
    }
    let all: Vec<f32> = file.read(KEY)?.flatten_all()?.to_vec1()?;
    let is_range = |[least, most]: &Range| least <= most && (most - least).is_finite();
    if !all.as_chunks().0.iter().all(is_range) {
        return Err(damaged("numbers that are no ranges"));
    }
    let mut ranges = all.as_chunks::<2>().0.iter().copied();
    let mut maps = |counts: Vec<Option<usize>>| -> Vec<Option<Vec<Range>>> {
        let one = |count: Option<usize>| count.map(|count| ranges.by_ref().take(count).collect());
        counts.into_iter().map(one).collect()
    };
    Ok(Some(Ranges { nodes: maps(nodes), inputs: maps(inputs) }))
}
