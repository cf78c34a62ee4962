//! Maxima and means of maps.

use pulp::{Simd, WithSimd};

use crate::map::{Map, Part};
use crate::window::View;

/// The largest number in each window, by one thread. Padding is never the largest.
pub(crate) struct MaxPool<'a> {
    pub(crate) map: &'a Map,
    pub(crate) view: View,
    pub(crate) part: Part<'a>,
}

impl WithSimd for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (block, out) in self.part.blocks.zip(self.part.outs) {
            let positions = self.map.shape.positions();
            let from = &S::as_simd_f32s(self.map.numbers()).0[block * positions..][..positions];
            let out = S::as_mut_simd_f32s(out).0;
            let places = self.view.places(self.part.positions.clone());
            for (out, place) in out.iter_mut().zip(places) {
                let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
                self.view.taps(place, |_, seen| {
                    if let Some(at) = seen {
                        largest = simd.max_f32s(largest, from[at]);
                    }
                });
                *out = largest;
            }
        }
    }
}

/// The mean of each photo's map, by one thread: a position for each photo.
pub(crate) struct Average<'a> {
    pub(crate) map: &'a Map,
    pub(crate) part: Part<'a>,
}

impl WithSimd for Average<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let area = self.map.shape.height * self.map.shape.width;
        let share = simd.splat_f32s(1.0 / area as f32);
        for (block, out) in self.part.blocks.zip(self.part.outs) {
            let plane = block * self.map.shape.positions();
            let from = &S::as_simd_f32s(self.map.numbers()).0[plane..];
            let from = from.chunks_exact(area).skip(self.part.positions.start);
            for (out, photo) in S::as_mut_simd_f32s(out).0.iter_mut().zip(from) {
                // Sums side by side do not wait for each other.
                let mut sums = [simd.splat_f32s(0.0); 4];
                let (whole, rest) = photo.as_chunks::<4>();
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
                *out = simd.mul_f32s(sum, share);
            }
        }
    }
}
