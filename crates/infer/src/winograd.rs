//! Winograd convolution F(4x4, 3x3): a quarter of the multiplications of a direct 3x3 convolution (Lavin and Gray, "Fast
//! algorithms for convolutional neural networks", 2016).
//!
//! 4x4 outputs depend on a tile of 6x6 inputs. In the Winograd domain the convolution of a tile is an elementwise
//! product, so that each of the 36 elements is one matrix product over all tiles and channels.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::activation::Activation;
use crate::aligned::Scratch;
use crate::feature_map::{FeatureMap, OutputPart, Shape};
use crate::gemm::{Epilogue, Gemm, PackedWeights, Tiling};
use crate::simd_level::SimdLevel;
use crate::window::{Geometry, Padding, Window};

/// Outputs of a tile along a side.
pub(crate) const TILE: usize = 4;
/// Inputs of a tile along a side.
const INPUT_TILE: usize = 6;
const ELEMENTS: usize = INPUT_TILE * INPUT_TILE;

/// Interpolation points: plus and minus these, 0 and infinity. In sums over 256 channels, the usual 1 and 2 gave twice
/// the rounding error (Barabasz et al., "Error analysis and improving the accuracy of Winograd convolution for deep
/// neural networks", 2020, on the choice of points).
const A: f32 = 0.625;
const B: f32 = 1.5;

/// Elements of the transformed inputs and products of a group of tiles, which a second-level cache should hold.
const GROUP_LEN: usize = 1 << 17;
/// Smallest group of tiles: if the weights fit the second-level cache, and if not.
const MIN_TILES: (usize, usize) = (28, 56);

/// No epilogue: products stay in the cache until the output transform.
const NO_EPILOGUE: Epilogue =
    Epilogue { bias: None, add: None, activation: Activation::None, prefetch_output: false };

/// Weights in the Winograd domain: packed, for each element of a tile.
pub(crate) struct WinogradWeights(Vec<PackedWeights>);

impl WinogradWeights {
    /// Transforms weights `(outputs, inputs, 3, 3)`.
    pub(crate) fn transform(lanes: usize, outputs: usize, inputs: usize, weight: &[f32]) -> Self {
        let weights = (0..ELEMENTS).into_par_iter().map(|element| {
            let (down, right) =
                (kernel_transform(element / INPUT_TILE), kernel_transform(element % INPUT_TILE));
            let factors: [f64; 9] = std::array::from_fn(|at| down[at / 3] * right[at % 3]);
            PackedWeights::pack(lanes, outputs, inputs, 1, |output, input, _| {
                let kernel = &weight[(output * inputs + input) * 9..][..9];
                let products = kernel.iter().zip(&factors).map(|(x, f)| f64::from(*x) * f);
                products.sum::<f64>() as f32
            })
        });
        Self(weights.collect())
    }

    /// Whether Winograd's algorithm computes convolutions with this window.
    pub(crate) fn supports(window: Window) -> bool {
        window == Window { side: 3, stride: 1, padding: Padding::Symmetric(1) }
            || window == Window { side: 3, stride: 1, padding: Padding::Same }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.0[0].inputs()
    }
}

/// Rows of tiles of an image, and tiles per row.
pub(crate) fn tiles(shape: Shape) -> (usize, usize) {
    (shape.height.div_ceil(TILE), shape.width.div_ceil(TILE))
}

/// Output positions of a range of tile rows, which are counted on over all images.
pub(crate) fn positions(shape: Shape, rows: Range<usize>) -> Range<usize> {
    let (high, _) = tiles(shape);
    let at = |row: usize| {
        (row / high * shape.height + (row % high * TILE).min(shape.height)) * shape.width
    };
    at(rows.start)..at(rows.end)
}

/// A Winograd convolution by one thread, of whole rows of tiles.
pub(crate) struct Convolve<'a> {
    pub(crate) level: SimdLevel,
    pub(crate) map: &'a FeatureMap,
    pub(crate) geometry: Geometry,
    pub(crate) weights: &'a WinogradWeights,
    pub(crate) epilogue: Epilogue<'a>,
    pub(crate) part: OutputPart<'a>,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) rows: Range<usize>,
}

