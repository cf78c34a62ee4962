//! Networks that compute with bytes, by what a catalogue's photos make of them.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use lookalike_backbone::{Backbone, Quantiser, load, map_on_cores};
use lookalike_catalog::{Catalog, Split};
use lookalike_photo::{DecodeLimits, decode_scaled};
use serde::Serialize;

use crate::{EngineError, Progress, Stage};

/// The most photos that are looked at only to compare.
const COMPARED: usize = 100;

/// What became of a network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantised {
    /// Photos that were looked at.
    pub photos: usize,
    /// Photos that could not be read.
    pub unreadable: usize,
    /// How near embeddings in bytes are to those in 32 bits.
    pub cosines: Option<Cosines>,
}

/// Of photos that were not looked at before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cosines {
    /// How many.
    pub photos: usize,
    /// Of all.
    pub mean: f64,
    /// Of the worst.
    pub least: f64,
}

/// Looks at photos of a catalogue's training split, or of no split, at most so many and from all over it, and
/// writes a network down that computes with bytes.
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
    // Every so many, and others in between.
    let all = files.len();
    let spread = |most: usize, shift: usize| {
        let count = most.min(all);
        let at = move |number: usize| (2 * number + shift) * all / (2 * count);
        (0..count).map(at)
    };
    let looked: Vec<usize> = spread(most, 0).collect();
    let mut compared: Vec<usize> = spread(COMPARED, 1).collect();
    compared.retain(|at| looked.binary_search(at).is_err());

    progress.begin(Stage::Look, (looked.len() + compared.len()) as u64);
    let prepared = |at: &usize| -> Option<Vec<f32>> {
        let limits = DecodeLimits::default();
        let preprocess = quantiser.preprocess();
        let bytes = lookalike_photo::read(&files[*at], &limits).ok()?;
        let photo = decode_scaled(&bytes, &limits, preprocess.min_longer_side()).ok()?;
        Some(preprocess.tensor(&photo.pixels))
    };
    let results = map_on_cores(&looked, |at| {
        let result = prepared(at).map(|photo| quantiser.calibrate(photo));
        progress.advance(1);
        result.transpose()
    });
    let mut photos = 0;
    for result in results {
        photos += usize::from(result?.is_some());
    }
    quantiser.write(to)?;

    let in_bytes = load(to, Some(quantiser.kind()))?.network;
    let side = quantiser.preprocess().size();
    let results = map_on_cores(&compared, |at| {
        let embedded = prepared(at).map(|photo| {
            let photo = Tensor::from_vec(photo, (1, 3, side, side), &Device::Cpu)?;
            let embed = |network: &dyn Backbone| network.embed(&photo)?.flatten_all()?.to_vec1();
            Ok::<_, candle_core::Error>(cosine(&embed(quantiser.network())?, &embed(&*in_bytes)?))
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
    Ok(Quantised { photos, unreadable: looked.len() - photos, cosines })
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}
