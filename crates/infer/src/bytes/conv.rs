//! Convolutions of all channels with all, of bytes.

use std::ops::Range;

use pulp::{Simd, bytemuck};

use crate::aligned::Scratch;
use crate::bytes::depthwise::places;
use crate::bytes::dots::{Dots, LANES, WithDots};
use crate::bytes::product::{Finish, Product, Weights};
use crate::bytes::scales::Scales;
use crate::bytes::tile::{Cell, FOUR};
use crate::conv::FEWEST;
use crate::map::{Map, Part, Shape};
use crate::product::Tiling;
use crate::window::View;

/// Bytes of inputs that a thread goes through again and again, so that a core's second cache holds them
/// beside some weights.
pub(crate) const CACHED: usize = 3 << 17;

/// Vectors of sums of a tile.
pub(crate) const SUMS: usize = 28;

/// What a convolution looks at.
#[derive(Clone, Copy)]
pub(crate) enum Seen<'a> {
    /// Codes.
    Codes(&'a Map, &'a Scales),
    /// Numbers, each channel multiplied by that of a map of one position, where there is one. They are
    /// first written down in these scales.
    Numbers(&'a Map, Option<&'a Map>, &'a Scales),
    /// Photos, `(images, channels, height, width)`, and how they are written down.
    Photos(&'a [f32], &'a Scales),
}

impl Seen<'_> {
    /// Whether it is convolved by whole rows.
    pub(crate) fn is_by_rows(self, view: View) -> bool {
        match self {
            Self::Codes(..) | Self::Numbers(..) => is_sliding(view),
            Self::Photos(..) => true,
        }
    }
}

/// A convolution by one thread.
pub(crate) struct Convolve<'a, T> {
    pub(crate) seen: Seen<'a>,
    pub(crate) view: View,
    pub(crate) weights: &'a Weights,
    pub(crate) finish: &'a Finish,
    pub(crate) add: Option<&'a Map>,
    pub(crate) part: Part<'a, T>,
    pub(crate) scratch: &'a mut Scratch,
}

/// Whether the windows of neighbouring positions are neighbours, so that rows need no more than zeros
/// around them.
fn is_sliding(view: View) -> bool {
    view.window.stride == 1 && !view.window.is_point() && view.result.positions() > 1
}

impl<T: Cell + bytemuck::Pod> WithDots for Convolve<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_dots<D: Dots>(mut self, dots: D) {
        if let Seen::Numbers(map, gate, scales) = self.seen
            && !self.view.window.is_point()
        {
            // All of it, once; windows overlap.
            let mut codes = Map::of_codes(map.shape);
            let positions = map.shape.positions();
            let to = bytemuck::cast_slice_mut(codes.numbers.as_mut_slice());
            encode(dots, (map, gate, scales), 0..positions, positions, to);
            let Self { view, weights, finish, add, part, scratch, .. } = self;
            let seen = Seen::Codes(&codes, scales);
            // Not a call of itself, which would be compiled without the processor's instructions.
            return dots.run(Convolve { seen, view, weights, finish, add, part, scratch });
        }
        let mut scratch = std::mem::take(self.scratch);
        match self.seen {
            Seen::Codes(map, _) if self.view.window.is_point() => {
                let places = places(map);
                let a: &[u32] = bytemuck::cast_slice(map.codes());
                let positions = self.part.positions.clone();
                let rows = (CACHED / (self.weights.steps() * LANES)).max(FEWEST);
                for band in crate::map::ranges(positions.len(), positions.len().div_ceil(rows)) {
                    let tiling = Tiling::of(band.len(), SUMS);
                    let band = positions.start + band.start..positions.start + band.end;
                    let tiles = tiling.tiles(band.len());
                    let tiles = tiles.map(|tile| {
                        let first = band.start + tile.start;
                        (first * (LANES / FOUR), first, tile.len())
                    });
                    self.tiles(dots, tiling, a, &places, tiles);
                }
            }
            Seen::Codes(map, scales) if is_sliding(self.view) => {
                self.sliding(dots, map, scales, &mut scratch);
            }
            Seen::Photos(photos, scales) => self.of_photos(dots, photos, scales, &mut scratch),
            _ => self.gathered(dots, &mut scratch),
        }
        *self.scratch = scratch;
    }
}

