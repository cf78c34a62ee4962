//! The rows that a depthwise convolution looks at, with zeros around them.
//!
//! Where a 1x1 convolution makes more channels only for a depthwise one to take them in, as in MobileNet's
//! blocks, it makes just these rows, and its result is never a whole map: that would be the largest of all
//! maps, written and read again.

use std::ops::Range;

use pulp::Simd;

use crate::aligned::Aligned;
use crate::level::Level;
use crate::map::{Map, Shape};
use crate::product::{Finish, Product, Tiling, Weights};
use crate::tile::Activation;
use crate::window::View;

/// A 1x1 convolution that makes what a depthwise one takes in.
pub(crate) struct Expansion {
    pub(crate) weights: Weights,
    /// A number for each channel.
    pub(crate) bias: Aligned,
    pub(crate) activation: Activation,
}

/// Where the rows come from that a depthwise convolution looks at.
pub(crate) trait Fill {
    /// Blocks that are made together.
    const TOGETHER: usize;

    /// Writes a band's lines, for as many blocks from `block` on as there are bands; those from `end` on
    /// are not this thread's.
    fn fill<S: Simd>(
        &self,
        simd: S,
        band: &Band,
        block: usize,
        end: usize,
        bands: &mut [&mut [f32]],
    );
}

/// Lines with zeros around them, those that windows see from a row of the result on.
pub(crate) struct Band {
    pub(crate) view: View,
    /// Positions in a line.
    pub(crate) padded: usize,
    /// The row of the result whose window begins the first line.
    pub(crate) row: usize,
    /// Those that are not there yet.
    pub(crate) lines: Range<usize>,
}

impl Band {
    /// A line's row in the map, if it is not padding.
    #[inline(always)]
    fn row(&self, line: usize) -> Option<usize> {
        let Shape { height, .. } = self.view.seen;
        let (image, row) = (self.row / self.view.result.height, self.row % self.view.result.height);
        let row = (row * self.view.window.stride + line).wrapping_sub(self.view.before.0);
        (row < height).then(|| image * height + row)
    }

    /// Columns of the map that are seen at all.
    pub(crate) fn columns(&self) -> usize {
        self.view.seen.width.min(self.padded - self.view.before.1)
    }

    /// For each line that is to be written and is not padding, where it begins in the map, and in the
    /// band: both by position.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        self.lines.clone().filter_map(|line| {
            let place = line * self.padded + self.view.before.1;
            Some((self.row(line)? * self.view.seen.width, place))
        })
    }

    /// Writes zeros where lines have no numbers.
    #[inline(always)]
    pub(crate) fn pad(&self, to: &mut [f32], lanes: usize) {
        let (before, count) = (self.view.before.1 * lanes, self.columns() * lanes);
        for line in self.lines.clone() {
            let to = &mut to[line * self.padded * lanes..][..self.padded * lanes];
            if self.row(line).is_some() {
                to[..before].fill(0.0);
                to[before + count..].fill(0.0);
            } else {
                to.fill(0.0);
            }
        }
    }
}

/// Rows of a map.
pub(crate) struct Copied<'a>(pub(crate) &'a Map);

impl Fill for Copied<'_> {
    const TOGETHER: usize = 1;

    #[inline(always)]
    fn fill<S: Simd>(&self, _: S, band: &Band, block: usize, _: usize, bands: &mut [&mut [f32]]) {
        let (map, lanes) = (self.0, S::F32_LANES);
        for (at, to) in bands.iter_mut().enumerate() {
            let from = &map.numbers()[(block + at) * map.plane()..];
            band.pad(to, lanes);
            for (start, place) in band.rows() {
                let count = band.columns() * lanes;
                to[place * lanes..][..count].copy_from_slice(&from[start * lanes..][..count]);
            }
        }
    }
}

/// Rows that a 1x1 convolution makes of a map's.
pub(crate) struct Expanded<'a> {
    pub(crate) level: Level,
    pub(crate) map: &'a Map,
    pub(crate) expansion: &'a Expansion,
}

impl Fill for Expanded<'_> {
    // A product of two blocks takes its inputs from the registers.
    const TOGETHER: usize = 2;

    #[inline(always)]
    fn fill<S: Simd>(
        &self,
        simd: S,
        band: &Band,
        block: usize,
        end: usize,
        bands: &mut [&mut [f32]],
    ) {
        let Self { level, map, expansion } = *self;
        let lanes = S::F32_LANES;
        // As for many positions: two blocks at a time, whose bands these are.
        let tiling = Tiling::of(usize::MAX, level.sums());
        let Expansion { weights, bias, activation } = expansion;
        let finish =
            Finish { bias: Some(bias.as_slice()), add: None, activation: *activation, far: false };
        let after = block + bands.len();
        let next = weights.blocks(after..(after + 2).min(end.max(after)));
        let ahead = next.len().div_ceil(band.lines.len().max(1)).max(1);
        for to in bands.iter_mut() {
            band.pad(to, lanes);
        }
        for (number, (from, place)) in band.rows().enumerate() {
            let mut next = next.chunks(ahead).nth(number).unwrap_or_default();
            for tile in tiling.tiles(band.columns()) {
                let product = Product {
                    a: &map.numbers()[(from + tile.start) * lanes..],
                    a_step: map.plane(),
                    weights,
                    finish,
                    block,
                    position: 0,
                    rows: tile.len(),
                    next: std::mem::take(&mut next),
                };
                product.run(simd, tiling, bands, (place + tile.start) * lanes);
            }
        }
    }
}
