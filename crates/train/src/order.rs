//! Which photos come when. All of it follows from the seed, so that a run can go on in the middle.

use crate::Balance;

/// A well-spread number from any two (SplitMix64's step: Steele, Lea and Flood, 2014).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The photos of an epoch, in their order, by their numbers.
pub(crate) fn of_epoch(classes: &[u32], balance: Balance, seed: u64, epoch: usize) -> Vec<usize> {
    let seed = mix(seed, epoch as u64);
    let mut order: Vec<usize> = match balance {
        Balance::None => (0..classes.len()).collect(),
        Balance::Root | Balance::Full => drawn(classes, balance, seed),
    };
    // Fisher and Yates.
    for at in (1..order.len()).rev() {
        order.swap(at, (mix(seed, at as u64) % (at as u64 + 1)) as usize);
    }
    order
}

/// As many photos as there are, with repeats, each drawn by its class's share.
fn drawn(classes: &[u32], balance: Balance, seed: u64) -> Vec<usize> {
    let mut counts = vec![0f64; classes.iter().max().map_or(0, |&most| most as usize + 1)];
    classes.iter().for_each(|&class| counts[class as usize] += 1.0);
    let weight = |class: u32| {
        let count = counts[class as usize];
        if balance == Balance::Root { 1.0 / count.sqrt() } else { 1.0 / count }
    };
    let mut sum = 0.0;
    let sums: Vec<f64> = classes
        .iter()
        .map(|&c| {
            sum += weight(c);
            sum
        })
        .collect();
    // Evenly spaced with a common offset: a class gets its share to within one photo.
    let offset = (mix(seed, u64::MAX) >> 11) as f64 / (1u64 << 53) as f64;
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
        let first = of_epoch(&classes, Balance::None, 1, 0);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_eq!(first, of_epoch(&classes, Balance::None, 1, 0));
        assert_ne!(first, of_epoch(&classes, Balance::None, 1, 1));
        assert_ne!(first, of_epoch(&classes, Balance::None, 2, 0));
    }

    #[test]
    fn balanced_products_come_equally_often() {
        let classes: Vec<u32> = (0..90).map(|at| u32::from(at >= 80)).collect();
        let share = |balance| {
            let order = of_epoch(&classes, balance, 3, 0);
            order.iter().filter(|&&at| classes[at] == 1).count()
        };
        assert!((44..=46).contains(&share(Balance::Full)), "{}", share(Balance::Full));
        // sqrt(10) of sqrt(80) + sqrt(10), of 90
        assert!((22..=25).contains(&share(Balance::Root)), "{}", share(Balance::Root));
    }
}
