//! Max pooling and global average pooling of uint8 maps.

use pulp::Simd;

use crate::feature_map::{FeatureMap, OutputPart};
use crate::int8::scales::QuantParams;
use crate::int8::simd::{Int8Simd, LANES, WithInt8Simd};
use crate::window::Geometry;

/// Max pooling, by one thread: quantisation keeps the order.
pub(crate) struct MaxPool<'a> {
    pub(crate) map: &'a FeatureMap,
    pub(crate) geometry: Geometry,
    pub(crate) part: OutputPart<'a, u8>,
}

impl WithInt8Simd for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_int8_simd<I: Int8Simd>(self, _: I) {
        let positions = self.map.shape.positions();
        for (block, out) in self.part.blocks.zip(self.part.outs) {
            let from: &[[u8; LANES]] = &self.map.as_u8().as_chunks().0[block * positions..];
            let positions = self.geometry.positions(self.part.positions.clone());
            for (out, position) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(positions) {
                // 0 is the smallest value: padding never wins.
                let mut largest = [0; LANES];
                self.geometry.taps(position, |_, input| {
                    if let Some(at) = input {
                        let input = &from[at];
                        largest = std::array::from_fn(|lane| largest[lane].max(input[lane]));
                    }
                });
                *out = largest;
            }
        }
    }
}

/// Global average pooling to f32, by one thread: one output position per image.
pub(crate) struct GlobalAveragePool<'a> {
    pub(crate) map: &'a FeatureMap,
    pub(crate) quant: &'a QuantParams,
    pub(crate) part: OutputPart<'a, f32>,
}

impl WithInt8Simd for GlobalAveragePool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_int8_simd<I: Int8Simd>(self, isa: I) {
        let simd = isa.simd();
        let area = self.map.shape.height * self.map.shape.width;
        let inverse_area = simd.splat_f32s(1.0 / area as f32);
        for (block, out) in self.part.blocks.zip(self.part.outs) {
            let from: &[[u8; LANES]] = self.map.as_u8().as_chunks().0;
            let from = &from[block * self.map.shape.positions()..];
            let from = from.chunks_exact(area).skip(self.part.positions.start);
            let scale = I::Simd::as_simd_f32s(self.quant.scales()).0[block];
            let zero_point = I::Simd::as_simd_f32s(self.quant.zero_points()).0[block];
            for (out, image) in I::Simd::as_mut_simd_f32s(out).0.iter_mut().zip(from) {
                let mut sum = [0u32; LANES];
                for values in image {
                    sum = std::array::from_fn(|lane| sum[lane] + u32::from(values[lane]));
                }
                let mean = simd.mul_f32s(pulp::cast(sum.map(|x| x as f32)), inverse_area);
                *out = simd.mul_f32s(simd.sub_f32s(mean, zero_point), scale);
            }
        }
    }
}
