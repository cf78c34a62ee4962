//! How far verdicts can be trusted: reliability and false "no match", by the number of photos that a product has.

use lookalike_eval::calibration;
use lookalike_rank::{KnownAnswer, Verdict};
use serde::Serialize;

/// Reliability bins.
const BINS: usize = 15;

/// The least number of photos of each group of products.
const GROUPS: [usize; 5] = [1, 2, 5, 10, 30];

/// An answer to a photo, and what it was judged by.
#[derive(Debug, Clone, Copy)]
pub struct JudgedAnswer {
    /// The answer. Of a product that is not sold, it is never right.
    pub answer: KnownAnswer,
    /// How many photos of the right product are in the index; 0 of a product that is not sold.
    pub photos: usize,
    /// How sure the search is of it.
    pub verdict: Verdict,
}

/// How far verdicts on photos of products that are sold can be trusted.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictMetrics {
    /// All photos.
    pub all: VerdictGroup,
    /// By the number of photos that the right product has in the index.
    pub by_photos: Vec<VerdictGroup>,
}

/// Verdicts on some photos.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictGroup {
    /// The least number of photos that the right product has in the index.
    pub photos_from: usize,
    /// The largest; none without a limit.
    pub photos_to: Option<usize>,
    /// How many photos were searched for.
    pub queries: usize,
    /// The fraction whose product came first, 0 to 1.
    pub top1: f64,
    /// The expected calibration error of the confidence, 0 to 1.
    pub ece: f64,
    /// The fraction of the answers with the right product first that are said to be no match, 0 to 1.
    pub false_no_match: f64,
}

impl VerdictMetrics {
    /// `None` of no answer.
    pub(super) fn new(answers: &[JudgedAnswer]) -> Option<Self> {
        let group = |from: usize, to: Option<usize>| {
            let is_in = |answer: &&JudgedAnswer| {
                answer.photos >= from && to.is_none_or(|to| answer.photos <= to)
            };
            VerdictGroup::new(from, to, answers.iter().filter(is_in))
        };
        let ends = GROUPS[1..].iter().map(|next| Some(next - 1)).chain([None]);
        let by_photos = GROUPS.into_iter().zip(ends).filter_map(|(from, to)| group(from, to));
        Some(Self { all: group(0, None)?, by_photos: by_photos.collect() })
    }
}

impl VerdictGroup {
    fn new<'a>(
        photos_from: usize,
        photos_to: Option<usize>,
        answers: impl Iterator<Item = &'a JudgedAnswer>,
    ) -> Option<Self> {
        let answers: Vec<&JudgedAnswer> = answers.collect();
        let count = |is: &dyn Fn(&JudgedAnswer) -> bool| answers.iter().filter(|a| is(a)).count();
        let right = count(&|one| one.answer.is_right);
        let rejected = count(&|one| one.answer.is_right && !one.verdict.is_match);
        let confidences: Vec<(f64, bool)> = answers
            .iter()
            .map(|one| (f64::from(one.verdict.confidence), one.answer.is_right))
            .collect();
        (!answers.is_empty()).then(|| Self {
            photos_from,
            photos_to,
            queries: answers.len(),
            top1: right as f64 / answers.len() as f64,
            ece: calibration(&confidences, BINS).ece,
            false_no_match: rejected as f64 / right.max(1) as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_rank::{CONFIDENCE_FEATURES, NoveltyFeatures};

    #[test]
    fn groups_are_by_the_photos_of_the_right_product() {
        let answer = |photos, is_right, is_match| JudgedAnswer {
            answer: KnownAnswer {
                confidence: [0.0; CONFIDENCE_FEATURES],
                novelty: NoveltyFeatures { in_subspace: 0.0, similarity: 0.0 },
                is_right,
            },
            photos,
            verdict: Verdict { confidence: if is_right { 1.0 } else { 0.0 }, sold: 0.5, is_match },
        };
        let answers = [answer(1, true, false), answer(1, true, true), answer(40, false, true)];
        let metrics = VerdictMetrics::new(&answers).expect("answers");
        assert_eq!((metrics.all.queries, metrics.all.false_no_match), (3, 0.5));
        let groups: Vec<_> =
            metrics.by_photos.iter().map(|g| (g.photos_from, g.photos_to, g.queries)).collect();
        assert_eq!(groups, [(1, Some(1), 2), (30, None, 1)]);
        assert_eq!(metrics.by_photos[1].top1, 0.0);
        assert!(VerdictMetrics::new(&[]).is_none());
    }
}
