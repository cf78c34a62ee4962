//! What a byte stands for.

use crate::aligned::Aligned;
use crate::bytes::dots::{Dots, LANES};
use crate::bytes::tile::FOUR;

/// The least and the largest number of a channel, over the photos that were looked at.
pub type Range = [f32; 2];

/// The range of a map that is all zeros, so that a step of it is a number.
const LEAST: f32 = 1e-20;

/// A step for each channel of a map, and the code that stands for zero.
///
/// A number is `step * (code - zero)`, and a code is the nearest of 0 to 255. A step is chosen between a
/// channel's own range and the whole map's: channels with small numbers are told apart in finer steps, and
/// their weights, which grow smaller by it, in coarser. Zero has a code of its own,
/// because maps are padded with it.
pub(crate) struct Scales {
    steps: Aligned,
    zeros: Aligned,
    /// By these, numbers become codes: `number * per_step + zero`.
    per_step: Aligned,
}

impl Scales {
    /// That can say everything in the channels' ranges.
    pub(crate) fn of(ranges: &[Range]) -> Self {
        let reach = |range: &Range| (range[1].max(0.0) - range[0].min(0.0)).max(0.0);
        let largest = ranges.iter().map(reach).fold(LEAST, f32::max);
        let channels = ranges.len().next_multiple_of(LANES);
        let mut scales = Self {
            steps: Aligned::zeros(channels),
            zeros: Aligned::zeros(channels),
            per_step: Aligned::zeros(channels),
        };
        for (channel, range) in ranges.iter().enumerate() {
            // A channel that was always zero need not be so in another photo.
            let own = reach(range).max(largest * 1e-3);
            // Roots are the same on every machine, powers are not.
            let step = largest.sqrt() * own.sqrt() / 255.0;
            scales.steps.as_mut_slice()[channel] = step;
            scales.per_step.as_mut_slice()[channel] = 1.0 / step;
            let below = (-range[0].min(0.0) / step).round_ties_even();
            scales.zeros.as_mut_slice()[channel] = below.clamp(0.0, 255.0);
        }
        scales
    }

    /// Those of up to four channels, again for each of some columns: as [photos](crate::bytes::photos) are
    /// laid out.
    pub(crate) fn of_columns(&self, columns: usize) -> Self {
        let count = (columns * FOUR).next_multiple_of(LANES);
        let again = |numbers: &Aligned| {
            let mut all = Aligned::zeros(count);
            for column in all.as_mut_slice()[..columns * FOUR].chunks_exact_mut(FOUR) {
                column.copy_from_slice(&numbers.as_slice()[..FOUR]);
            }
            all
        };
        Self {
            steps: again(&self.steps),
            zeros: again(&self.zeros),
            per_step: again(&self.per_step),
        }
    }

    /// What a code more stands for, for each channel; 0 for those that fill up the last block.
    pub(crate) fn steps(&self) -> &[f32] {
        self.steps.as_slice()
    }

    /// The codes of zero.
    pub(crate) fn zeros(&self) -> &[f32] {
        self.zeros.as_slice()
    }

    pub(crate) fn per_step(&self) -> &[f32] {
        self.per_step.as_slice()
    }

    /// A block's codes of zero.
    pub(crate) fn zero(&self, block: usize) -> [u8; LANES] {
        let zeros = &self.zeros()[block * LANES..][..LANES];
        std::array::from_fn(|lane| zeros[lane] as u8)
    }

    /// Writes a block's numbers down.
    #[inline(always)]
    pub(crate) fn encode<D: Dots>(
        &self,
        dots: D,
        block: usize,
        from: &[pulp::f32x16],
        to: &mut [[u8; LANES]],
    ) {
        use pulp::Simd;
        let simd = dots.simd();
        let per_step = D::Simd::as_simd_f32s(self.per_step()).0[block];
        let zero = D::Simd::as_simd_f32s(self.zeros()).0[block];
        for (from, to) in from.iter().zip(to) {
            *to = dots.round(simd.mul_add_e_f32s(*from, per_step, zero));
        }
    }

    /// A block's numbers again.
    #[inline(always)]
    pub(crate) fn decode<D: Dots>(
        &self,
        dots: D,
        block: usize,
        from: &[[u8; LANES]],
        to: &mut [pulp::f32x16],
    ) {
        use pulp::Simd;
        let simd = dots.simd();
        let step = D::Simd::as_simd_f32s(self.steps()).0[block];
        let zero = D::Simd::as_simd_f32s(self.zeros()).0[block];
        for (from, to) in from.iter().zip(to) {
            *to = simd.mul_f32s(simd.sub_f32s(dots.widen(from), zero), step);
        }
    }
}
