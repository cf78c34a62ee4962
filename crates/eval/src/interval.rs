//! How far a share that was counted may be from the true one.

use serde::{Deserialize, Serialize};

/// The point which 97.5 % of a standard normal distribution lie below.
const Z: f64 = 1.959_963_984_540_054;

/// From `low` to `high`, both 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The smallest share that still fits what was counted.
    pub low: f64,
    /// The largest one.
    pub high: f64,
}

/// The 95 % confidence interval of a share of which `right` in `queries` were counted.
///
/// The score interval of E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
/// Inference", Journal of the American Statistical Association 22 (1927): unlike the usual ± of a normal
/// distribution it holds for few queries and for shares close to 0 and 1. Of no queries, 0 to 1.
pub fn wilson(right: u64, queries: u64) -> Interval {
    if queries == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let n = queries as f64;
    let share = right as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    // Rounding may leave the ends of 0 % and 100 % a hair outside.
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_in_ten() {
        let Interval { low, high } = wilson(8, 10);
        assert!((low - 0.490_162).abs() < 1e-5 && (high - 0.943_318).abs() < 1e-5, "{low} {high}");
    }

    #[test]
    fn ends_stay_inside() {
        assert_eq!(wilson(0, 0), Interval { low: 0.0, high: 1.0 });
        assert!(wilson(0, 7).low.abs() < 1e-12 && wilson(0, 7).high > 0.3);
        assert!(wilson(7, 7).high > 1.0 - 1e-12 && wilson(7, 7).high <= 1.0);
    }
}
