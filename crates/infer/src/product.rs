//! Matrix products of any size out of tiles.

use std::ops::Range;

use pulp::Simd;

use crate::aligned::Aligned;
use crate::tile::{Activation, After, Depth, Tile, is_written_out_once};

/// Weights in the order in which a tile takes them: for each block of results, for each input, a vector.
pub(crate) struct Weights {
    numbers: Aligned,
    pub(crate) depth: Depth,
    inputs: usize,
    lanes: usize,
}

impl Weights {
    /// Of `inputs` inputs that come in runs of `run`, the last of them perhaps shorter, each run being
    /// gone through `taps` times; `weight(output, input, tap)` is asked for each.
    pub(crate) fn pack(
        lanes: usize,
        outputs: usize,
        inputs: usize,
        taps: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let short = inputs % lanes;
        let depth = Depth {
            steps: inputs.div_ceil(lanes) * taps,
            short_steps: if short > 0 { taps } else { 0 },
            short,
        };
        let blocks = outputs.div_ceil(lanes);
        let mut numbers = Aligned::zeros(blocks * inputs * taps * lanes);
        let mut vectors = numbers.as_mut_slice().chunks_exact_mut(lanes);
        for block in 0..blocks {
            let outputs = block * lanes..((block + 1) * lanes).min(outputs);
            for run in (0..inputs).step_by(lanes) {
                for tap in 0..taps {
                    let run = run..(run + lanes).min(inputs);
                    for (input, to) in run.zip(&mut vectors) {
                        for (output, to) in outputs.clone().zip(to) {
                            *to = weight(output, input, tap);
                        }
                    }
                }
            }
        }
        Self { numbers, depth, inputs: inputs * taps, lanes }
    }

    /// Those of some blocks, if there are so many.
    pub(crate) fn blocks(&self, blocks: Range<usize>) -> &[f32] {
        let (len, all) = (self.inputs * self.lanes, self.numbers.as_slice());
        &all[(blocks.start * len).min(all.len())..(blocks.end * len).min(all.len())]
    }

    fn block(&self, block: usize) -> &[f32] {
        let len = self.inputs * self.lanes;
        &self.numbers.as_slice()[block * len..][..len]
    }

    /// How many numbers each result takes in.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }
}

/// How many positions and blocks a tile has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiling {
    pub(crate) rows: usize,
    pub(crate) blocks: usize,
}

impl Tiling {
    /// For so many positions, where so many vectors of sums fit the registers: few positions leave room
    /// for more blocks, and each sum waits for the one before it, so that there must be many.
    pub(crate) fn of(positions: usize, sums: usize) -> Self {
        let rows = |blocks: usize| (sums / blocks).min(LONGEST[blocks.ilog2() as usize]);
        let blocks = [8, 4].into_iter().find(|&blocks| rows(blocks) >= positions).unwrap_or(2);
        Self { rows: rows(blocks), blocks }
    }

    /// The positions in tiles of about the same size.
    pub(crate) fn tiles(self, positions: usize) -> impl Iterator<Item = Range<usize>> + Clone {
        crate::map::ranges(positions, positions.div_ceil(self.rows))
    }
}

/// The most positions of a tile, by the logarithm of its blocks.
const LONGEST: [usize; 4] = [14, 14, 6, 3];

/// What a product is added to, and what becomes of it.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    /// A number for each channel.
    pub(crate) bias: Option<&'a [f32]>,
    /// A map like the result, and the numbers from a block to the next.
    pub(crate) add: Option<(&'a [f32], usize)>,
    pub(crate) activation: Activation,
    /// Whether the results' place is not in the cache.
    pub(crate) far: bool,
}

/// A few positions by some blocks of channels.
pub(crate) struct Product<'a> {
    /// A vector for each position, every `a_step` numbers.
    pub(crate) a: &'a [f32],
    pub(crate) a_step: usize,
    pub(crate) weights: &'a Weights,
    pub(crate) finish: Finish<'a>,
    /// The first block of weights.
    pub(crate) block: usize,
    /// Where the positions lie in the whole map.
    pub(crate) position: usize,
    pub(crate) rows: usize,
    /// Weights that are needed soon.
    pub(crate) next: &'a [f32],
}

impl Product<'_> {
    /// Computes it for as many blocks as there are places for results; the vectors go to their
    /// `start` and behind.
    #[inline(always)]
    pub(crate) fn run<S: Simd>(
        &self,
        simd: S,
        tiling: Tiling,
        outs: &mut [&mut [f32]],
        start: usize,
    ) {
        if is_written_out_once::<S>() {
            let lanes = S::F32_LANES;
            for (at, out) in outs.iter_mut().enumerate() {
                let out = std::slice::from_mut(out);
                for row in 0..self.rows {
                    let (a, position) = (&self.a[row * lanes..], self.position + row);
                    let one = Self { a, position, ..*self };
                    one.sized::<S, 1, 1>(simd, self.block + at, out, start + row * lanes);
                }
            }
            return;
        }
        let (mut block, mut rest) = (self.block, outs);
        while !rest.is_empty() {
            let count = [8, 4, 2].into_iter().find(|&n| n <= tiling.blocks.min(rest.len()));
            let (now, later) = rest.split_at_mut(count.unwrap_or(1));
            self.tile(simd, block, now, start);
            block += now.len();
            rest = later;
        }
    }

    #[inline(always)]
    fn tile<S: Simd>(&self, simd: S, block: usize, outs: &mut [&mut [f32]], start: usize) {
        macro_rules! by_rows {
            ($blocks:literal: $($rows:literal)*) => {
                match self.rows {
                    $($rows => self.sized::<S, $rows, $blocks>(simd, block, outs, start),)*
                    rows => unreachable!("a tile of {rows} by {}", $blocks),
                }
            };
        }
        match outs.len() {
            1 => by_rows!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            2 => by_rows!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            4 => by_rows!(4: 1 2 3 4 5 6),
            _ => by_rows!(8: 1 2 3),
        }
    }

    #[inline(always)]
    fn sized<S: Simd, const MR: usize, const NB: usize>(
        &self,
        simd: S,
        block: usize,
        outs: &mut [&mut [f32]],
        start: usize,
    ) {
        let (lanes, len) = (S::F32_LANES, MR * S::F32_LANES);
        let outs: &mut [&mut [f32]; NB] = outs.try_into().expect("as many as there are blocks");
        let Finish { bias, add, activation, far } = self.finish;
        let blocks: [usize; NB] = std::array::from_fn(|at| block + at);
        let after = After {
            bias: bias.map(|bias| blocks.map(|block| &bias[block * lanes..][..lanes])),
            add: add.map(|(add, plane)| {
                blocks.map(|block| &add[block * plane + self.position * lanes..][..len])
            }),
            activation,
            far,
        };
        simd.vectorize(Tile::<MR, NB> {
            a: self.a,
            a_step: self.a_step,
            depth: self.weights.depth,
            w: blocks.map(|block| self.weights.block(block)),
            after,
            next: self.next,
            out: outs.each_mut().map(|out| &mut out[start..][..len]),
        });
    }
}
