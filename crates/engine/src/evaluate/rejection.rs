//! How well photos of products that are not sold are rejected.

use std::path::PathBuf;

use lookalike_catalog::{Catalog, Skipped};
use lookalike_eval::{auroc, fpr_at_tpr};
use lookalike_rank::Verdict;
use serde::Serialize;

use super::queries::{CHUNK, judged};
use super::verdicts::JudgedAnswer;
use crate::encode::Views;
use crate::error::EngineError;
use crate::progress::{MEASURE, Phase, Progress};
use crate::search::Searcher;

/// How well photos of products that are not sold are rejected, and those of products that are sold accepted.
#[derive(Debug, Clone, Serialize)]
pub struct Rejection {
    /// Photos of products that are not sold.
    pub photos: u64,
    /// Of those, the ones that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
    /// Area under the receiver operating characteristic, 0 to 1: how often a photo of a product that is sold gets a
    /// higher probability of being sold than one of a product that is not.
    pub auroc: f64,
    /// The false acceptance rate, 0 to 1, at a threshold that accepts 95 % of the photos of products that are sold.
    pub false_accepts_at_95: f64,
    /// The fraction of photos of products that are sold that a search accepts, 0 to 1.
    pub accepted: f64,
    /// The fraction of photos of products that are not sold that a search accepts, 0 to 1.
    pub false_accepts: f64,
    /// The answers to photos of products that are not sold.
    #[serde(skip)]
    pub answers: Vec<JudgedAnswer>,
}

/// Searches for photos of products that are not sold; `sold` are verdicts on photos of products that are.
pub(super) fn reject(
    searcher: &Searcher,
    unsold: &Catalog,
    views: Views,
    sold: &[Verdict],
    progress: &dyn Progress,
) -> Result<Rejection, EngineError> {
    let metric = &searcher.index().content().metric;
    let mut skipped = unsold.skipped.clone();
    let mut answers = Vec::new();
    progress.begin(Phase::items(MEASURE, unsold.photos.len() as u64));
    for chunk in unsold.photos.chunks(CHUNK) {
        let files: Vec<PathBuf> = chunk.iter().map(|photo| unsold.file(photo)).collect();
        let embedded = searcher.encoder().embed_query_files(&files, views, metric, progress)?;
        for (photo, embedded) in chunk.iter().zip(embedded) {
            match embedded {
                Err(reason) => skipped.push(Skipped { path: photo.path.clone(), reason }),
                Ok((embedding, _)) => {
                    answers.extend(judged(&searcher.score(&embedding, None, 3)?, None, searcher));
                }
            }
        }
    }
    progress.end();
    let verdicts: Vec<Verdict> = answers.iter().map(|answer| answer.verdict).collect();
    let of = |verdicts: &[Verdict]| -> Vec<f32> { verdicts.iter().map(|v| v.sold).collect() };
    let accepted = |verdicts: &[Verdict]| {
        verdicts.iter().filter(|v| v.is_match).count() as f64 / verdicts.len().max(1) as f64
    };
    let (ours, others) = (of(sold), of(&verdicts));
    Ok(Rejection {
        photos: unsold.photos.len() as u64,
        skipped,
        auroc: auroc(&ours, &others),
        false_accepts_at_95: fpr_at_tpr(&ours, &others, 0.95),
        accepted: accepted(sold),
        false_accepts: accepted(&verdicts),
        answers,
    })
}
