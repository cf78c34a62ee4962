//! The low frequencies of a block.

use super::bits::Bits;
use super::codes::{Ac, Codes, Skips, value};

/// Where the coefficients lie in a block, row by row, in the order in which they come (T.81, figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A component's tables, and how much of a block is wanted of it.
pub(super) struct Reader<'a> {
    dc: &'a Codes,
    ac: &'a Codes,
    skips: &'a Skips,
    /// What coefficients are multiplied by, in the order in which they come.
    steps: [f32; 64],
    /// Coefficients up to the last one that is wanted: few.
    wanted: u32,
    /// The mean of the last block.
    mean: i32,
}

impl<'a> Reader<'a> {
    /// For the lowest frequencies: so many across and down.
    pub(super) fn new(
        (dc, ac, skips): (&'a Codes, &'a Codes, &'a Skips),
        steps: &[u16; 64],
        (across, down): (usize, usize),
    ) -> Self {
        let is_wanted = |&at: &u8| usize::from(at % 8) < across && usize::from(at / 8) < down;
        let wanted = ZIGZAG.iter().rposition(is_wanted).map_or(1, |last| last + 1);
        Self { dc, ac, skips, steps: steps.map(f32::from), wanted: wanted as u32, mean: 0 }
    }

    /// Begins anew, as behind a restart marker.
    pub(super) fn restart(&mut self) {
        self.mean = 0;
    }

    /// Reads a block, row by row of frequencies; those that are not wanted may be missing. Says whether there
    /// is more than its mean.
    #[inline(always)]
    pub(super) fn read(&mut self, bits: &mut Bits, block: &mut [f32; 64]) -> Option<bool> {
        let window = bits.window()?;
        let (size, length) = self.dc.next(window)?;
        if size > 11 {
            return None;
        }
        bits.skip(length + u32::from(size));
        self.mean = self.mean.wrapping_add(value(window << length, u32::from(size)));
        block[0] = self.mean as f32 * self.steps[0];
        let (mut at, mut has_more) = (1, false);
        while at < self.wanted {
            let window = bits.window()?;
            let (symbol, length) = self.ac.next(window)?;
            match Ac::of(symbol)? {
                Ac::EndOfBlock => {
                    bits.skip(length);
                    return Some(has_more);
                }
                Ac::Zeros => {
                    bits.skip(length);
                    at += 16;
                }
                Ac::Value { zeros, bits: size } => {
                    bits.skip(length + size);
                    at += zeros;
                    let place = *ZIGZAG.get(at as usize)?;
                    let step = self.steps[at as usize];
                    block[usize::from(place)] = value(window << length, size) as f32 * step;
                    has_more = true;
                    at += 1;
                }
            }
        }
        self.skips.pass(bits, self.ac, at)?;
        Some(has_more)
    }
}
