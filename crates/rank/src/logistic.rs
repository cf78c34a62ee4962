//! Logistic regression with a normal prior on its weights, fitted by iteratively reweighted least squares (Newton's method;
//! Hastie, Tibshirani and Friedman, "The elements of statistical learning", 4.4.1): the weights of maximum posterior
//! probability.

use serde::{Deserialize, Serialize};

/// Rounds of Newton's method; a handful is enough.
const ROUNDS: usize = 30;

/// The longest step of a weight in one round: a full step far from the maximum may overshoot.
const LONGEST_STEP: f64 = 3.0;

/// Standard deviations from the mean at which features are clamped: no samples were fitted further out.
const FAR: f64 = 4.0;

/// What is known of the weights of a logistic regression before samples of a catalogue are seen.
#[derive(Debug, Clone, Copy)]
pub struct LogisticPrior<const FEATURES: usize, const WEIGHTS: usize> {
    /// Mean and standard deviation of each feature, by which it is standardised.
    pub scales: [(f64, f64); FEATURES],
    /// The mean of the weights: one for each feature, then the intercept.
    pub mean: [f64; WEIGHTS],
    /// Their covariance between catalogues.
    pub covariance: [[f64; WEIGHTS]; WEIGHTS],
}

/// A probability from a few features: logistic regression.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Logistic {
    /// Mean and standard deviation of each feature, by which it is standardised first.
    scales: Vec<(f64, f64)>,
    /// One for each feature, then the intercept.
    weights: Vec<f64>,
}

impl Logistic {
    /// Fits the probability that a sample is `true`: the weights of maximum posterior probability under a prior.
    /// Each sample comes with how many times it counts; without samples, the result is the prior's mean.
    ///
    /// # Panics
    /// When the prior has not one weight more than features.
    pub fn fit<const FEATURES: usize, const WEIGHTS: usize>(
        samples: &[([f32; FEATURES], bool, f64)],
        prior: &LogisticPrior<FEATURES, WEIGHTS>,
    ) -> Self {
        assert_eq!(WEIGHTS, FEATURES + 1, "a weight for each feature, and the intercept");
        let mut fitted = Self { scales: prior.scales.to_vec(), weights: prior.mean.to_vec() };
        let precision = inverse(prior.covariance.map(|row| row.to_vec()).to_vec());
        let samples: Vec<(Vec<f64>, f64, f64)> = samples
            .iter()
            .map(|(features, is_true, weight)| {
                (fitted.scaled(features), f64::from(u8::from(*is_true)), *weight)
            })
            .collect();
        for _ in 0..ROUNDS {
            // Gradient and curvature of the logarithm of the posterior probability.
            let away: Vec<f64> = fitted
                .weights
                .iter()
                .zip(&prior.mean)
                .map(|(weight, mean)| weight - mean)
                .collect();
            let pull = |row: &Vec<f64>| -row.iter().zip(&away).map(|(p, a)| p * a).sum::<f64>();
            let mut gradient: Vec<f64> = precision.iter().map(pull).collect();
            let mut curvature = precision.clone();
            for (x, truth, weight) in &samples {
                let p = fitted.of_scaled(x);
                for (row, a) in x.iter().enumerate() {
                    gradient[row] += weight * (truth - p) * a;
                    for (column, b) in x.iter().enumerate() {
                        curvature[row][column] += weight * (p * (1.0 - p)).max(1e-9) * a * b;
                    }
                }
            }
            let step = solve(curvature, gradient);
            let longest = step.iter().fold(0f64, |most, s| most.max(s.abs()));
            let scale = if longest > LONGEST_STEP { LONGEST_STEP / longest } else { 1.0 };
            fitted.weights.iter_mut().zip(&step).for_each(|(weight, step)| *weight += scale * step);
            if longest < 1e-9 {
                break;
            }
        }
        fitted
    }

    /// The probability, 0 to 1, of a sample.
    ///
    /// # Panics
    /// When it has another length than those it was fitted on.
    pub fn probability(&self, features: &[f32]) -> f32 {
        assert_eq!(features.len(), self.scales.len(), "as many features as it was fitted on");
        self.of_scaled(&self.scaled(features)) as f32
    }

    /// Whether it takes so many features and gives a number.
    pub(crate) fn is_sound(&self, features: usize) -> bool {
        let scales = self.scales.iter().all(|(mean, spread)| mean.is_finite() && *spread > 0.0);
        let weights = self.weights.iter().all(|weight| weight.is_finite());
        self.scales.len() == features && self.weights.len() == features + 1 && scales && weights
    }

