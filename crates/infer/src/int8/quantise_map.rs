//! Quantises f32 maps.

use std::ops::Range;

use pulp::Simd;

use crate::feature_map::{FeatureMap, OutputPart, Shape};
use crate::int8::scales::QuantParams;
use crate::int8::simd::{Int8Simd, LANES, WithInt8Simd};

/// Quantises a map, by one thread.
pub(crate) struct QuantiseMap<'a> {
    pub(crate) map: &'a FeatureMap,
    pub(crate) quant: &'a QuantParams,
    pub(crate) part: OutputPart<'a, u8>,
}

impl WithInt8Simd for QuantiseMap<'_> {
    type Output = ();

    #[inline(always)]
    fn with_int8_simd<I: Int8Simd>(self, isa: I) {
        let OutputPart { blocks, positions, outs } = self.part;
        for (block, out) in blocks.zip(outs) {
            let from = &self.map.as_f32()[block * self.map.block_stride()..];
            let from = &I::Simd::as_simd_f32s(from).0[positions.clone()];
            self.quant.quantise(isa, block, from, out.as_chunks_mut().0);
        }
    }
}

/// Quantises a range of positions of an f32 map, multiplied by its gate: for each channel block, a vector per position,
/// `rows` vectors from block to block.
#[inline(always)]
pub(crate) fn quantise_positions<I: Int8Simd>(
    isa: I,
    (map, gate, quant): (&FeatureMap, Option<&FeatureMap>, &QuantParams),
    positions: Range<usize>,
    rows: usize,
    to: &mut [[u8; LANES]],
) {
    let simd = isa.simd();
    let Shape { images, height, width, .. } = map.shape;
    let inverse_scales = I::Simd::as_simd_f32s(quant.inverse_scales()).0;
    let zero_points = I::Simd::as_simd_f32s(quant.zero_points()).0;
    let all = I::Simd::as_simd_f32s(map.as_f32()).0;
    for (block, (inverse_scale, zero_point)) in inverse_scales.iter().zip(zero_points).enumerate() {
        let from = &all[block * map.shape.positions()..][positions.clone()];
        for (row, (from, to)) in from.iter().zip(&mut to[block * rows..]).enumerate() {
            let factor = match gate {
                Some(gate) => {
                    let image = (positions.start + row) / (height * width);
                    let gates = I::Simd::as_simd_f32s(gate.as_f32()).0;
                    simd.mul_f32s(gates[block * images + image], *inverse_scale)
                }
                None => *inverse_scale,
            };
            *to = isa.to_u8(simd.mul_add_e_f32s(*from, factor, *zero_point));
        }
    }
}
