//! Maxima and means of maps of codes.

use pulp::Simd;

use crate::bytes::dots::{Dots, LANES, WithDots};
use crate::bytes::scales::Scales;
use crate::map::{Map, Part};
use crate::window::View;

/// The largest code in each window, by one thread: larger numbers have larger codes.
pub(crate) struct MaxPool<'a> {
    pub(crate) map: &'a Map,
    pub(crate) view: View,
    pub(crate) part: Part<'a, u8>,
}

impl WithDots for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_dots<D: Dots>(self, _: D) {
        let positions = self.map.shape.positions();
        for (block, out) in self.part.blocks.zip(self.part.outs) {
            let from: &[[u8; LANES]] = &self.map.codes().as_chunks().0[block * positions..];
            let places = self.view.places(self.part.positions.clone());
            for (out, place) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(places) {
                // Below every other: padding is never the largest.
                let mut largest = [0; LANES];
                self.view.taps(place, |_, seen| {
                    if let Some(at) = seen {
                        let seen = &from[at];
                        largest = std::array::from_fn(|lane| largest[lane].max(seen[lane]));
                    }
                });
                *out = largest;
            }
        }
    }
}

/// The mean of each photo's map in numbers, by one thread: a position for each photo.
pub(crate) struct Average<'a> {
    pub(crate) map: &'a Map,
    pub(crate) scales: &'a Scales,
    pub(crate) part: Part<'a, f32>,
}

impl WithDots for Average<'_> {
    type Output = ();

    #[inline(always)]
    fn with_dots<D: Dots>(self, dots: D) {
        let simd = dots.simd();
        let area = self.map.shape.height * self.map.shape.width;
        let share = simd.splat_f32s(1.0 / area as f32);
        for (block, out) in self.part.blocks.zip(self.part.outs) {
            let from: &[[u8; LANES]] = self.map.codes().as_chunks().0;
            let from = &from[block * self.map.shape.positions()..];
            let from = from.chunks_exact(area).skip(self.part.positions.start);
            let step = D::Simd::as_simd_f32s(self.scales.steps()).0[block];
            let zero = D::Simd::as_simd_f32s(self.scales.zeros()).0[block];
            for (out, photo) in D::Simd::as_mut_simd_f32s(out).0.iter_mut().zip(from) {
                let mut sum = [0u32; LANES];
                for codes in photo {
                    sum = std::array::from_fn(|lane| sum[lane] + u32::from(codes[lane]));
                }
                let mean = simd.mul_f32s(pulp::cast(sum.map(|x| x as f32)), share);
                *out = simd.mul_f32s(simd.sub_f32s(mean, zero), step);
            }
        }
    }
}
