use serde::{Deserialize, Serialize};

use crate::{Logistic, SIGNALS};

/// Share of the photos of products that are sold which must not be turned away.
const KEPT: f64 = 0.95;

/// Says how sure an answer is, and whether the thing is sold at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    right: Logistic,
    sold: Logistic,
    /// Least probability of being sold with which a thing counts as sold.
    accept: f32,
}

/// What a [`Judge`] says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// How likely the first product is the right one, 0 to 1, if the thing is sold.
    pub confidence: f32,
    /// How likely the thing is sold, 0 to 1, where half of the photos show things that are.
    pub sold: f32,
    /// Whether it counts as sold: 95 % of the photos do that show things that are.
    pub is_match: bool,
}

impl Judge {
    /// Fits a judge on the [`crate::signals`] of photos of things that are sold, each with whether the
    /// first product was the right one, and of photos of things that are not. All of the classifiers'
    /// shares are taken to be heard.
    ///
    /// The latter may be photos of products that were left out for the purpose: for those, nobody has
    /// to find photos of things that are not sold. `None` without photos of either kind.
    pub fn fit(sold: &[([f32; SIGNALS], bool)], unsold: &[[f32; SIGNALS]]) -> Option<Self> {
        if sold.is_empty() || unsold.is_empty() {
            return None;
        }
        let right: Vec<_> =
            sold.iter().map(|(signals, right)| (signals.to_vec(), *right)).collect();
        // As many of the one as of the other, as if each were repeated.
        let ours = sold.iter().map(|(signals, _)| (signals.to_vec(), true));
        let others = unsold.iter().map(|signals| (signals.to_vec(), false));
        let (few, many) = (sold.len().min(unsold.len()), sold.len().max(unsold.len()));
        let times = (many as f64 / few as f64).round().max(1.0) as usize;
        let (ours, others): (Vec<_>, Vec<_>) = (ours.collect(), others.collect());
        let (short, long) = if sold.len() < unsold.len() { (ours, others) } else { (others, ours) };
        let all: Vec<_> = (0..times).flat_map(|_| short.clone()).chain(long).collect();
        let fitted = Logistic::fit(&all);
        let mut kept: Vec<f32> =
            sold.iter().map(|(signals, _)| fitted.probability(signals)).collect();
        kept.sort_unstable_by(f32::total_cmp);
        let accept = kept[((1.0 - KEPT) * kept.len() as f64) as usize];
        Some(Self { right: Logistic::fit(&right), sold: fitted, accept })
    }

    /// Judges an answer by its [`crate::signals`], and by how much of the classifiers' shares is
    /// [`crate::heard`].
    pub fn judge(&self, signals: &[f32; SIGNALS], heard: f32) -> Verdict {
        let sold = self.sold.probability(signals) * heard;
        let confidence = self.right.probability(signals);
        Verdict { confidence, sold, is_match: sold >= self.accept }
    }

    /// Whether it can judge: what a file claims to be a judge may not.
    pub fn is_sound(&self) -> bool {
        self.right.is_sound(SIGNALS) && self.sold.is_sound(SIGNALS) && self.accept.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers whose similarity and score rise with `sure`, 0 to 1.
    fn answer(sure: f32) -> [f32; SIGNALS] {
        [sure, 0.8 * sure, 0.3 + 0.6 * sure, 0.2 + 0.6 * sure]
    }

    #[test]
    fn sure_answers_are_matches_and_unsure_ones_are_not() {
        let sold: Vec<_> =
            (0..200).map(|n| (answer(0.4 + 0.003 * n as f32), n % 10 != 0 || n > 100)).collect();
        let unsold: Vec<_> = (0..50).map(|n| answer(0.012 * n as f32)).collect();
        let judge = Judge::fit(&sold, &unsold).expect("photos of both kinds");
        assert!(judge.is_sound());
        let (high, low) = (judge.judge(&answer(0.95), 1.0), judge.judge(&answer(0.1), 1.0));
        assert!(high.is_match && !low.is_match);
        assert!(high.confidence > 0.9 && high.confidence > low.confidence, "{high:?} {low:?}");
        let other = judge.judge(&answer(0.95), 0.05);
        assert!(!other.is_match, "the classifiers know it for something else: {other:?}");
        assert!(high.sold > 0.9 && low.sold < 0.1, "{high:?} {low:?}");
        let kept = sold.iter().filter(|(signals, _)| judge.judge(signals, 1.0).is_match).count();
        assert!((190..=192).contains(&kept), "{kept} of 200");
    }

    #[test]
    fn without_photos_there_is_no_judge() {
        assert_eq!(Judge::fit(&[], &[answer(0.1)]), None);
        assert_eq!(Judge::fit(&[(answer(0.9), true)], &[]), None);
    }
}
