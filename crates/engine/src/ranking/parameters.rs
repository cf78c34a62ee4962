//! The fitted parameters of a ranking, as an index keeps them.

use lookalike_catalog::Split;
use lookalike_rank::ConfidenceCalibrator;
use serde::{Deserialize, Serialize};

use crate::encode::Hardness;

/// The parameters of a ranking.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// The exponents of [`lookalike_rank::log_linear_pool`], 0 to 20: each network's classifier's, then the prototypes',
    /// then the vote's. A classifier that knows too few of the products is left out whatever its weight.
    pub weights: Vec<f32>,
    /// What it was fitted on, if it was.
    pub fitted_on: Option<FittedOn>,
    pub(crate) calibrator: Option<ConfidenceCalibrator>,
}

/// Photos that a ranking was fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedOn {
    /// Their split; none for the index's own photos, each searched for among the others (leave-one-out).
    pub split: Option<Split>,
    /// How hard the views of the index's own photos were, if those were searched for.
    pub hardness: Option<Hardness>,
    /// How many there were.
    pub photos: u32,
    /// How many real queries the confidence was fitted on besides: see [`crate::calibrate`].
    pub queries: u32,
    /// How many photos the index had then.
    pub indexed: u32,
    /// How many photos were added to it and removed from it since.
    pub changes: u32,
}

/// The fraction of an index's photos that may change before what was fitted on them is stale.
const STALE_FROM: f64 = 0.2;

impl FittedOn {
    /// Whether so many photos changed since that it should be fitted again.
    pub fn is_stale(&self) -> bool {
        f64::from(self.changes) > STALE_FROM * f64::from(self.indexed)
    }
}

impl Ranking {
    /// Equal weights for classifiers, prototypes and vote, and no calibrator.
    pub(crate) fn plain(networks: usize) -> Self {
        Self { weights: vec![1.0; networks + 2], ..Self::default() }
    }

    /// The calibrator, if there was enough to fit one on.
    pub fn calibrator(&self) -> Option<&ConfidenceCalibrator> {
        self.calibrator.as_ref()
    }

    /// What is wrong with it for so many networks, if anything.
    pub(crate) fn misfit(&self, networks: usize) -> Option<String> {
        let sound = self.weights.len() == networks + 2
            && self.weights.iter().all(|weight| (0.0..=20.0).contains(weight))
            && self.calibrator.as_ref().is_none_or(ConfidenceCalibrator::is_sound);
        (!sound).then(|| "its ranking is another model's".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_is_stale_after_a_fifth_of_the_photos_changed() {
        let fitted = |changes| {
            let (photos, queries, indexed) = (50, 0, 100);
            FittedOn { split: None, hardness: None, photos, queries, indexed, changes }.is_stale()
        };
        assert!(!fitted(0) && !fitted(20) && fitted(21));
    }
}