impl WithSimd for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (_, wide) = tiles(self.geometry.input);
        let all = self.rows.start * wide..self.rows.end * wide;
        let inputs = self.map.shape.channels.div_ceil(S::F32_LANES) * S::F32_LANES;
        let outputs = self.part.blocks.len() * S::F32_LANES;
        let cached = inputs * outputs * ELEMENTS < GROUP_LEN;
        let min_tiles = if cached { MIN_TILES.0 } else { MIN_TILES.1 };
        let count = (GROUP_LEN / (ELEMENTS * (inputs + outputs))).max(min_tiles);
        for group in crate::feature_map::split_evenly(all.len(), all.len().div_ceil(count)) {
            let group = all.start + group.start..all.start + group.end;
            let mut scratch = std::mem::take(self.scratch);
            let buffer = scratch.get(ELEMENTS * (inputs + outputs) * group.len());
            let (input, products) = buffer.split_at_mut(ELEMENTS * inputs * group.len());
            self.transform_inputs(simd, &group, input);
            self.multiply(simd, group.len(), input, products);
            match self.epilogue.activation {
                Activation::None => {
                    self.transform_outputs(simd, &group, products, Activation::None)
                }
                Activation::Relu => {
                    self.transform_outputs(simd, &group, products, Activation::Relu)
                }
                other => self.transform_outputs(simd, &group, products, other),
            }
            *self.scratch = scratch;
        }
    }
}

