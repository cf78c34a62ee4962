//! Reproducible noise by name and index.

/// Uniform noise from -0.5 up to 0.5, seeded by a name.
///
/// The golden files of `lookalike-backbone` were made in Python from the same noise: a change here invalidates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    start: u32,
}

impl Noise {
    /// The noise of a name; the seed is its CRC-32 (IEEE 802.3).
    pub fn named(name: &str) -> Self {
        Self { start: crc32fast::hash(name.as_bytes()) }
    }

    /// The value at `index`, at least -0.5 and below 0.5; repeats after 2^32.
    pub fn at(self, index: usize) -> f64 {
        // Knuth's multiplicative hash reaches all 32-bit values, but neighbours differ by a constant;
        // MurmurHash3's finaliser removes that.
        let mut h = (index as u32).wrapping_mul(2_654_435_761).wrapping_add(self.start);
        h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        h ^= h >> 16;
        f64::from(h) / 4_294_967_296.0 - 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_centred_sequences_of_their_own() {
        const COUNT: usize = 100_000;
        let mean = |value: &dyn Fn(usize) -> f64| (0..COUNT).map(value).sum::<f64>() / COUNT as f64;
        let (a, b) = (Noise::named("a"), Noise::named("b"));
        assert!((0..COUNT).all(|i| (-0.5..0.5).contains(&a.at(i))));
        assert!(mean(&|i| a.at(i)).abs() < 0.01);
        assert!((mean(&|i| a.at(i).powi(2)) - 1.0 / 12.0).abs() < 0.001, "uniform variance");
        assert!(mean(&|i| a.at(i) * b.at(i)).abs() < 0.001, "no correlation between names");
        for apart in 1..30 {
            let correlation = mean(&|i| a.at(i) * a.at(i + apart));
            assert!(correlation.abs() < 0.001, "{correlation} {apart} apart");
        }
    }
}
