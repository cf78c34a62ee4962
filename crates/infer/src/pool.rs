//! Max pooling and global average pooling.

use pulp::{Simd, WithSimd};

use crate::feature_map::{FeatureMap, OutputPart};
use crate::window::Geometry;

/// Max pooling, by one thread. Padding counts as minus infinity.
pub(crate) struct MaxPool<'a> {
    pub(crate) map: &'a FeatureMap,
    pub(crate) geometry: Geometry,
    pub(crate) part: OutputPart<'a>,
}

impl WithSimd for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (block, out) in self.part.blocks.zip(self.part.outs) {
            let positions = self.map.shape.positions();
            let from = &S::as_simd_f32s(self.map.as_f32()).0[block * positions..][..positions];
            let out = S::as_mut_simd_f32s(out).0;
            let positions = self.geometry.positions(self.part.positions.clone());
            for (out, position) in out.iter_mut().zip(positions) {
                let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
                self.geometry.taps(position, |_, at| {
                    if let Some(at) = at {
                        largest = simd.max_f32s(largest, from[at]);
                    }
                });
                *out = largest;
            }
        }
    }
}

/// Global average pooling, by one thread: one output position per image.
pub(crate) struct GlobalAveragePool<'a> {
    pub(crate) map: &'a FeatureMap,
    pub(crate) part: OutputPart<'a>,
}

impl WithSimd for GlobalAveragePool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let area = self.map.shape.height * self.map.shape.width;
        let inverse_area = simd.splat_f32s(1.0 / area as f32);
        for (block, out) in self.part.blocks.zip(self.part.outs) {
            let start = block * self.map.shape.positions();
            let from = &S::as_simd_f32s(self.map.as_f32()).0[start..];
            let from = from.chunks_exact(area).skip(self.part.positions.start);
            for (out, image) in S::as_mut_simd_f32s(out).0.iter_mut().zip(from) {
                // Independent sums hide the latency of additions.
                let mut sums = [simd.splat_f32s(0.0); 4];
                let (whole, rest) = image.as_chunks::<4>();
                for four in whole {
                    for (sum, x) in sums.iter_mut().zip(four) {
                        *sum = simd.add_f32s(*sum, *x);
                    }
                }
                for (sum, x) in sums.iter_mut().zip(rest) {
                    *sum = simd.add_f32s(*sum, *x);
                }
                let [a, b, c, d] = sums;
                let sum = simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d));
                *out = simd.mul_f32s(sum, inverse_area);
            }
        }
    }
}
