//! When an answer is "no match": open-set rejection by a threshold on the probability that the query shows a product that
//! is sold. The threshold is a quantile: it falsely rejects 5 % of the photos of products that are sold.

use serde::{Deserialize, Serialize};

/// The fraction of the photos of sold products that must be accepted: 5 % may be falsely rejected.
const ACCEPTED: f64 = 0.95;

/// The least probability of being sold, 0 to 1, that counts as a match.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RejectionThreshold(f32);

impl RejectionThreshold {
    /// The threshold that accepts 95 % of photos of sold products, given their probabilities of being sold.
    ///
    /// # Panics
    /// For no photos.
    pub(crate) fn fit(mut of_sold: Vec<f32>) -> Self {
        of_sold.sort_unstable_by(f32::total_cmp);
        Self(of_sold[((1.0 - ACCEPTED) * of_sold.len() as f64) as usize])
    }

    /// Whether a query with this probability of being sold is a match.
    pub(crate) fn accepts(self, sold: f32) -> bool {
        sold >= self.0
    }

    /// Whether it is usable; one read from a file may not be.
    pub(crate) fn is_sound(self) -> bool {
        self.0.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_photo_in_twenty_is_falsely_rejected() {
        let of_sold: Vec<f32> = (0..200).rev().map(|n| n as f32 / 200.0).collect();
        let threshold = RejectionThreshold::fit(of_sold.clone());
        assert_eq!(of_sold.iter().filter(|&&sold| !threshold.accepts(sold)).count(), 10);
        assert!(RejectionThreshold::fit(vec![0.3]).accepts(0.3));
        assert!(threshold.is_sound() && !RejectionThreshold(f32::NAN).is_sound());
    }
}
