//! Fits the weights of a ranking and its confidence calibrator when an index is built: on validation photos, or on the
//! index's own photos, each searched for among the others (leave-one-out). Queries for products that are not sold are
//! made by leaving a query's own product out.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use lookalike_catalog::{Catalog, Photo, Split};
use lookalike_rank::{
    ClassScores, ConfidenceCalibrator, Neighbour, RankedProduct, VoteParams, confidence_features,
    fit_log_linear_pool, log_linear_pool, vote,
};
use lookalike_vectors::Vectors;
use rayon::prelude::*;

use super::SAME_PHOTO;
use super::classifiers::{Classifiers, restrict};
use super::parameters::{FittedOn, Ranking};
use super::prototypes::Prototypes;
use crate::encode::{Encoder, QueryEmbedding, Views};
use crate::error::EngineError;
use crate::index::{Content, IndexedPhoto};
use crate::metric::{Metric, dot};
use crate::progress::{FIT, Phase, Progress};

/// Photos that a fit needs at least.
const LEAST: usize = 30;

/// Photos that a fit uses at most.
const MOST: usize = 400;

/// Photos to fit on, and the vectors that they are searched for among.
struct Samples {
    photos: Vec<Sample>,
    vectors: Arc<Vectors>,
}

/// A photo to fit on.
struct Sample {
    truth: u32,
    /// Its position, if it is one of the index's own photos.
    row: Option<u32>,
    embedding: QueryEmbedding,
}

