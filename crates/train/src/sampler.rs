//! The sampler: the order of photos in an epoch. It follows from the seed, so that a run can be resumed in
//! the middle of an epoch.

use lookalike_base::random::splitmix64_at;

use crate::ClassBalance;

/// The numbers of an epoch's photos, in order.
pub(crate) fn epoch_order(
    classes: &[u32],
    balance: ClassBalance,
    seed: u64,
    epoch: usize,
) -> Vec<usize> {
    let seed = splitmix64_at(seed, epoch as u64);
    let mut order: Vec<usize> = match balance {
        ClassBalance::None => (0..classes.len()).collect(),
        ClassBalance::Root | ClassBalance::Full => drawn(classes, balance, seed),
    };
    // Fisher and Yates.
    for at in (1..order.len()).rev() {
        order.swap(at, (splitmix64_at(seed, at as u64) % (at as u64 + 1)) as usize);
    }
    order
}

/// As many photos as there are, drawn with repeats in proportion to the weight of their class.
fn drawn(classes: &[u32], balance: ClassBalance, seed: u64) -> Vec<usize> {
    let mut counts = vec![0f64; classes.iter().max().map_or(0, |&most| most as usize + 1)];
    classes.iter().for_each(|&class| counts[class as usize] += 1.0);
    let weight = |class: u32| {
        let count = counts[class as usize];
        if balance == ClassBalance::Root { 1.0 / count.sqrt() } else { 1.0 / count }
    };
    let mut sum = 0.0;
    let sums: Vec<f64> = classes
        .iter()
        .map(|&c| {
            sum += weight(c);
            sum
        })
        .collect();
    // Systematic sampling (evenly spaced with a common offset): exact to within one photo a class.
    let offset = (splitmix64_at(seed, u64::MAX) >> 11) as f64 / (1u64 << 53) as f64;
    let step = sum / classes.len() as f64;
    (0..classes.len())
        .map(|at| {
            sums.partition_point(|&s| s <= (at as f64 + offset) * step).min(classes.len() - 1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_photo_comes_once_in_another_order_each_epoch() {
        let classes = vec![0; 100];
        let first = epoch_order(&classes, ClassBalance::None, 1, 0);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_eq!(first, epoch_order(&classes, ClassBalance::None, 1, 0));
        assert_ne!(first, epoch_order(&classes, ClassBalance::None, 1, 1));
        assert_ne!(first, epoch_order(&classes, ClassBalance::None, 2, 0));
    }

    #[test]
    fn balanced_products_come_equally_often() {
        let classes: Vec<u32> = (0..90).map(|at| u32::from(at >= 80)).collect();
        let count = |balance| {
            let order = epoch_order(&classes, balance, 3, 0);
            order.iter().filter(|&&at| classes[at] == 1).count()
        };
        assert!((44..=46).contains(&count(ClassBalance::Full)), "{}", count(ClassBalance::Full));
        // sqrt(10) of sqrt(80) + sqrt(10), of 90
        assert!((22..=25).contains(&count(ClassBalance::Root)), "{}", count(ClassBalance::Root));
    }
}
