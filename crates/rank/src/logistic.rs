//! Logistic regression with a ridge penalty, fitted by iteratively reweighted least squares (Newton's method; Hastie,
//! Tibshirani and Friedman, "The elements of statistical learning", 4.4.1).

use serde::{Deserialize, Serialize};

/// Rounds of Newton's method; a handful is enough.
const ROUNDS: usize = 25;

/// Penalty on squared weights: keeps them finite where a feature separates both classes perfectly.
const RIDGE: f64 = 1.0;

/// Standard deviations from the mean at which features are clamped: no samples were fitted further out.
const FAR: f64 = 4.0;

/// A probability from a few features: logistic regression.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Logistic {
    /// Mean and standard deviation of each feature, by which it is standardised first.
    scales: Vec<(f64, f64)>,
    /// One for each feature, then the intercept.
    weights: Vec<f64>,
}

impl Logistic {
    /// Fits the probability that a sample is `true`, by maximum likelihood with a small ridge penalty
    /// (iteratively reweighted least squares). If all samples are of one class, the probability is that class's
    /// frequency, smoothed as if there were one more of each (Laplace).
    ///
    /// # Panics
    /// When samples differ in length.
    pub fn fit(samples: &[(Vec<f32>, bool)]) -> Self {
        let count = samples.len() as f64;
        let length = samples.first().map_or(0, |(features, _)| features.len());
        let scales: Vec<(f64, f64)> = (0..length)
            .map(|at| {
                let values = || samples.iter().map(|(features, _)| f64::from(features[at]));
                let mean = values().sum::<f64>() / count;
                let spread = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
                (mean, if spread > 1e-9 { spread } else { 1.0 })
            })
            .collect();
        let right = samples.iter().filter(|(_, right)| *right).count() as f64;
        let frequency = (right + 1.0) / (count + 2.0);
        let mut weights = vec![0.0; length + 1];
        weights[length] = (frequency / (1.0 - frequency)).ln();
        let mut fitted = Self { scales, weights };
        if right == 0.0 || right == count {
            return fitted;
        }
        for _ in 0..ROUNDS {
            // Gradient and curvature of the penalised likelihood.
            let mut gradient: Vec<f64> = fitted.weights.iter().map(|w| -RIDGE * w).collect();
            gradient[length] = 0.0;
            let mut curvature = vec![vec![0.0; length + 1]; length + 1];
            (0..length).for_each(|at| curvature[at][at] = RIDGE);
            for (features, right) in samples {
                let x = fitted.scaled(features);
                let p = fitted.of_scaled(&x);
                let off = f64::from(u8::from(*right)) - p;
                for (row, a) in x.iter().enumerate() {
                    gradient[row] += off * a;
                    for (column, b) in x.iter().enumerate() {
                        curvature[row][column] += (p * (1.0 - p)).max(1e-9) * a * b;
                    }
                }
            }
            let step = solve(curvature, gradient);
            let longest = step.iter().fold(0f64, |most, s| most.max(s.abs()));
            fitted.weights.iter_mut().zip(&step).for_each(|(weight, step)| *weight += step);
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

    #[test]
    fn it_recovers_the_probabilities_that_made_the_samples() {
        let truth = |x: f32, y: f32| 1.0 / (1.0 + (-(4.0 * x - 2.0 * y - 1.0)).exp());
        let samples: Vec<(Vec<f32>, bool)> = (0..20_000u64)
            .map(|n| {
                let (x, y) = (uniform(3 * n), 10.0 * uniform(3 * n + 1) - 5.0);
                (vec![x, y], uniform(3 * n + 2) < truth(x, y))
            })
            .collect();
        let fitted = Logistic::fit(&samples);
        for (x, y) in [(0.1, -1.0), (0.5, 0.0), (0.9, 1.0), (0.5, -0.5)] {
            let found = fitted.probability(&[x, y]);
            assert!((found - truth(x, y)).abs() < 0.03, "{x} {y}: {found}, not {}", truth(x, y));
        }
    }

    #[test]
    fn odd_samples_give_numbers_all_the_same() {
        let of = |samples: &[(Vec<f32>, bool)]| Logistic::fit(samples);
        assert!(
            (of(&[(vec![1.0], true), (vec![2.0], true)]).probability(&[5.0]) - 0.75).abs() < 1e-6
        );
        // One feature separates the classes, the other is constant.
        let apart: Vec<_> = (0..40).map(|n| (vec![n as f32, 7.0], n >= 20)).collect();
        let fitted = of(&apart);
        assert!(fitted.probability(&[0.0, 7.0]) < 0.05 && fitted.probability(&[39.0, 7.0]) > 0.95);
        assert!(fitted.probability(&[19.5, 7.0]).is_finite());
    }
}
