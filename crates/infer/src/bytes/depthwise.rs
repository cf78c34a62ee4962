//! What a depthwise convolution of bytes has of its own: its rows come from codes and become codes.
//! In between they are numbers, so that nothing is lost there.

use std::ops::Range;

use pulp::{Simd, bytemuck};

use crate::bands::{Band, Fill};
use crate::bytes::conv::SUMS;
use crate::bytes::dots::{Dots, LANES};
use crate::bytes::product::{Finish, Product, Weights};
use crate::bytes::scales::Scales;
use crate::bytes::tile::FOUR;
use crate::depthwise::Rows;
use crate::map::Map;
use crate::product::Tiling;

/// A 1x1 convolution of codes that makes what a depthwise one takes in.
pub(crate) struct Expansion {
    pub(crate) weights: Weights,
    pub(crate) finish: Finish,
}

/// Rows of a map of codes.
pub(crate) struct Decoded<'a, D> {
    pub(crate) dots: D,
    pub(crate) map: &'a Map,
    pub(crate) scales: &'a Scales,
}

impl<D: Dots> Fill for Decoded<'_, D> {
    const TOGETHER: usize = 1;

    #[inline(always)]
    fn fill<S: Simd>(&self, _: S, band: &Band, block: usize, _: usize, bands: &mut [&mut [f32]]) {
        let positions = self.map.shape.positions();
        for (at, to) in bands.iter_mut().enumerate() {
            let from = &self.map.codes().as_chunks().0[(block + at) * positions..];
            band.pad(to, LANES);
            let to = D::Simd::as_mut_simd_f32s(to).0;
            for (start, place) in band.rows() {
                let count = band.columns();
                let (from, to) = (&from[start..][..count], &mut to[place..][..count]);
                self.scales.decode(self.dots, block + at, from, to);
            }
        }
    }
}

/// Rows that a 1x1 convolution makes of a map of codes.
pub(crate) struct Expanded<'a, D> {
    pub(crate) dots: D,
    pub(crate) map: &'a Map,
    pub(crate) expansion: &'a Expansion,
    /// Where in the map the steps' vectors begin.
    pub(crate) places: &'a [usize],
}

/// Where a map's blocks begin, by quads.
pub(crate) fn places(map: &Map) -> Vec<usize> {
    let blocks = map.shape.channels.div_ceil(LANES);
    (0..blocks).map(|block| block * map.plane() / FOUR).collect()
}

impl<D: Dots> Fill for Expanded<'_, D> {
    const TOGETHER: usize = 2;

    #[inline(always)]
    fn fill<S: Simd>(&self, _: S, band: &Band, block: usize, end: usize, bands: &mut [&mut [f32]]) {
        let Expansion { weights, finish } = self.expansion;
        // As for many positions: two blocks at a time, whose bands these are.
        let tiling = Tiling::of(usize::MAX, SUMS);
        let after = block + bands.len();
        let mut next = weights.blocks(after..(after + 2).min(end.max(after)));
        for to in bands.iter_mut() {
            band.pad(to, LANES);
        }
        let a: &[u32] = bytemuck::cast_slice(self.map.codes());
        let mut outs: Vec<&mut [[f32; LANES]]> =
            bands.iter_mut().map(|band| band.as_chunks_mut().0).collect();
        for (from, place) in band.rows() {
            for tile in tiling.tiles(band.columns()) {
                let product = Product {
                    a: &a[(from + tile.start) * (LANES / FOUR)..],
                    places: self.places,
                    weights,
                    finish,
                    add: None,
                    block,
                    position: 0,
                    rows: tile.len(),
                    next: std::mem::take(&mut next),
                };
                product.run(self.dots, tiling, &mut outs, place + tile.start);
            }
        }
    }
}

/// Rows that become codes.
pub(crate) struct Encoded<'a, D> {
    pub(crate) dots: D,
    pub(crate) scales: &'a Scales,
    /// The block of the first of the places.
    pub(crate) block: usize,
    pub(crate) outs: Vec<&'a mut [u8]>,
    pub(crate) room: &'a mut [f32],
}

impl<D: Dots> Rows for Encoded<'_, D> {
    #[inline(always)]
    fn row(&mut self, _: usize, numbers: Range<usize>) -> &mut [f32] {
        &mut self.room[..numbers.len()]
    }

    #[inline(always)]
    fn done(&mut self, at: usize, positions: Range<usize>) {
        let from = &D::Simd::as_simd_f32s(self.room).0[..positions.len()];
        let to = &mut self.outs[at].as_chunks_mut().0[positions];
        self.scales.encode(self.dots, self.block + at, from, to);
    }
}
