//! The fitted parameters of a ranking, as an index keeps them.

use lookalike_catalog::Split;
use lookalike_rank::ConfidenceCalibrator;
use serde::{Deserialize, Serialize};

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
    /// How many there were.
    pub photos: u32,
}

impl Ranking {
    /// Equal weights for classifiers, prototypes and vote, and no calibrator.
    pub(crate) fn plain(networks: usize) -> Self {
        Self { weights: vec![1.0; networks + 2], fitted_on: None, calibrator: None }
    }

    /// What is wrong with it for so many networks, if anything.
    pub(crate) fn misfit(&self, networks: usize) -> Option<String> {
        let sound = self.weights.len() == networks + 2
            && self.weights.iter().all(|weight| (0.0..=20.0).contains(weight))
            && self.calibrator.as_ref().is_none_or(ConfidenceCalibrator::is_sound);
        (!sound).then(|| "its ranking is another model's".to_owned())
    }
}
