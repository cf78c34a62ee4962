//! Calibration: whether answers with a confidence of 80 % are right four times in five. Reliability bins and the
//! expected calibration error.

use serde::{Deserialize, Serialize};

/// The queries whose answer was given with a confidence above `low` and up to `high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower end, 0 to 1. A confidence of exactly 0 is in the first bin.
    pub low: f64,
    /// Upper end, 0 to 1; it belongs to the bin.
    pub high: f64,
    /// Number of queries.
    pub queries: u64,
    /// Their mean confidence, 0 to 1; 0 without queries.
    pub confidence: f64,
    /// Fraction of right answers, 0 to 1; 0 without queries.
    pub accuracy: f64,
}

/// Calibration of a method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Expected calibration error, 0 (best) to 1; 0 without queries.
    pub ece: f64,
    /// Bins of equal width, from confidence 0 to 1.
    pub bins: Vec<ReliabilityBin>,
}

/// Calibration of answers, each a confidence (0 to 1) and whether it was right, in equally wide `bins`.
///
/// C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3: the difference of
/// accuracy and mean confidence in each bin, weighted by the bin's fraction of the queries. Confidences are clamped to
/// 0 to 1, NaN counts as 0, and 0 bins as one.
pub fn calibration(answers: &[(f64, bool)], bins: usize) -> Calibration {
    let count = bins.max(1);
    let mut sums = vec![(0_u64, 0.0_f64, 0_u64); count];
    for &(confidence, right) in answers {
        let confidence = if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 1.0) };
        let bin = (confidence * count as f64).ceil() as usize;
        let (queries, sum, correct) = &mut sums[bin.clamp(1, count) - 1];
        *queries += 1;
        *sum += confidence;
        *correct += u64::from(right);
    }
    let mut ece = 0.0;
    let bins = sums.into_iter().enumerate().map(|(bin, (queries, sum, correct))| {
        let mean = |total: f64| if queries == 0 { 0.0 } else { total / queries as f64 };
        ece += (correct as f64 - sum).abs();
        ReliabilityBin {
            low: bin as f64 / count as f64,
            high: (bin + 1) as f64 / count as f64,
            queries,
            confidence: mean(sum),
            accuracy: mean(correct as f64),
        }
    });
    let bins = bins.collect();
    Calibration { ece: ece / answers.len().max(1) as f64, bins }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Two bins: (0, 0.5] holds 0.25 and 0.5, one of them right; (0.5, 1] holds 0.75, right.
        let found = calibration(&[(0.25, false), (0.5, true), (0.75, true)], 2);
        assert_eq!(
            found.bins,
            [
                ReliabilityBin {
                    low: 0.0,
                    high: 0.5,
                    queries: 2,
                    confidence: 0.375,
                    accuracy: 0.5
                },
                ReliabilityBin { low: 0.5, high: 1.0, queries: 1, confidence: 0.75, accuracy: 1.0 },
            ]
        );
        // 2/3 of |0.5 - 0.375|, and 1/3 of |1 - 0.75|.
        assert!((found.ece - (2.0 / 3.0 * 0.125 + 1.0 / 3.0 * 0.25)).abs() < 1e-12);
    }

    #[test]
    fn sure_and_always_wrong_is_the_worst() {
        assert_eq!(calibration(&[(1.0, false); 4], 15).ece, 1.0);
        assert_eq!(calibration(&[(1.0, true), (0.0, false)], 15).ece, 0.0);
        assert_eq!(calibration(&[], 15).ece, 0.0);
    }

    #[test]
    fn values_out_of_range_have_a_bin_too() {
        let found = calibration(&[(f64::NAN, false), (-1.0, false), (7.0, true)], 4);
        assert_eq!((found.bins[0].queries, found.bins[3].queries, found.ece), (2, 1, 0.0));
        assert_eq!(calibration(&[(0.5, true)], 0).bins.len(), 1);
    }
}
