//! Quantises a network to int8: the ranges of its activations are measured on a catalogue's photos (post-training
//! static quantisation; Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
//! inference", 2018).

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use lookalike_backbone::{Backbone, Quantiser, load, map_on_cores};
use lookalike_catalog::{Catalog, Split};
use lookalike_photo::{DecodeLimits, decode_scaled};
use serde::Serialize;

use crate::error::EngineError;
use crate::progress::{CALIBRATE, Phase, Progress};

/// Photos that are only compared, at most.
const COMPARED: usize = 100;

/// What became of a network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantised {
    /// Photos that ranges were measured on.
    pub photos: usize,
    /// Photos that could not be read.
    pub unreadable: usize,
    /// How similar int8 embeddings are to f32 ones.
    pub cosines: Option<Cosines>,
}

/// Cosine similarities of int8 and f32 embeddings, of photos that ranges were not measured on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cosines {
    /// How many photos.
    pub photos: usize,
    /// The mean.
    pub mean: f64,
    /// The least.
    pub least: f64,
}

/// Measures the ranges of a network's activations on photos of a catalogue's training split, or of no split, at most
/// `most` and spread over all of it, and writes the network quantised to int8.
///
/// # Errors
/// [`EngineError`]: when no photo can be read, or the file cannot be written. A single bad photo is
/// passed over.
pub fn quantise(
    quantiser: &Quantiser,
    catalog: &Catalog,
    most: usize,
    to: &Path,
    progress: &dyn Progress,
) -> Result<Quantised, EngineError> {
    let photos = catalog.photos.iter();
    let photos = photos.filter(|photo| matches!(photo.split, None | Some(Split::Train)));
    let files: Vec<PathBuf> = photos.map(|photo| catalog.file(photo)).collect();
    // Spread evenly, and others in between.
    let all = files.len();
    let spread = |most: usize, shift: usize| {
        let count = most.min(all);
        let at = move |number: usize| (2 * number + shift) * all / (2 * count);
        (0..count).map(at)
    };
    let calibration: Vec<usize> = spread(most, 0).collect();
    let mut compared: Vec<usize> = spread(COMPARED, 1).collect();
    compared.retain(|at| calibration.binary_search(at).is_err());

    progress.begin(Phase::items(CALIBRATE, (calibration.len() + compared.len()) as u64));
    let prepared = |at: &usize| -> Option<Vec<f32>> {
        let limits = DecodeLimits::default();
        let preprocess = quantiser.preprocess();
        let bytes = lookalike_photo::read(&files[*at], &limits).ok()?;
        let photo = decode_scaled(&bytes, &limits, preprocess.min_longer_side()).ok()?;
        Some(preprocess.tensor(&photo.pixels))
    };
    let results = map_on_cores(&calibration, |at| {
        let result = prepared(at).map(|photo| quantiser.calibrate(photo));
        progress.advance(1);
        result.transpose()
    });
    let mut photos = 0;
    for result in results {
        photos += usize::from(result?.is_some());
    }
    quantiser.write(to)?;

    let quantised = load(to, Some(quantiser.kind()))?.network;
    let side = quantiser.preprocess().size();
    let results = map_on_cores(&compared, |at| {
        let embedded = prepared(at).map(|photo| {
            let photo = Tensor::from_vec(photo, (1, 3, side, side), &Device::Cpu)?;
            let embed = |network: &dyn Backbone| network.embed(&photo)?.flatten_all()?.to_vec1();
            Ok::<_, candle_core::Error>(cosine(&embed(quantiser.network())?, &embed(&*quantised)?))
        });
        progress.advance(1);
        embedded.transpose()
    });
    let mut cosines = Vec::new();
    for result in results {
        cosines.extend(result.map_err(lookalike_backbone::BackboneError::from)?);
    }
    progress.end();
    let cosines = (!cosines.is_empty()).then(|| Cosines {
        photos: cosines.len(),
        mean: cosines.iter().sum::<f64>() / cosines.len() as f64,
        least: cosines.iter().copied().fold(1.0, f64::min),
    });
    Ok(Quantised { photos, unreadable: calibration.len() - photos, cosines })
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}