/// Fits a ranking on the catalogue's validation photos, or where there are few, on the index's own.
/// `embeddings` are the encoder's, of the index's photos, shape `(photos, embedding_dim)`.
///
/// The calibrator's negatives are the same photos, searched for among all products but their own
/// (leave-one-product-out).
pub(crate) fn fit(
    content: &Content,
    embeddings: &[f32],
    encoder: &Encoder,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<Ranking, EngineError> {
    let classifiers = Classifiers::new(content, encoder);
    let mut ranking = Ranking::plain(classifiers.networks());
    let mut samples = validation(content, encoder, catalog, progress)?;
    let mut split = Some(Split::Val);
    if samples.photos.len() < LEAST {
        samples = own(content, embeddings, encoder, &classifiers, progress)?;
        split = None;
    }
    let Samples { photos: samples, vectors } = samples;
    if samples.len() < LEAST {
        return Ok(ranking);
    }
    let vote_on = |sample: &Sample, without| vote_on(&content.photos, &vectors, sample, without);
    let votes: Vec<_> = samples
        .par_iter()
        .map(|sample| Ok((vote_on(sample, None)?, vote_on(sample, Some(sample.truth))?)))
        .collect::<Result<_, EngineError>>()?;
    let products = content.products.len();
    let prototypes = Prototypes::new(products, &content.photos, &vectors);
    let class_scores = samples.par_iter().map(|sample| {
        let own = sample.row.map(|row| (sample.truth, vectors.row(row)));
        let own = own.as_ref().map(|(truth, row)| (*truth, &row[..]));
        let mut class_scores = classifiers.class_scores(&sample.embedding.class_probabilities);
        class_scores.push(prototypes.class_scores(&sample.embedding.vector, own, |_| true));
        class_scores
    });
    let class_scores: Vec<Vec<ClassScores>> = class_scores.collect();
    // Classifiers are overconfident on photos that they were trained on, so weights are fitted on others only.
    if split.is_some() {
        let queries: Vec<_> = samples
            .iter()
            .zip(&votes)
            .zip(&class_scores)
            .map(|((sample, ((voted, _), _)), class_scores)| {
                (&voted[..], &class_scores[..], sample.truth)
            })
            .collect();
        ranking.weights = fit_log_linear_pool(&queries);
    }
    let (mut sold, mut unsold) = (Vec::new(), Vec::new());
    for ((sample, votes), mut class_scores) in samples.iter().zip(&votes).zip(class_scores) {
        let ((voted, near), (voted_without, near_without)) = votes;
        let ranked = log_linear_pool(voted, &class_scores, &ranking.weights);
        let right = ranked.first().is_some_and(|best| best.product == sample.truth);
        sold.push((confidence_features(&ranked, near), right));
        class_scores.iter_mut().for_each(|scores| restrict(scores, |other| other != sample.truth));
        let ranked = log_linear_pool(voted_without, &class_scores, &ranking.weights);
        unsold.push(confidence_features(&ranked, near_without));
    }
    ranking.calibrator = ConfidenceCalibrator::fit(&sold, &unsold);
    ranking.fitted_on = Some(FittedOn { split, photos: samples.len() as u32 });
    Ok(ranking)
}

/// The vote on a sample, and its neighbours, without the photos of a product if that is given.
fn vote_on(
    all: &[IndexedPhoto],
    vectors: &Vectors,
    sample: &Sample,
    without: Option<u32>,
) -> Result<(Vec<RankedProduct>, Vec<Neighbour>), EngineError> {
    let params = VoteParams::default();
    let photos = (0u32..).zip(all);
    let rows =
        photos.filter(|(row, photo)| Some(*row) != sample.row && without != Some(photo.product));
    let rows = rows.map(|(row, _)| row);
    // Twice as many as vote, in case copies of an own photo have to be left out.
    let hits = vectors.search_rows(&sample.embedding.vector, rows, 2 * params.neighbours)?;
    let own = sample.row.map(|row| vectors.row(row));
    let is_copy =
        |row: u32| own.as_ref().is_some_and(|own| dot(own, &vectors.row(row)) > SAME_PHOTO);
    let neighbours: Vec<Neighbour> = hits
        .into_iter()
        .filter(|hit| !is_copy(hit.row))
        .map(|hit| Neighbour {
            photo: hit.row,
            product: all[hit.row as usize].product,
            similarity: hit.similarity,
        })
        .take(params.neighbours)
        .collect();
    Ok((vote(&neighbours, &params), neighbours))
}

/// Every n-th, with the least n of `least` or more that leaves [`MOST`] at most.
fn thinned<T>(all: Vec<T>, least: usize) -> Vec<T> {
    let step = all.len().div_ceil(MOST).max(least);
    all.into_iter().step_by(step).collect()
}

/// The catalogue's validation photos of products that are in the index, and are not in it themselves.
fn validation(
    content: &Content,
    encoder: &Encoder,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<Samples, EngineError> {
    let with_photos: HashSet<u32> = content.photos.iter().map(|photo| photo.product).collect();
    let is_wanted = |p: &&Photo| p.split == Some(Split::Val) && with_photos.contains(&p.product);
    let photos: Vec<&Photo> = thinned(catalog.photos.iter().filter(is_wanted).collect(), 1);
    let indexed: HashSet<[u8; 32]> = content.photos.iter().map(|photo| photo.sha256).collect();
    let files: Vec<PathBuf> = photos.iter().map(|photo| catalog.file(photo)).collect();
    progress.begin(Phase::items(FIT, files.len() as u64));
    let queries = encoder.embed_query_files(&files, Views::default(), &content.metric, progress)?;
    progress.end();
    let samples = photos.iter().zip(queries).filter_map(|(photo, query)| {
        let (embedding, _) = query.ok().filter(|(_, sha256)| !indexed.contains(sha256))?;
        Some(Sample { truth: photo.product, row: None, embedding })
    });
    Ok(Samples { photos: samples.collect(), vectors: Arc::clone(&content.vectors) })
}

/// Photos of the index. They are compared by a metric that is learnt without them: by the index's own, they would be
/// nearer to their products than new photos are.
fn own(
    content: &Content,
    embeddings: &[f32],
    encoder: &Encoder,
    classifiers: &Classifiers,
    progress: &dyn Progress,
) -> Result<Samples, EngineError> {
    let all = content.photos.len() as u32;
    let rows = thinned((0..all).collect(), 3);
    let dim = content.model.embedding_dim();
    let sampled: HashSet<u32> = rows.iter().copied().collect();
    let rows_of_all: Vec<&[f32]> = embeddings.chunks_exact(dim).collect();
    let others = (0..all).zip(rows_of_all.iter().copied());
    let others: Vec<(u32, &[f32])> = others.filter(|(row, _)| !sampled.contains(row)).collect();
    let products: Vec<u32> =
        others.iter().map(|(row, _)| content.photos[*row as usize].product).collect();
    let learnt_from: Vec<&[f32]> = others.into_iter().map(|(_, row)| row).collect();
    let dims = content.metric.dims();
    let metric = Metric::fit(&content.model, &learnt_from, &products, dims)?;
    if metric.is_learnt() != content.metric.is_learnt() {
        // Too few are left to learn a metric from, and a fit with another kind of metric would not hold.
        return Ok(Samples { photos: Vec::new(), vectors: Arc::clone(&content.vectors) });
    }
    let Ok(vectors) = Vectors::normalised(metric.dim(), metric.apply_all(&rows_of_all)) else {
        // The embedding of a photo is degenerate by this metric: fit nothing rather than something biased.
        return Ok(Samples { photos: Vec::new(), vectors: Arc::clone(&content.vectors) });
    };
    let vectors = Arc::new(vectors);
    // Embedded again, with the views of a query.
    let root = std::path::Path::new(&content.root);
    let file = |row: &u32| root.join(&content.photos[*row as usize].path);
    let files: Vec<PathBuf> = rows.iter().map(file).collect();
    progress.begin(Phase::items(FIT, files.len() as u64));
    let queries = if classifiers.used().is_empty() {
        let known: Vec<&[f32]> = rows.iter().map(|&row| rows_of_all[row as usize]).collect();
        encoder.embed_other_views_of_files(&files, &known, &metric, progress)?
    } else {
        encoder.embed_query_files(&files, Views::default(), &metric, progress)?
    };
    progress.end();
    let samples = rows.into_iter().zip(queries).filter_map(|(row, query)| {
        let (embedding, _) = query.ok()?;
        let truth = content.photos[row as usize].product;
        Some(Sample { truth, row: Some(row), embedding })
    });
    let photos = samples.collect();
    Ok(Samples { photos, vectors })
}
