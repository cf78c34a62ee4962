//! Random numbers that are the same on every machine and in every release: SplitMix64 (Steele, Lea and
//! Flood, "Fast splittable pseudorandom number generators", 2014).
//!
//! It serves where a number has to follow from a seed and a position alone. Where a whole generator of
//! the `rand` crate is wanted, name one (`rand_xoshiro::Xoshiro256PlusPlus`): `SmallRng` may change with
//! a release or a machine.

/// The step of the state: 2^64 divided by the golden ratio, made odd.
pub const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A well-spread number from any number: SplitMix64's output for the state `number`, stepped once.
pub fn splitmix64(number: u64) -> u64 {
    let mut z = number.wrapping_add(GOLDEN_GAMMA);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A well-spread number from a seed and a position: what a [`SplitMix64`] with that seed returns after
/// `position` other numbers.
pub fn splitmix64_at(seed: u64, position: u64) -> u64 {
    splitmix64(seed.wrapping_add(position.wrapping_mul(GOLDEN_GAMMA)))
}

/// 0 up to, not including, 1, from the upper 24 bits of a random number.
pub fn unit(random: u64) -> f32 {
    (random >> 40) as f32 / (1u64 << 24) as f32
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        let random = splitmix64(self.0);
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        random
    }

    /// 0 up to, not including, 1.
    pub fn unit(&mut self) -> f32 {
        unit(self.next_u64())
    }

    /// A number below `count`, each as likely; 0 if `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next_u64()) * count as u128) >> 64) as usize
    }

    /// Orders items at random (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's first numbers for the seed 1234567
    /// (https://prng.di.unimi.it/splitmix64.c).
    #[test]
    fn the_stream_is_the_reference_implementations() {
        let wanted =
            [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431];
        let mut rng = SplitMix64::new(1_234_567);
        for (position, wanted) in wanted.into_iter().enumerate() {
            assert_eq!(rng.next_u64(), wanted);
            assert_eq!(splitmix64_at(1_234_567, position as u64), wanted);
        }
    }

    #[test]
    fn numbers_keep_their_bounds_and_shuffles_keep_their_items() {
        let mut rng = SplitMix64::new(7);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&rng.unit())));
        assert!((0..1000).all(|_| rng.below(3) < 3));
        assert_eq!(rng.below(0), 0);
        let mut items: Vec<u32> = (0..100).collect();
        rng.shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
