//! Separation of two classes by a score, such as photos of products that are sold and of others: AUROC, and the
//! false positive rate at a true positive rate (FPR@95TPR in the literature on out-of-distribution detection).

/// The area under the receiver operating characteristic, 0 to 1: how often a positive scores higher than a negative,
/// ties counting half (Hanley and McNeil, 1982). 0.5 if either is empty.
pub fn auroc(positives: &[f32], negatives: &[f32]) -> f64 {
    if positives.is_empty() || negatives.is_empty() {
        return 0.5;
    }
    let mut all: Vec<(f32, bool)> = positives.iter().map(|&score| (score, true)).collect();
    all.extend(negatives.iter().map(|&score| (score, false)));
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut sum) = (0usize, 0.0);
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let tied_negatives = tied.iter().filter(|(_, is_positive)| !is_positive).count();
        let tied_positives = tied.len() - tied_negatives;
        sum += tied_positives as f64 * (below as f64 + tied_negatives as f64 / 2.0);
        below += tied_negatives;
    }
    sum / (positives.len() as f64 * negatives.len() as f64)
}

/// The false positive rate, 0 to 1, at the threshold with the true positive rate `tpr`, 0 to 1. 0 if either is empty.
pub fn fpr_at_tpr(positives: &[f32], negatives: &[f32], tpr: f64) -> f64 {
    let mut sorted = positives.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let rejected = ((1.0 - tpr.clamp(0.0, 1.0)) * sorted.len() as f64) as usize;
    let last = sorted.len().saturating_sub(1);
    let Some(&threshold) = sorted.get(rejected.min(last)) else { return 0.0 };
    let accepted = negatives.iter().filter(|&&score| score >= threshold).count();
    accepted as f64 / negatives.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        assert_eq!(auroc(&[0.9, 0.8], &[0.1, 0.2]), 1.0);
        assert_eq!(auroc(&[0.1], &[0.9]), 0.0);
        assert_eq!(auroc(&[0.5, 0.9], &[0.5, 0.1]), 3.5 / 4.0);
        assert_eq!(auroc(&[], &[0.1]), 0.5);
        let positives: Vec<f32> = (0..100).map(|n| n as f32 / 100.0).collect();
        // The threshold is 0.05; a tenth of these lie below it.
        let negatives: Vec<f32> = (0..10).map(|n| 0.01 + n as f32 / 10.0).collect();
        assert_eq!(fpr_at_tpr(&positives, &negatives, 0.95), 0.9);
        assert_eq!(fpr_at_tpr(&[], &negatives, 0.95), 0.0);
    }
}
