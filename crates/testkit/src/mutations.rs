//! Random changes of files, for tests that no input does harm.

/// Mutations of files, the same for the same seed.
#[derive(Debug, Clone)]
pub struct Mutations(u64);

impl Mutations {
    /// The mutations of a seed.
    pub fn new(seed: u64) -> Self {
        // The state must not be 0.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The number that the environment variable `LOOKALIKE_MUTATIONS` asks for, in place of `usual`.
    pub fn count(usual: usize) -> usize {
        let asked_for = std::env::var("LOOKALIKE_MUTATIONS").ok();
        asked_for.and_then(|number| number.parse().ok()).unwrap_or(usual)
    }

    /// A file with one to five changes: bytes and bits that are others, the end cut off, bytes left out, copied, or put in.
    /// `interesting` are texts that its format gives a meaning to.
    pub fn of(&mut self, file: &[u8], interesting: &[&[u8]]) -> Vec<u8> {
        let mut file = file.to_vec();
        for _ in 0..1 + self.below(5) {
            let at = self.below(file.len());
            let some = (at + self.below(24)).min(file.len());
            match self.below(7) {
                0 if at < file.len() => file[at] = self.next() as u8,
                1 if at < file.len() => file[at] ^= 1 << self.below(8),
                2 => file.truncate(at),
                3 => drop(file.drain(at..some)),
                4 => {
                    let copied = file[at..some].to_vec();
                    let to = self.below(file.len());
                    drop(file.splice(to..to, copied));
                }
                5 if !interesting.is_empty() => {
                    let text = interesting[self.below(interesting.len())];
                    drop(file.splice(at..at, text.iter().copied()));
                }
                _ => {
                    let value = [0x00, 0x7F, 0x80, 0xFF][self.below(4)];
                    let count = self.below(9);
                    drop(file.splice(at..at, std::iter::repeat_n(value, count)));
                }
            }
        }
        file
    }

    /// A number below `count`; 0 if `count` is 0.
    fn below(&mut self, count: usize) -> usize {
        match count {
            0 => 0,
            _ => self.next() as usize % count,
        }
    }

    /// Xorshift (Marsaglia, "Xorshift RNGs", 2003).
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
