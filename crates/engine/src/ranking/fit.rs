//! Fits the weights of a ranking and its confidence calibrator when an index is built: on validation photos, or where
//! there are none, on harder views of the index's own photos.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use lookalike_catalog::{Catalog, Photo, Split};
use lookalike_rank::{CalibrationSet, ConfidenceCalibrator, KnownAnswer, fit_log_linear_pool};
use rayon::prelude::*;

use super::answers::{Found, Gallery, Sample};
use super::classifiers::Classifiers;
use super::own_photos::OwnPhotos;
use super::parameters::{FittedOn, Ranking};
use crate::encode::{Encoder, Views};
use crate::error::EngineError;
use crate::index::Content;
use crate::progress::{FIT, Phase, Progress};

/// Validation photos that a fit needs at least.
const LEAST: usize = 30;

/// Validation photos that a fit uses at most.
const MOST: usize = 400;

/// Own photos that a fit needs at least.
const LEAST_OWN: usize = 10;

/// How much an answer to a view of an own photo counts against the prior, where one to a new photo counts 1: it is only
/// like a new photo.
const OWN_WEIGHT: f64 = 0.7;

/// Fits a ranking on the catalogue's validation photos, or where there are few, on the index's own.
/// `embeddings` are the encoder's, of the index's photos, shape `(photos, embedding_dim)`.
pub(crate) fn fit(
    content: &Content,
    embeddings: &[f32],
    encoder: &Encoder,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<(Ranking, CalibrationSet), EngineError> {
    let classifiers = Classifiers::new(content, encoder);
    let mut ranking = Ranking::plain(classifiers.networks());
    let samples = validation(content, encoder, catalog, progress)?;
    if samples.len() >= LEAST {
        return fit_on_validation(content, &classifiers, &samples, ranking);
    }
    // Classifiers are overconfident on photos that they were trained on, so the weights stay as they are.
    let weights = ranking.weights.clone();
    let mut own = OwnPhotos::new(content, embeddings, encoder, &classifiers, &weights)?;
    let (hardness, answers) = own.hard_enough(progress)?;
    if answers.len() < LEAST_OWN {
        return Ok((ranking, CalibrationSet::default()));
    }
    let photos = answers.len() as u32;
    let calibration_set = CalibrationSet {
        answers,
        weight: OWN_WEIGHT,
        one_photo_each: own.have_one_photo_each(),
        unknown_source: content.catalogue_pictures() == content.photos.len()
            && !content.metric.knows_customers_photos(),
        reference: own.reference(progress)?,
        ..CalibrationSet::default()
    };
    ranking.calibrator = ConfidenceCalibrator::fit(&calibration_set);
    let indexed = content.photos.len() as u32;
    ranking.fitted_on = Some(FittedOn {
        split: None,
        hardness: Some(hardness),
        photos,
        queries: 0,
        indexed,
        changes: 0,
    });
    Ok((ranking, calibration_set))
}

fn fit_on_validation(
    content: &Content,
    classifiers: &Classifiers,
    samples: &[Sample],
    mut ranking: Ranking,
) -> Result<(Ranking, CalibrationSet), EngineError> {
    let gallery = Gallery::new(content, Arc::clone(&content.vectors), classifiers);
    let found: Vec<Found> = samples
        .par_iter()
        .map(|sample| gallery.find(sample))
        .collect::<Result<_, EngineError>>()?;
    let queries: Vec<_> = samples
        .iter()
        .zip(&found)
        .map(|(sample, found)| (&found.voted[..], &found.class_scores[..], sample.truth))
        .collect();
    ranking.weights = fit_log_linear_pool(&queries);
    let answers: Vec<KnownAnswer> = samples
        .iter()
        .zip(&found)
        .map(|(sample, found)| gallery.answer(sample, found, &ranking.weights))
        .collect();
    let reference = answers.clone();
    let calibration_set =
        CalibrationSet { answers, weight: 1.0, reference, ..CalibrationSet::default() };
    ranking.calibrator = ConfidenceCalibrator::fit(&calibration_set);
    let photos = samples.len() as u32;
    let (split, indexed) = (Some(Split::Val), content.photos.len() as u32);
    ranking.fitted_on =
        Some(FittedOn { split, hardness: None, photos, queries: 0, indexed, changes: 0 });
    Ok((ranking, calibration_set))
}

/// The catalogue's validation photos of products that are in the index, and are not in it themselves.
fn validation(
    content: &Content,
    encoder: &Encoder,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<Vec<Sample>, EngineError> {
    let with_photos: HashSet<u32> = content.photos.iter().map(|photo| photo.product).collect();
    let is_wanted = |p: &&Photo| p.split == Some(Split::Val) && with_photos.contains(&p.product);
    let photos: Vec<&Photo> = catalog.photos.iter().filter(is_wanted).collect();
    let step = photos.len().div_ceil(MOST).max(1);
    let photos: Vec<&Photo> = photos.into_iter().step_by(step).collect();
    let indexed: HashSet<[u8; 32]> = content.photos.iter().map(|photo| photo.sha256).collect();
    let files: Vec<PathBuf> = photos.iter().map(|photo| catalog.file(photo)).collect();
    progress.begin(Phase::items(FIT, files.len() as u64));
    let queries = encoder.embed_query_files(&files, Views::default(), &content.metric, progress)?;
    progress.end();
    let samples = photos.iter().zip(queries).filter_map(|(photo, query)| {
        let (embedding, _) = query.ok().filter(|(_, sha256)| !indexed.contains(sha256))?;
        Some(Sample { truth: photo.product, left_out: None, embedding })
    });
    Ok(samples.collect())
}
