//! How well two kinds of things are told apart by a number.

/// The area under the receiver operating characteristic, 0 to 1: how often one of `ours` is above one of
/// `others`, equal ones counting half (Hanley and McNeil, 1982). 0.5 without either.
pub fn auroc(ours: &[f32], others: &[f32]) -> f64 {
    if ours.is_empty() || others.is_empty() {
        return 0.5;
    }
    let mut all: Vec<(f32, bool)> = ours.iter().map(|&value| (value, true)).collect();
    all.extend(others.iter().map(|&value| (value, false)));
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut sum) = (0usize, 0.0);
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        let others = equal.iter().filter(|(_, ours)| !ours).count();
        let ours = equal.len() - others;
        sum += ours as f64 * (below as f64 + others as f64 / 2.0);
        below += others;
    }
    sum / (ours.len() as f64 * others.len() as f64)
}

/// The share of `others` that is taken for one of `ours` by a limit that keeps a share `kept`, 0 to 1, of
/// `ours`. 0 without either.
pub fn false_accepts(ours: &[f32], others: &[f32], kept: f64) -> f64 {
    let mut sorted = ours.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let lost = ((1.0 - kept.clamp(0.0, 1.0)) * sorted.len() as f64) as usize;
    let Some(&limit) = sorted.get(lost.min(sorted.len().saturating_sub(1))) else { return 0.0 };
    let accepted = others.iter().filter(|&&value| value >= limit).count();
    accepted as f64 / others.len().max(1) as f64
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
        let ours: Vec<f32> = (0..100).map(|n| n as f32 / 100.0).collect();
        // The limit is 0.05; a tenth of these lie below it.
        let others: Vec<f32> = (0..10).map(|n| 0.01 + n as f32 / 10.0).collect();
        assert_eq!(false_accepts(&ours, &others, 0.95), 0.9);
        assert_eq!(false_accepts(&[], &others, 0.95), 0.0);
    }
}
