//! Fits an index's confidence on real queries: photos of which is known what they show.

use lookalike_eval::{Calibration, calibration};
use lookalike_rank::{CalibrationSet, ConfidenceCalibrator, KnownAnswer, Verdict};
use serde::Serialize;

use crate::error::EngineError;
use crate::index::Index;

/// Parts that the queries are divided into: what confidence is worth afterwards is measured on each by what the
/// others teach (cross-validation).
const FOLDS: usize = 5;

/// Reliability bins.
const BINS: usize = 10;

/// What calibrating an index on real queries came to.
#[derive(Debug, Clone, Serialize)]
pub struct CalibrationReport {
    /// Queries for products that are sold.
    pub queries: usize,
    /// Queries for things that are not.
    pub unsold: usize,
    /// Verdicts on them before.
    pub before: Reliability,
    /// Verdicts on them by what the other queries taught (5-fold cross-validation).
    pub after: Reliability,
}

/// How far verdicts on some queries can be trusted.
#[derive(Debug, Clone, Serialize)]
pub struct Reliability {
    /// Expected calibration error and reliability bins.
    pub calibration: Calibration,
    /// The fraction of the answers with the right product first that are said to be no match, 0 to 1.
    pub false_no_match: f64,
    /// The fraction of the queries for things that are not sold that are taken for sold, 0 to 1; none without any.
    pub taken_for_sold: Option<f64>,
}

/// Fits an index's confidence on answers to photos of products that are sold, and of things that are not, in place of those
/// of earlier calibrations.
///
/// # Errors
/// [`EngineError::NotCalibrated`] for an index with too few photos to have a verdict, and without an answer.
pub fn calibrate(
    mut index: Index,
    queries: &[KnownAnswer],
    unsold: &[KnownAnswer],
) -> Result<(Index, CalibrationReport), EngineError> {
    if queries.is_empty() {
        return Err(EngineError::NotCalibrated);
    }
    let own = index.calibration_set().clone();
    // Every n-th is left out of one of n fits.
    let set = |left_out: Option<usize>| {
        let is_in =
            |(at, _): &(usize, &KnownAnswer)| left_out.is_none_or(|fold| at % FOLDS != fold);
        let of = |answers: &[KnownAnswer]| -> Vec<KnownAnswer> {
            answers.iter().enumerate().filter(is_in).map(|(_, answer)| *answer).collect()
        };
        let unsold = of(unsold).into_iter().map(|answer| answer.novelty).collect();
        CalibrationSet { queries: of(queries), unsold, ..own.clone() }
    };
    let before = index.ranking().calibrator().ok_or(EngineError::NotCalibrated)?;
    let before = reliability(queries, unsold, &[before; FOLDS]);
    let fits: Vec<ConfidenceCalibrator> =
        (0..FOLDS).filter_map(|fold| ConfidenceCalibrator::fit(&set(Some(fold)))).collect();
    let after = reliability(queries, unsold, &fits.iter().collect::<Vec<_>>());
    let report = CalibrationReport { queries: queries.len(), unsold: unsold.len(), before, after };
    index.set_calibration(set(None));
    Ok((index, report))
}

/// Verdicts of calibrators, one for each fold.
fn reliability(
    queries: &[KnownAnswer],
    unsold: &[KnownAnswer],
    fits: &[&ConfidenceCalibrator],
) -> Reliability {
    let verdicts = |answers: &[KnownAnswer]| -> Vec<(Verdict, bool)> {
        let one = |(at, answer): (usize, &KnownAnswer)| {
            let fit = fits[at % fits.len()];
            (fit.verdict(&answer.confidence, &answer.novelty), answer.is_right)
        };
        answers.iter().enumerate().map(one).collect()
    };
    let (sold, others) = (verdicts(queries), verdicts(unsold));
    let confidences: Vec<(f64, bool)> =
        sold.iter().map(|(verdict, right)| (f64::from(verdict.confidence), *right)).collect();
    let right = sold.iter().filter(|(_, right)| *right).count();
    let rejected = sold.iter().filter(|(verdict, right)| *right && !verdict.is_match).count();
    let taken = others.iter().filter(|(verdict, _)| verdict.is_match).count();
    Reliability {
        calibration: calibration(&confidences, BINS),
        false_no_match: rejected as f64 / right.max(1) as f64,
        taken_for_sold: (!others.is_empty()).then(|| taken as f64 / others.len() as f64),
    }
}
