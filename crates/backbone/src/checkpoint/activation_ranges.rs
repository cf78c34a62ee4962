//! The int8 calibration in a weights file: what range of values each channel of the network's feature maps
//! covered on the calibration photos.
//!
//! The weights themselves stay in f32 and become int8 as the network is loaded. The ranges are a tensor of
//! `(channels of all maps, 2)`, minimum and maximum; how many channels each map has is in the metadata, a
//! JSON object.

use candle_core::{Device, Tensor};
use lookalike_infer::{Range, Ranges};
use serde::{Deserialize, Serialize};

use super::metadata::INT8_KEY;
use super::tensors::TensorFile;
use crate::BackboneError;

/// Number of channels of each map that is kept in int8; see [`Ranges`].
#[derive(Serialize, Deserialize)]
struct Description {
    nodes: Vec<Option<usize>>,
    inputs: Vec<Option<usize>>,
    /// Number of calibration photos.
    photos: usize,
}

/// The ranges as metadata and tensor of a weights file.
pub(crate) fn describe(ranges: Ranges, photos: usize) -> candle_core::Result<(String, Tensor)> {
    let counts = |all: &[Option<Vec<Range>>]| -> Vec<Option<usize>> {
        all.iter().map(|ranges| ranges.as_ref().map(Vec::len)).collect()
    };
    let (nodes, inputs) = (counts(&ranges.tensors), counts(&ranges.inputs));
    let description = serde_json::to_string(&Description { nodes, inputs, photos });
    let all: Vec<f32> = ranges
        .tensors
        .into_iter()
        .chain(ranges.inputs)
        .flatten()
        .flat_map(|map| map.into_iter().flatten())
        .collect();
    let channels = all.len() / 2;
    Ok((description.unwrap_or_default(), Tensor::from_vec(all, (channels, 2), &Device::Cpu)?))
}

/// The ranges in a file, if it has any.
pub(crate) fn ranges_in(file: &TensorFile) -> Result<Option<Ranges>, BackboneError> {
    let Some(description) = file.metadata.get(INT8_KEY) else { return Ok(None) };
    let damaged =
        |reason: &str| BackboneError::Ranges { path: file.path.clone(), reason: reason.to_owned() };
    let Description { nodes, inputs, .. } =
        serde_json::from_str(description).map_err(|_| damaged("its description cannot be read"))?;
    if !file.shapes.contains_key(INT8_KEY) {
        return Err(damaged("its tensor is missing"));
    }
    let channels =
        nodes.iter().chain(&inputs).flatten().try_fold(0usize, |all, n| all.checked_add(*n));
    if file.shapes[INT8_KEY][..] != [channels.unwrap_or(usize::MAX), 2] {
        return Err(damaged("its tensor has another length than described"));
    }
    let all: Vec<f32> = file.read(INT8_KEY)?.flatten_all()?.to_vec1()?;
    let is_range = |[least, most]: &Range| least <= most && (most - least).is_finite();
    if !all.as_chunks().0.iter().all(is_range) {
        return Err(damaged("numbers that are no ranges"));
    }
    let mut ranges = all.as_chunks::<2>().0.iter().copied();
    let mut maps = |counts: Vec<Option<usize>>| -> Vec<Option<Vec<Range>>> {
        let one = |count: Option<usize>| count.map(|count| ranges.by_ref().take(count).collect());
        counts.into_iter().map(one).collect()
    };
    Ok(Some(Ranges { tensors: maps(nodes), inputs: maps(inputs) }))
}