impl<T: Cell + bytemuck::Pod> Convolve<'_, T> {
    /// All blocks of results for some tiles: where each begins in `a`, its first position in the map,
    /// and how many it has.
    #[inline(always)]
    pub(crate) fn tiles<D: Dots>(
        &mut self,
        dots: D,
        tiling: Tiling,
        a: &[u32],
        places: &[usize],
        tiles: impl Iterator<Item = (usize, usize, usize)> + Clone,
    ) {
        let Range { start: first, end } = self.part.blocks;
        let start = self.part.positions.start;
        let count = tiles.clone().count().max(1);
        let mut outs: Vec<&mut [[T; LANES]]> =
            self.part.outs.iter_mut().map(|out| out.as_chunks_mut().0).collect();
        for (group, outs) in outs.chunks_mut(tiling.blocks).enumerate() {
            let block = first + group * tiling.blocks;
            let next = block + outs.len();
            let next = self.weights.blocks(next..(next + tiling.blocks).min(end));
            let ahead = next.len().div_ceil(count).max(1);
            for (number, (from, position, rows)) in tiles.clone().enumerate() {
                let product = Product {
                    a: &a[from..],
                    places,
                    weights: self.weights,
                    finish: self.finish,
                    add: self.add.map(|map| (map.codes(), map.plane())),
                    block,
                    position,
                    rows,
                    next: next.chunks(ahead).nth(number).unwrap_or_default(),
                };
                product.run(dots, tiling, outs, position - start);
            }
        }
    }

    /// Rows are copied with zeros around them; a tap is then a place in these.
    #[inline(always)]
    fn sliding<D: Dots>(&mut self, dots: D, map: &Map, scales: &Scales, scratch: &mut Scratch) {
        let View { window, seen, before, result } = self.view;
        let side = window.side;
        let (width, padded) = (result.width, result.width + side - 1);
        let blocks = seen.channels.div_ceil(LANES);
        let rows = self.part.positions.start / width..self.part.positions.end / width;
        let of_row = padded * blocks * LANES;
        let most = (CACHED / of_row).saturating_sub(side - 1).max(1);
        let mut row = rows.start;
        while row < rows.end {
            let image = row / result.height;
            let end = (row + most).min(rows.end).min((image + 1) * result.height);
            let lines = end - row + side - 1;
            let plane = lines * padded;
            let band = scratch.of(blocks * plane * LANES / FOUR);
            let codes: &mut [[u8; LANES]] = bytemuck::cast_slice_mut(band);
            for (block, codes) in codes.chunks_exact_mut(plane).enumerate() {
                let from = &map.codes().as_chunks().0[block * seen.positions()..];
                let zero = scales.zero(block);
                for (line, to) in codes.chunks_exact_mut(padded).enumerate() {
                    let at = (row - image * result.height + line).wrapping_sub(before.0);
                    if at < seen.height {
                        let count = seen.width.min(padded - before.1);
                        let from = &from[(image * seen.height + at) * seen.width..][..count];
                        to[..before.1].fill(zero);
                        to[before.1..][..count].copy_from_slice(from);
                        to[before.1 + count..].fill(zero);
                    } else {
                        to.fill(zero);
                    }
                }
            }
            let places: Vec<usize> = (0..blocks)
                .flat_map(|block| (0..side * side).map(move |tap| (block, tap)))
                .map(|(block, tap)| {
                    (block * plane + tap / side * padded + tap % side) * (LANES / FOUR)
                })
                .collect();
            let tiling = Tiling::of(width.min(SUMS / 2), SUMS);
            let tiles = (row..end).flat_map(|of| tiling.tiles(width).map(move |tile| (of, tile)));
            let tiles = tiles.map(|(of, tile)| {
                let from = (of - row) * padded + tile.start;
                (from * (LANES / FOUR), of * width + tile.start, tile.len())
            });
            self.tiles(dots, tiling, bytemuck::cast_slice(band), &places, tiles);
            row = end;
        }
    }

    /// What windows show is gathered first: for each tile, for each step, a vector for each position.
    #[inline(always)]
    fn gathered<D: Dots>(&mut self, dots: D, scratch: &mut Scratch) {
        let depth = self.weights.steps();
        let positions = self.part.positions.clone();
        let rows = (CACHED / (depth * LANES)).max(FEWEST);
        for band in crate::map::ranges(positions.len(), positions.len().div_ceil(rows)) {
            let tiling = Tiling::of(band.len(), SUMS);
            // Each has the room of the longest, so that the places are the same for all.
            let longest = tiling.tiles(band.len()).map(|tile| tile.len()).max().unwrap_or(1);
            let room = longest * depth;
            let patches = scratch.of(tiling.tiles(band.len()).count() * room * LANES / FOUR);
            let codes: &mut [[u8; LANES]] = bytemuck::cast_slice_mut(patches);
            let first = positions.start + band.start;
            for (tile, to) in tiling.tiles(band.len()).zip(codes.chunks_exact_mut(room)) {
                self.patches(dots, first + tile.start..first + tile.end, longest, to);
            }
            let places: Vec<usize> =
                (0..depth).map(|step| step * longest * (LANES / FOUR)).collect();
            let tiles = tiling.tiles(band.len()).enumerate().map(|(number, tile)| {
                (number * room * (LANES / FOUR), first + tile.start, tile.len())
            });
            self.tiles(dots, tiling, bytemuck::cast_slice(patches), &places, tiles);
        }
    }

    #[inline(always)]
    fn patches<D: Dots>(&self, dots: D, tile: Range<usize>, rows: usize, to: &mut [[u8; LANES]]) {
        let (map, scales) = match self.seen {
            Seen::Codes(map, scales) => (map, scales),
            Seen::Numbers(map, gate, scales) => {
                return encode(dots, (map, gate, scales), tile, rows, to);
            }
            Seen::Photos(..) => unreachable!("photos are convolved by rows"),
        };
        let taps = self.view.window.taps();
        let (plane, blocks) = (map.shape.positions(), map.shape.channels.div_ceil(LANES));
        for (row, place) in self.view.places(tile).enumerate() {
            self.view.taps(place, |tap, seen| {
                let to = to[tap * rows + row..].iter_mut().step_by(taps * rows).take(blocks);
                match seen {
                    None => to.enumerate().for_each(|(block, to)| *to = scales.zero(block)),
                    Some(at) => {
                        let from = map.codes().as_chunks().0[at..].iter().step_by(plane);
                        to.zip(from).for_each(|(to, from)| *to = *from);
                    }
                }
            });
        }
    }
}

