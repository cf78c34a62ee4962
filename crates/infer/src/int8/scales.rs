//! Affine quantisation with a scale and a zero point per channel.

use pulp::Simd;

use crate::aligned::AlignedVec;
use crate::int8::simd::{Int8Simd, LANES, QUAD};

/// Minimum and maximum of a channel over the calibration photos.
pub type Range = [f32; 2];

/// The range of an all-zero map, so that its scale is not 0.
const MIN_RANGE: f32 = 1e-20;

/// Quantisation parameters of a map: `real = scale * (q - zero_point)` with q in 0..=255, rounded to nearest.
///
/// A channel's scale is the geometric mean of the scales for its own range and for the whole map's. Channels of small
/// range get a finer scale; their weights, into which the scale is folded, get a coarser one. 0 is represented
/// exactly, because maps are padded with it.
pub(crate) struct QuantParams {
    scales: AlignedVec,
    zero_points: AlignedVec,
    inverse_scales: AlignedVec,
}

impl QuantParams {
    /// Parameters that cover the channels' ranges.
    pub(crate) fn new(ranges: &[Range]) -> Self {
        let extent = |range: &Range| (range[1].max(0.0) - range[0].min(0.0)).max(0.0);
        let largest = ranges.iter().map(extent).fold(MIN_RANGE, f32::max);
        let channels = ranges.len().next_multiple_of(LANES);
        let mut params = Self {
            scales: AlignedVec::zeros(channels),
            zero_points: AlignedVec::zeros(channels),
            inverse_scales: AlignedVec::zeros(channels),
        };
        for (channel, range) in ranges.iter().enumerate() {
            // A channel that is 0 in all calibration photos may be different in others.
            let own = extent(range).max(largest * 1e-3);
            // Square roots are correctly rounded on every machine; powers are not.
            let scale = largest.sqrt() * own.sqrt() / 255.0;
            params.scales.as_mut_slice()[channel] = scale;
            params.inverse_scales.as_mut_slice()[channel] = 1.0 / scale;
            let zero_point = (-range[0].min(0.0) / scale).round_ties_even();
            params.zero_points.as_mut_slice()[channel] = zero_point.clamp(0.0, 255.0);
        }
        params
    }

    /// The parameters of up to four channels, repeated for each column of a window: the inputs of the [stem].
    ///
    /// [stem]: crate::int8::stem
    pub(crate) fn repeated(&self, columns: usize) -> Self {
        let count = (columns * QUAD).next_multiple_of(LANES);
        let repeat = |values: &AlignedVec| {
            let mut all = AlignedVec::zeros(count);
            for column in all.as_mut_slice()[..columns * QUAD].chunks_exact_mut(QUAD) {
                column.copy_from_slice(&values.as_slice()[..QUAD]);
            }
            all
        };
        Self {
            scales: repeat(&self.scales),
            zero_points: repeat(&self.zero_points),
            inverse_scales: repeat(&self.inverse_scales),
        }
    }

    /// One per channel; 0 for channels that fill up the last block.
    pub(crate) fn scales(&self) -> &[f32] {
        self.scales.as_slice()
    }

    /// One per channel: whole numbers from 0 to 255.
    pub(crate) fn zero_points(&self) -> &[f32] {
        self.zero_points.as_slice()
    }

    pub(crate) fn inverse_scales(&self) -> &[f32] {
        self.inverse_scales.as_slice()
    }

    /// The zero points of a channel block.
    pub(crate) fn zero_point(&self, block: usize) -> [u8; LANES] {
        let zero_points = &self.zero_points()[block * LANES..][..LANES];
        std::array::from_fn(|lane| zero_points[lane] as u8)
    }

    /// Quantises vectors of a channel block.
    #[inline(always)]
    pub(crate) fn quantise<I: Int8Simd>(
        &self,
        isa: I,
        block: usize,
        from: &[pulp::f32x16],
        to: &mut [[u8; LANES]],
    ) {
        let simd = isa.simd();
        let inverse_scale = I::Simd::as_simd_f32s(self.inverse_scales()).0[block];
        let zero_point = I::Simd::as_simd_f32s(self.zero_points()).0[block];
        for (from, to) in from.iter().zip(to) {
            *to = isa.to_u8(simd.mul_add_e_f32s(*from, inverse_scale, zero_point));
        }
    }

    /// Dequantises vectors of a channel block.
    #[inline(always)]
    pub(crate) fn dequantise<I: Int8Simd>(
        &self,
        isa: I,
        block: usize,
        from: &[[u8; LANES]],
        to: &mut [pulp::f32x16],
    ) {
        let simd = isa.simd();
        let scale = I::Simd::as_simd_f32s(self.scales()).0[block];
        let zero_point = I::Simd::as_simd_f32s(self.zero_points()).0[block];
        for (from, to) in from.iter().zip(to) {
            *to = simd.mul_f32s(simd.sub_f32s(isa.u8_to_f32(from), zero_point), scale);
        }
    }
}
