//! 3x3 convolutions in a quarter of the multiplications: Lavin and Gray, "Fast algorithms for
//! convolutional neural networks", 2016, F(4x4, 3x3).
//!
//! 4x4 results are computed from the 6x6 inputs that they see. In another basis the convolution of such
//! a tile is a product number by number, so that for each of 36 numbers there is one matrix product over
//! all tiles and channels.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::aligned::Scratch;
use crate::level::Level;
use crate::map::{Map, Part, Shape};
use crate::product::{Finish, Product, Tiling, Weights};
use crate::tile::Activation;
use crate::window::{Edges, View, Window};

/// Results of a tile along a side.
pub(crate) const TILE: usize = 4;
/// Inputs of a tile along a side.
const SEEN: usize = 6;
const NUMBERS: usize = SEEN * SEEN;

/// The points at which polynomials are multiplied, beside 0 and infinity: plus and minus these. In
/// sums over 256 channels, the usual 1 and 2 gave twice the rounding error (Barabasz et al., "Error analysis and improving the
/// accuracy of Winograd convolution for deep neural networks", 2020, on the choice of points).
const A: f32 = 0.625;
const B: f32 = 1.5;

/// Numbers that a core's second cache is to hold of a few tiles' inputs and products.
const CACHED: usize = 1 << 17;
/// Tiles for which weights are read at the least, by whether a core's second cache holds the weights.
const FEWEST: (usize, usize) = (28, 56);

/// What becomes of products: they lie in the cache until all are there.
const NEAR: Finish = Finish { bias: None, add: None, activation: Activation::None, far: false };

/// Weights in the other basis: for each number of a tile.
pub(crate) struct Transformed(Vec<Weights>);

impl Transformed {
    /// Of `(outputs, inputs, 3, 3)`.
    pub(crate) fn of(lanes: usize, outputs: usize, inputs: usize, weight: &[f32]) -> Self {
        let numbers = (0..NUMBERS).into_par_iter().map(|number| {
            let (down, right) = (basis(number / SEEN), basis(number % SEEN));
            let factors: [f64; 9] = std::array::from_fn(|at| down[at / 3] * right[at % 3]);
            Weights::pack(lanes, outputs, inputs, 1, |output, input, _| {
                let kernel = &weight[(output * inputs + input) * 9..][..9];
                let products = kernel.iter().zip(&factors).map(|(x, f)| f64::from(*x) * f);
                products.sum::<f64>() as f32
            })
        });
        Self(numbers.collect())
    }

    /// Whether a convolution is one that this is for.
    pub(crate) fn fits(window: Window) -> bool {
        window == Window { side: 3, stride: 1, padding: Edges::Even(1) }
            || window == Window { side: 3, stride: 1, padding: Edges::Same }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.0[0].inputs()
    }
}

/// Rows of tiles of a map, and tiles in a row.
pub(crate) fn tiles(shape: Shape) -> (usize, usize) {
    (shape.height.div_ceil(TILE), shape.width.div_ceil(TILE))
}

/// The positions of some rows of tiles, those of all photos counted on.
pub(crate) fn positions(shape: Shape, rows: Range<usize>) -> Range<usize> {
    let (high, _) = tiles(shape);
    let at = |row: usize| {
        (row / high * shape.height + (row % high * TILE).min(shape.height)) * shape.width
    };
    at(rows.start)..at(rows.end)
}

/// Such a convolution by one thread, of whole rows of tiles.
pub(crate) struct Convolve<'a> {
    pub(crate) level: Level,
    pub(crate) map: &'a Map,
    pub(crate) view: View,
    pub(crate) weights: &'a Transformed,
    pub(crate) finish: Finish<'a>,
    pub(crate) part: Part<'a>,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) rows: Range<usize>,
}

impl WithSimd for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (_, wide) = tiles(self.view.seen);
        let all = self.rows.start * wide..self.rows.end * wide;
        let inputs = self.map.shape.channels.div_ceil(S::F32_LANES) * S::F32_LANES;
        let outputs = self.part.blocks.len() * S::F32_LANES;
        let cached = inputs * outputs * NUMBERS < CACHED;
        let fewest = if cached { FEWEST.0 } else { FEWEST.1 };
        let count = (CACHED / (NUMBERS * (inputs + outputs))).max(fewest);
        for few in crate::map::ranges(all.len(), all.len().div_ceil(count)) {
            let few = all.start + few.start..all.start + few.end;
            let mut scratch = std::mem::take(self.scratch);
            let room = scratch.of(NUMBERS * (inputs + outputs) * few.len());
            let (seen, products) = room.split_at_mut(NUMBERS * inputs * few.len());
            self.transform_inputs(simd, &few, seen);
            self.multiply(simd, few.len(), seen, products);
            match self.finish.activation {
                Activation::None => self.results(simd, &few, products, Activation::None),
                Activation::Relu => self.results(simd, &few, products, Activation::Relu),
                other => self.results(simd, &few, products, other),
            }
            *self.scratch = scratch;
        }
    }
}