impl Convolve<'_> {
    /// A tile's image, first row and first column.
    #[inline(always)]
    fn origin(&self, tile: usize) -> (usize, usize, usize) {
        let (high, wide) = tiles(self.geometry.input);
        let (row, column) = (tile / wide, tile % wide);
        (row / high, row % high * TILE, column * TILE)
    }

    /// Input transform of a range of tiles: for each element, block and tile a vector.
    #[inline(always)]
    fn transform_inputs<S: Simd>(&self, simd: S, tiles: &Range<usize>, to: &mut [f32]) {
        let Shape { height, width, channels, .. } = self.geometry.input;
        let blocks = channels.div_ceil(S::F32_LANES);
        let to = S::as_mut_simd_f32s(to).0;
        let (step, plane) = (blocks * tiles.len(), self.map.shape.positions());
        let zero = simd.splat_f32s(0.0);
        for block in 0..blocks {
            let from = &S::as_simd_f32s(self.map.as_f32()).0[block * plane..][..plane];
            for (at, tile) in tiles.clone().enumerate() {
                let (image, row, column) = self.origin(tile);
                let from = &from[image * height * width..][..height * width];
                let mut input = [[zero; INPUT_TILE]; INPUT_TILE];
                let inside = row > 0
                    && column > 0
                    && row + INPUT_TILE <= height + 1
                    && column + INPUT_TILE <= width + 1;
                if inside {
                    for (down, input) in input.iter_mut().enumerate() {
                        let start = (row + down - 1) * width + column - 1;
                        input.copy_from_slice(&from[start..][..INPUT_TILE]);
                    }
                } else {
                    // Row and column 0 of the first tiles are padding.
                    for down in (1 - row.min(1))..INPUT_TILE.min(height + 1 - row) {
                        for right in (1 - column.min(1))..INPUT_TILE.min(width + 1 - column) {
                            input[down][right] =
                                from[(row + down - 1) * width + column + right - 1];
                        }
                    }
                }
                for input in &mut input {
                    *input = input_transform(simd, *input);
                }
                let to = &mut to[block * tiles.len() + at..][..(ELEMENTS - 1) * step + 1];
                for right in 0..INPUT_TILE {
                    let column =
                        input_transform(simd, std::array::from_fn(|down| input[down][right]));
                    for (down, value) in column.into_iter().enumerate() {
                        to[(down * INPUT_TILE + right) * step] = value;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, tiles: usize, input: &[f32], products: &mut [f32]) {
        let tiling = Tiling::new(tiles, self.level.accumulators());
        let vectors = tiles * S::F32_LANES;
        let (of_input, of_output) = (input.len() / ELEMENTS, products.len() / ELEMENTS);
        let mut outs = Vec::with_capacity(self.part.blocks.len());
        let each = input.chunks_exact(of_input).zip(products.chunks_exact_mut(of_output));
        for (element, (input, products)) in each.enumerate() {
            let (weights, following) = (&self.weights.0[element], self.weights.0.get(element + 1));
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
                    let gemm = Gemm {
                        a: &input[tile.start * S::F32_LANES..],
                        a_stride: vectors,
                        weights,
                        epilogue: NO_EPILOGUE,
                        block,
                        position: tile.start,
                        rows: tile.len(),
                        prefetch: next.chunks(ahead.max(1)).nth(number).unwrap_or_default(),
                    };
                    gemm.run(simd, tiling, outs, tile.start * S::F32_LANES);
                }
            }
        }
    }

    #[inline(always)]
    fn transform_outputs<S: Simd>(
        &mut self,
        simd: S,
        tiles: &Range<usize>,
        products: &[f32],
        activation: Activation,
    ) {
        let Shape { height, width, .. } = self.geometry.output;
        let products = S::as_simd_f32s(products).0;
        let (blocks, first) = (self.part.blocks.clone(), self.part.positions.start);
        let step = blocks.len() * tiles.len();
        for (out_block, block) in blocks.enumerate() {
            let bias = match self.epilogue.bias {
                Some(bias) => S::as_simd_f32s(bias).0[block],
                None => simd.splat_f32s(0.0),
            };
            let add =
                self.epilogue.add.map(|(add, plane)| S::as_simd_f32s(&add[block * plane..]).0);
            for (at, tile) in tiles.clone().enumerate() {
                let (image, row, column) = self.origin(tile);
                let products =
                    &products[out_block * tiles.len() + at..][..(ELEMENTS - 1) * step + 1];
                let mut half = [[simd.splat_f32s(0.0); INPUT_TILE]; TILE];
                for right in 0..INPUT_TILE {
                    let elements =
                        std::array::from_fn(|down| products[(down * INPUT_TILE + right) * step]);
                    let column = output_transform(simd, elements);
                    for (half, value) in half.iter_mut().zip(column) {
                        half[right] = value;
                    }
                }
                let out = S::as_mut_simd_f32s(self.part.outs[out_block]).0;
                let columns = TILE.min(width - column);
                for (down, half) in half.into_iter().enumerate().take(height - row) {
                    let position = (image * height + row + down) * width + column;
                    let mut values = output_transform(simd, half);
                    for value in &mut values {
                        *value = simd.add_f32s(*value, bias);
                    }
                    if let Some(add) = add {
                        let add = &add[position..][..columns];
                        for (value, add) in values.iter_mut().zip(add) {
                            *value = simd.add_f32s(*value, *add);
                        }
                    }
                    let out = &mut out[position - first..][..columns];
                    for (out, value) in out.iter_mut().zip(values) {
                        *out = activation.apply(simd, value);
                    }
                }
            }
        }
    }
}

/// A row of the kernel transform G: the kernel's polynomial at an interpolation point, divided by the product of the
/// point's differences from the others.
fn kernel_transform(row: usize) -> [f64; 3] {
    let (a, b) = (f64::from(A), f64::from(B));
    let (point, differences) = match row {
        0 => (0.0, (a * b).powi(2)),
        1 => (a, 2.0 * a * a * (a * a - b * b)),
        2 => (-a, 2.0 * a * a * (a * a - b * b)),
        3 => (b, 2.0 * b * b * (b * b - a * a)),
        4 => (-b, 2.0 * b * b * (b * b - a * a)),
        // The point at infinity.
        _ => return [0.0, 0.0, 1.0],
    };
    [1.0 / differences, point / differences, point * point / differences]
}

/// Input transform B^T along one side.
#[inline(always)]
fn input_transform<S: Simd>(simd: S, x: [S::f32s; INPUT_TILE]) -> [S::f32s; INPUT_TILE] {
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

/// Output transform A^T along one side.
#[inline(always)]
fn output_transform<S: Simd>(simd: S, x: [S::f32s; INPUT_TILE]) -> [S::f32s; TILE] {
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
