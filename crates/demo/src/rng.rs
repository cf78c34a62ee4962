//! The random draws of the generator, on SplitMix64: the same on every machine and in every release.

use lookalike_base::random::SplitMix64;

/// A stream of random draws.
#[derive(Debug, Clone)]
pub(crate) struct Rng(SplitMix64);

impl Rng {
    /// An independent stream for each `stream`, so that photos do not depend on the order in which they are drawn.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = SplitMix64::new(seed ^ stream.wrapping_mul(0xA076_1D64_78BD_642F));
        rng.next_u64();
        rng.next_u64();
        Self(rng)
    }

    /// Uniform, 0 up to, not including, 1.
    pub(crate) fn unit(&mut self) -> f32 {
        self.0.unit()
    }

    /// Uniform, `low` up to `high`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A number below `count`; 0 if `count` is 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0.below(count)
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of `among`, each as likely; `among` must not be empty.
    pub(crate) fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }

    /// Nearly normal, mean 0, variance 1: the sum of four uniform numbers (Irwin-Hall), which has no far outliers.
    pub(crate) fn bell(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 1.732
    }

    /// Orders items at random.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }
}
