//! How far verdicts can be trusted: reliability, false "no match" and what is taken for sold, by the number of photos that a
//! product has, and by where they come from.

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
    /// How many photos of the right product are in the index; for a product that is not sold, of the one that is named
    /// first.
    pub photos: usize,
    /// How many of those are catalogue pictures.
    pub pictures: usize,
    /// How sure the search is of it.
    pub verdict: Verdict,
}

/// How far verdicts can be trusted.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictMetrics {
    /// All photos.
    pub all: VerdictGroup,
    /// By the number of photos that the right product has in the index.
    pub by_photos: Vec<PhotosGroup>,
    /// By where those photos come from; empty for an index without catalogue pictures.
    pub by_source: Vec<SourcesGroup>,
}

/// Verdicts on products with about as many photos.
#[derive(Debug, Clone, Serialize)]
pub struct PhotosGroup {
    /// The least number of photos that the right product has in the index.
    pub photos_from: usize,
    /// The largest; none without a limit.
    pub photos_to: Option<usize>,
    /// The verdicts.
    #[serde(flatten)]
    pub verdicts: VerdictGroup,
}

/// Verdicts on products with photos of the same sources.
#[derive(Debug, Clone, Serialize)]
pub struct SourcesGroup {
    /// Where the right product's photos in the index come from.
    pub sources: IndexedSources,
    /// The verdicts.
    #[serde(flatten)]
    pub verdicts: VerdictGroup,
}

/// Where a product's photos in an index come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexedSources {
    /// Customers' photos only.
    Reviews,
    /// Its catalogue picture only.
    Picture,
    /// Both.
    Both,
}

/// Verdicts on some photos. Photos of things that are not sold count for the product that is named first.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictGroup {
    /// How many photos of products that are sold were searched for.
    pub queries: usize,
    /// The fraction whose product came first, 0 to 1.
    pub top1: f64,
    /// The expected calibration error of the confidence, 0 to 1.
    pub ece: f64,
    /// The fraction of the answers with the right product first that are said to be no match, 0 to 1.
    pub false_no_match: f64,
    /// How many photos of things that are not sold were searched for.
    pub unsold: usize,
    /// The fraction of those that is taken for sold, 0 to 1; none of none.
    pub taken_for_sold: Option<f64>,
}

impl VerdictMetrics {
    /// `None` of no answer to a photo of a product that is sold.
    pub(super) fn new(answers: &[JudgedAnswer], unsold: &[JudgedAnswer]) -> Option<Self> {
        let group = |is_in: &dyn Fn(&JudgedAnswer) -> bool| {
            let of = |answers: &[JudgedAnswer]| -> Vec<JudgedAnswer> {
                answers.iter().filter(|answer| is_in(answer)).copied().collect()
            };
            VerdictGroup::new(&of(answers), &of(unsold))
        };
        let ends = GROUPS[1..].iter().map(|next| Some(next - 1)).chain([None]);
        let by_photos = GROUPS.into_iter().zip(ends).filter_map(|(photos_from, photos_to)| {
            let is_in = |answer: &JudgedAnswer| {
                answer.photos >= photos_from && photos_to.is_none_or(|to| answer.photos <= to)
            };
            Some(PhotosGroup { photos_from, photos_to, verdicts: group(&is_in)? })
        });
        let has_pictures = answers.iter().any(|answer| answer.pictures > 0);
        let all = [IndexedSources::Reviews, IndexedSources::Picture, IndexedSources::Both];
        let by_source = all.into_iter().filter(|_| has_pictures).filter_map(|sources| {
            let verdicts = group(&|answer| answer.sources() == sources)?;
            Some(SourcesGroup { sources, verdicts })
        });
        let (by_photos, by_source) = (by_photos.collect(), by_source.collect());
        Some(Self { all: group(&|_| true)?, by_photos, by_source })
    }
}

impl JudgedAnswer {
    fn sources(&self) -> IndexedSources {
        match self.pictures {
            0 => IndexedSources::Reviews,
            pictures if pictures == self.photos => IndexedSources::Picture,
            _ => IndexedSources::Both,
        }
    }
}

impl VerdictGroup {
    fn new(answers: &[JudgedAnswer], unsold: &[JudgedAnswer]) -> Option<Self> {
        let count = |is: &dyn Fn(&JudgedAnswer) -> bool| answers.iter().filter(|a| is(a)).count();
        let right = count(&|one| one.answer.is_right);
        let rejected = count(&|one| one.answer.is_right && !one.verdict.is_match);
        let taken = unsold.iter().filter(|one| one.verdict.is_match).count();
        let confidences: Vec<(f64, bool)> = answers
            .iter()
            .map(|one| (f64::from(one.verdict.confidence), one.answer.is_right))
            .collect();
        (!answers.is_empty()).then(|| Self {
            queries: answers.len(),
            top1: right as f64 / answers.len() as f64,
            ece: calibration(&confidences, BINS).ece,
            false_no_match: rejected as f64 / right.max(1) as f64,
            unsold: unsold.len(),
            taken_for_sold: (!unsold.is_empty()).then(|| taken as f64 / unsold.len() as f64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_rank::{CONFIDENCE_FEATURES, NoveltyFeatures};

    fn answer(photos: usize, pictures: usize, is_right: bool, is_match: bool) -> JudgedAnswer {
        let answer = KnownAnswer {
            confidence: [0.0; CONFIDENCE_FEATURES],
            novelty: NoveltyFeatures { in_subspace: 0.0, similarity: 0.0 },
            is_right,
        };
        let verdict = Verdict { confidence: if is_right { 1.0 } else { 0.0 }, sold: 0.5, is_match };
        JudgedAnswer { answer, photos, pictures, verdict }
    }

    #[test]
    fn groups_are_by_the_photos_of_the_right_product() {
        let answers =
            [answer(1, 0, true, false), answer(1, 0, true, true), answer(40, 0, false, true)];
        let metrics = VerdictMetrics::new(&answers, &[]).expect("answers");
        assert_eq!((metrics.all.queries, metrics.all.false_no_match), (3, 0.5));
        let groups: Vec<_> = metrics
            .by_photos
            .iter()
            .map(|g| (g.photos_from, g.photos_to, g.verdicts.queries))
            .collect();
        assert_eq!(groups, [(1, Some(1), 2), (30, None, 1)]);
        assert_eq!(metrics.by_photos[1].verdicts.top1, 0.0);
        assert!(metrics.by_source.is_empty() && metrics.all.taken_for_sold.is_none());
        assert!(VerdictMetrics::new(&[], &[]).is_none());
    }

    #[test]
    fn groups_are_by_source_where_there_are_catalogue_pictures() {
        let answers =
            [answer(1, 1, true, false), answer(3, 1, true, true), answer(3, 0, true, true)];
        // One is taken for the product that has only a picture.
        let unsold = [answer(1, 1, false, true), answer(3, 0, false, false)];
        let metrics = VerdictMetrics::new(&answers, &unsold).expect("answers");
        let group = |at: usize| {
            let SourcesGroup { sources, verdicts } = &metrics.by_source[at];
            (*sources, verdicts.false_no_match, verdicts.taken_for_sold)
        };
        assert_eq!(group(0), (IndexedSources::Reviews, 0.0, Some(0.0)));
        assert_eq!(group(1), (IndexedSources::Picture, 1.0, Some(1.0)));
        assert_eq!(group(2), (IndexedSources::Both, 0.0, None));
        assert_eq!(metrics.all.taken_for_sold, Some(0.5));
    }
}