    fn scaled(&self, features: &[f32]) -> Vec<f64> {
        let scaled = features.iter().zip(&self.scales);
        let scaled = scaled.map(|(&feature, (mean, spread))| {
            ((f64::from(feature) - mean) / spread).clamp(-FAR, FAR)
        });
        scaled.chain([1.0]).collect()
    }

    fn of_scaled(&self, x: &[f64]) -> f64 {
        let sum: f64 = self.weights.iter().zip(x).map(|(weight, x)| weight * x).sum();
        1.0 / (1.0 + (-sum).exp())
    }
}

/// The inverse of a positive definite matrix.
fn inverse(matrix: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let unit = |at: usize| (0..matrix.len()).map(|n| f64::from(u8::from(n == at))).collect();
    (0..matrix.len()).map(|at| solve(matrix.clone(), unit(at))).collect()
}

/// Solves a positive definite system of linear equations by Gaussian elimination.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let count = right.len();
    for pivot in 0..count {
        let (above, below) = matrix.split_at_mut(pivot + 1);
        let taken = &above[pivot];
        for (row, number) in below.iter_mut().zip(pivot + 1..) {
            let factor = row[pivot] / taken[pivot].max(1e-12);
            row.iter_mut().zip(taken).for_each(|(cell, taken)| *cell -= factor * taken);
            right[number] -= factor * right[pivot];
        }
    }
    for row in (0..count).rev() {
        let known: f64 = (row + 1..count).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row].max(1e-12);
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number from 0 to 1 that depends on `seed` alone (splitmix64).
    fn uniform(seed: u64) -> f32 {
        let mut z = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A prior that says little.
    const WIDE: LogisticPrior<2, 3> = LogisticPrior {
        scales: [(0.5, 0.3), (0.0, 3.0)],
        mean: [0.0, 0.0, 0.0],
        covariance: [[100.0, 0.0, 0.0], [0.0, 100.0, 0.0], [0.0, 0.0, 100.0]],
    };

    #[test]
    fn it_recovers_the_probabilities_that_made_the_samples() {
        let truth = |x: f32, y: f32| 1.0 / (1.0 + (-(4.0 * x - 2.0 * y - 1.0)).exp());
        let samples: Vec<([f32; 2], bool, f64)> = (0..20_000u64)
            .map(|n| {
                let (x, y) = (uniform(3 * n), 10.0 * uniform(3 * n + 1) - 5.0);
                ([x, y], uniform(3 * n + 2) < truth(x, y), 1.0)
            })
            .collect();
        let fitted = Logistic::fit(&samples, &WIDE);
        for (x, y) in [(0.1, -1.0), (0.5, 0.0), (0.9, 1.0), (0.5, -0.5)] {
            let found = fitted.probability(&[x, y]);
            assert!((found - truth(x, y)).abs() < 0.03, "{x} {y}: {found}, not {}", truth(x, y));
        }
    }

    #[test]
    fn few_samples_move_the_prior_a_little_and_many_replace_it() {
        let prior = LogisticPrior::<1, 2> {
            scales: [(0.0, 1.0)],
            mean: [2.0, 1.0],
            covariance: [[0.3, 0.0], [0.0, 0.3]],
        };
        let at = |count: u64, weight: f64| {
            // In truth, the feature says nothing and one in five is right.
            let samples: Vec<([f32; 1], bool, f64)> =
                (0..count).map(|n| ([uniform(n) * 2.0 - 1.0], n % 5 == 0, weight)).collect();
            Logistic::fit(&samples, &prior).probability(&[0.0])
        };
        let alone = at(0, 1.0);
        assert!((f64::from(alone) - 1.0 / (1.0 + (-1f64).exp())).abs() < 1e-6, "{alone}");
        let (few, many) = (at(5, 1.0), at(5000, 1.0));
        assert!(few < alone && few > 0.4, "{few}");
        assert!((many - 0.2).abs() < 0.03, "{many}");
        assert!(at(5, 0.1) > few, "a small weight counts less");
    }

    #[test]
    fn odd_samples_give_numbers_all_the_same() {
        // One feature separates the classes, the other is constant.
        let apart: Vec<_> = (0..40).map(|n| ([n as f32, 7.0], n >= 20, 1.0)).collect();
        let fitted = Logistic::fit(&apart, &WIDE);
        assert!(fitted.is_sound(2) && fitted.probability(&[19.5, 7.0]).is_finite());
        let one_sided = [([0.2, 0.0], true, 1.0); 9];
        let fitted = Logistic::fit(&one_sided, &WIDE);
        assert!(fitted.is_sound(2) && fitted.probability(&[0.2, 0.0]) > 0.7);
    }
}
