//! The confidence interval of a proportion, by Wilson's score method.

use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// An interval of proportions, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The 95 % confidence interval of a proportion of which `right` in `queries` were observed.
///
/// The score interval of E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
/// Inference", Journal of the American Statistical Association 22 (1927): unlike the normal
/// approximation it holds for few queries and for proportions close to 0 and 1. Without queries, 0 to 1.
pub fn wilson_interval(right: u64, queries: u64) -> Interval {
    if queries == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let n = queries as f64;
    let proportion = right as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let centre = (proportion + Z * Z / (2.0 * n)) / scale;
    let half = Z * (proportion * (1.0 - proportion) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    // Rounding may leave bounds slightly outside 0 to 1.
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_in_ten() {
        let Interval { low, high } = wilson_interval(8, 10);
        assert!((low - 0.490_162).abs() < 1e-5 && (high - 0.943_318).abs() < 1e-5, "{low} {high}");
    }

    #[test]
    fn ends_stay_inside() {
        assert_eq!(wilson_interval(0, 0), Interval { low: 0.0, high: 1.0 });
        assert!(wilson_interval(0, 7).low.abs() < 1e-12 && wilson_interval(0, 7).high > 0.3);
        assert!(wilson_interval(7, 7).high > 1.0 - 1e-12 && wilson_interval(7, 7).high <= 1.0);
    }
}