/// Writes some positions of a map of numbers down, each channel multiplied by that of a map of one
/// position, where there is one: for each block, a vector for each position, `rows` from block to block.
#[inline(always)]
fn encode<D: Dots>(
    dots: D,
    (map, gate, scales): (&Map, Option<&Map>, &Scales),
    positions: Range<usize>,
    rows: usize,
    to: &mut [[u8; LANES]],
) {
    let simd = dots.simd();
    let Shape { images, height, width, .. } = map.shape;
    let per_step = D::Simd::as_simd_f32s(scales.per_step()).0;
    let zeros = D::Simd::as_simd_f32s(scales.zeros()).0;
    let all = D::Simd::as_simd_f32s(map.numbers()).0;
    for (block, (per_step, zero)) in per_step.iter().zip(zeros).enumerate() {
        let from = &all[block * map.shape.positions()..][positions.clone()];
        for (row, (from, to)) in from.iter().zip(&mut to[block * rows..]).enumerate() {
            let by = match gate {
                Some(gate) => {
                    let image = (positions.start + row) / (height * width);
                    let gates = D::Simd::as_simd_f32s(gate.numbers()).0;
                    simd.mul_f32s(gates[block * images + image], *per_step)
                }
                None => *per_step,
            };
            *to = dots.round(simd.mul_add_e_f32s(*from, by, *zero));
        }
    }
}