impl Convolve<'_> {
    /// Where a tile lies: its photo, and its first row and column.
    #[inline(always)]
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (high, wide) = tiles(self.view.seen);
        let (row, column) = (tile / wide, tile % wide);
        (row / high, row % high * TILE, column * TILE)
    }

    /// The inputs in the other basis: for each number, block and tile a vector.
    #[inline(always)]
    fn transform_inputs<S: Simd>(&self, simd: S, tiles: &Range<usize>, to: &mut [f32]) {
        let Shape { height, width, channels, .. } = self.view.seen;
        let blocks = channels.div_ceil(S::F32_LANES);
        let to = S::as_mut_simd_f32s(to).0;
        let (step, plane) = (blocks * tiles.len(), self.map.shape.positions());
        let zero = simd.splat_f32s(0.0);
        for block in 0..blocks {
            let from = &S::as_simd_f32s(self.map.numbers()).0[block * plane..][..plane];
            for (at, tile) in tiles.clone().enumerate() {
                let (image, row, column) = self.place(tile);
                let from = &from[image * height * width..][..height * width];
                let mut seen = [[zero; SEEN]; SEEN];
                let whole =
                    row > 0 && column > 0 && row + SEEN <= height + 1 && column + SEEN <= width + 1;
                if whole {
                    for (down, seen) in seen.iter_mut().enumerate() {
                        let start = (row + down - 1) * width + column - 1;
                        seen.copy_from_slice(&from[start..][..SEEN]);
                    }
                } else {
                    // The first row and column are the padding's.
                    for down in (1 - row.min(1))..SEEN.min(height + 1 - row) {
                        for right in (1 - column.min(1))..SEEN.min(width + 1 - column) {
                            seen[down][right] = from[(row + down - 1) * width + column + right - 1];
                        }
                    }
                }
                for seen in &mut seen {
                    *seen = inputs(simd, *seen);
                }
                let to = &mut to[block * tiles.len() + at..][..(NUMBERS - 1) * step + 1];
                for right in 0..SEEN {
                    let column = inputs(simd, std::array::from_fn(|down| seen[down][right]));
                    for (down, number) in column.into_iter().enumerate() {
                        to[(down * SEEN + right) * step] = number;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, tiles: usize, seen: &[f32], products: &mut [f32]) {
        let tiling = Tiling::of(tiles, self.level.sums());
        let vectors = tiles * S::F32_LANES;
        let (of_input, of_output) = (seen.len() / NUMBERS, products.len() / NUMBERS);
        let mut outs = Vec::with_capacity(self.part.blocks.len());
        let each = seen.chunks_exact(of_input).zip(products.chunks_exact_mut(of_output));
        for (number, (seen, products)) in each.enumerate() {
            let (weights, following) = (&self.weights.0[number], self.weights.0.get(number + 1));
            outs.clear();
            outs.extend(products.chunks_exact_mut(vectors));
            for (group, outs) in outs.chunks_mut(tiling.blocks).enumerate() {
                let block = self.part.blocks.start + group * tiling.blocks;
                let after = block + outs.len();
                let next = if after < self.part.blocks.end {
                    weights.blocks(after..(after + tiling.blocks).min(self.part.blocks.end))
                } else {
                    let start = self.part.blocks.start;
                    following.map_or(&[][..], |next| next.blocks(start..start + tiling.blocks))
                };
                let each = tiling.tiles(tiles);
                let ahead = next.len().div_ceil(each.clone().count().max(1));
                for (number, tile) in each.enumerate() {
                    let product = Product {
                        a: &seen[tile.start * S::F32_LANES..],
                        a_step: vectors,
                        weights,
                        finish: NEAR,
                        block,
                        position: tile.start,
                        rows: tile.len(),
                        next: next.chunks(ahead.max(1)).nth(number).unwrap_or_default(),
                    };
                    product.run(simd, tiling, outs, tile.start * S::F32_LANES);
                }
            }
        }
    }

    #[inline(always)]
    fn results<S: Simd>(
        &mut self,
        simd: S,
        tiles: &Range<usize>,
        products: &[f32],
        activation: Activation,
    ) {
        let Shape { height, width, .. } = self.view.result;
        let products = S::as_simd_f32s(products).0;
        let (blocks, first) = (self.part.blocks.clone(), self.part.positions.start);
        let step = blocks.len() * tiles.len();
        for (out_block, block) in blocks.enumerate() {
            let bias = match self.finish.bias {
                Some(bias) => S::as_simd_f32s(bias).0[block],
                None => simd.splat_f32s(0.0),
            };
            let add = self.finish.add.map(|(add, plane)| S::as_simd_f32s(&add[block * plane..]).0);
            for (at, tile) in tiles.clone().enumerate() {
                let (image, row, column) = self.place(tile);
                let products =
                    &products[out_block * tiles.len() + at..][..(NUMBERS - 1) * step + 1];
                let mut half = [[simd.splat_f32s(0.0); SEEN]; TILE];
                for right in 0..SEEN {
                    let numbers =
                        std::array::from_fn(|down| products[(down * SEEN + right) * step]);
                    let column = outputs(simd, numbers);
                    for (half, number) in half.iter_mut().zip(column) {
                        half[right] = number;
                    }
                }
                let out = S::as_mut_simd_f32s(self.part.outs[out_block]).0;
                let columns = TILE.min(width - column);
                for (down, half) in half.into_iter().enumerate().take(height - row) {
                    let position = (image * height + row + down) * width + column;
                    let mut numbers = outputs(simd, half);
                    for number in &mut numbers {
                        *number = simd.add_f32s(*number, bias);
                    }
                    if let Some(add) = add {
                        let add = &add[position..][..columns];
                        for (number, add) in numbers.iter_mut().zip(add) {
                            *number = simd.add_f32s(*number, *add);
                        }
                    }
                    let out = &mut out[position - first..][..columns];
                    for (out, number) in out.iter_mut().zip(numbers) {
                        *out = activation.of(simd, number);
                    }
                }
            }
        }
    }
}

/// A kernel's side to the other basis: what its polynomial is at a point, over the product of the
/// point's distances from the others.
fn basis(number: usize) -> [f64; 3] {
    let (a, b) = (f64::from(A), f64::from(B));
    let (point, distances) = match number {
        0 => (0.0, (a * b).powi(2)),
        1 => (a, 2.0 * a * a * (a * a - b * b)),
        2 => (-a, 2.0 * a * a * (a * a - b * b)),
        3 => (b, 2.0 * b * b * (b * b - a * a)),
        4 => (-b, 2.0 * b * b * (b * b - a * a)),
        // The point at infinity.
        _ => return [0.0, 0.0, 1.0],
    };
    [1.0 / distances, point / distances, point * point / distances]
}

/// Inputs to the other basis, along one side.
#[inline(always)]
fn inputs<S: Simd>(simd: S, x: [S::f32s; SEEN]) -> [S::f32s; SEEN] {
    let of = |factor: f32, x: S::f32s, more: S::f32s| {
        simd.mul_add_e_f32s(simd.splat_f32s(factor), x, more)
    };
    let (even_a, odd_a) = (of(-B * B, x[2], x[4]), of(-B * B, x[1], x[3]));
    let (even_b, odd_b) = (of(-A * A, x[2], x[4]), of(-A * A, x[1], x[3]));
    let last = |x: [S::f32s; 3]| of(A * A * B * B, x[0], of(-A * A - B * B, x[1], x[2]));
    [
        last([x[0], x[2], x[4]]),
        of(A, odd_a, even_a),
        of(-A, odd_a, even_a),
        of(B, odd_b, even_b),
        of(-B, odd_b, even_b),
        last([x[1], x[3], x[5]]),
    ]
}

/// Products back from the other basis, along one side.
#[inline(always)]
fn outputs<S: Simd>(simd: S, x: [S::f32s; SEEN]) -> [S::f32s; TILE] {
    let of = |factor: f32, x: S::f32s, more: S::f32s| {
        simd.mul_add_e_f32s(simd.splat_f32s(factor), x, more)
    };
    let times = |factor: f32, x: S::f32s| simd.mul_f32s(simd.splat_f32s(factor), x);
    let (even_a, odd_a) = (simd.add_f32s(x[1], x[2]), simd.sub_f32s(x[1], x[2]));
    let (even_b, odd_b) = (simd.add_f32s(x[3], x[4]), simd.sub_f32s(x[3], x[4]));
    [
        simd.add_f32s(simd.add_f32s(x[0], even_a), even_b),
        of(B, odd_b, times(A, odd_a)),
        of(B * B, even_b, times(A * A, even_a)),
        of(B * B * B, odd_b, of(A * A * A, odd_a, x[5])),
    ]
}
