//! Matrix products of bytes out of tiles, as [`crate::product`] is of numbers.

use std::ops::Range;

use pulp::bytemuck;
use rayon::prelude::*;

use crate::aligned::Aligned;
use crate::bytes::dots::{Dots, LANES, Quad};
use crate::bytes::scales::Scales;
use crate::bytes::tile::{After, Cell, FOUR, Tile};
use crate::product::Tiling;
use crate::tile::Activation;

/// Products of bytes whose sum fits 32 bits, however large they are.
const MOST: usize = i32::MAX as usize / (255 * 127);

/// Weights as signed bytes, a scale for each result, in the order in which a tile takes them: for each
/// block of results, for each run of 16 inputs, for each tap, up to four quads.
pub(crate) struct Weights {
    codes: Aligned,
    /// What a sum's unit stands for, for each result.
    steps: Vec<f32>,
    /// What the inputs' codes of zero add to each sum.
    excess: Vec<f32>,
    /// Runs of inputs, each gone through once for each tap.
    runs: usize,
    taps: usize,
    inputs: usize,
}

impl Weights {
    /// Of `inputs` inputs, each with `taps` taps, in these scales; `weight(output, input, tap)` is asked
    /// for each.
    ///
    /// # Panics
    /// If there are so many inputs that sums may not fit 32 bits: more than 66,000.
    pub(crate) fn pack(
        outputs: usize,
        scales: &Scales,
        (inputs, taps): (usize, usize),
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        assert!(inputs * taps <= MOST, "{inputs} inputs, whose sums would not fit 32 bits");
        let blocks = outputs.div_ceil(LANES);
        let runs = inputs.div_ceil(LANES);
        let quads = inputs.div_ceil(FOUR) * taps;
        let mut codes = Aligned::zeros(blocks * quads * LANES);
        let all: &mut [Quad] = bytemuck::cast_slice_mut(codes.as_mut_slice());
        let (mut steps, mut excess) = (vec![0.0; blocks * LANES], vec![0.0; blocks * LANES]);
        let of_outputs = steps.par_iter_mut().zip(&mut excess).chunks(LANES);
        let blocks = all.par_chunks_mut(quads.max(1)).zip(of_outputs).enumerate();
        blocks.for_each(|(block, (all, of_outputs))| {
            let mut scaled = vec![0.0; inputs * taps];
            let of_outputs = of_outputs.into_iter().enumerate().take(outputs - block * LANES);
            for (lane, (to_step, to_excess)) in of_outputs {
                for (input, to) in scaled.chunks_exact_mut(taps).enumerate() {
                    let by = scales.steps()[input];
                    for (tap, to) in to.iter_mut().enumerate() {
                        *to = weight(block * LANES + lane, input, tap) * by;
                    }
                }
                let largest = scaled.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
                // Of weights that are all zero, any step will do.
                let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
                *to_step = step;
                *to_excess = write_codes(&scaled, step, scales, (inputs, taps), all, lane);
            }
        });
        Self { codes, steps, excess, runs, taps, inputs }
    }

    /// Vectors of inputs that a result takes in.
    pub(crate) fn steps(&self) -> usize {
        self.runs * self.taps
    }

    /// How many codes each result takes in.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs * self.taps
    }

    fn short(&self) -> (usize, usize) {
        match self.inputs % LANES {
            0 => (0, 0),
            rest => (self.taps, rest.div_ceil(FOUR)),
        }
    }

    /// Those of some blocks, if there are so many.
    pub(crate) fn blocks(&self, blocks: Range<usize>) -> &[Quad] {
        let all: &[Quad] = bytemuck::cast_slice(self.codes.as_slice());
        let len = self.inputs.div_ceil(FOUR) * self.taps;
        &all[(blocks.start * len).min(all.len())..(blocks.end * len).min(all.len())]
    }
}

/// Writes a result's weights into its lane of the quads. Returns what the inputs' codes of zero add to its sum.
fn write_codes(
    scaled: &[f32],
    step: f32,
    scales: &Scales,
    (inputs, taps): (usize, usize),
    quads: &mut [Quad],
    lane: usize,
) -> f32 {
    // Added and taken away, it leaves the nearest integer, of two the even one.
    const ROUND: f32 = (3 << 22) as f32;
    let mut excess = 0.0;
    let mut quads = quads.iter_mut();
    for run in (0..inputs).step_by(LANES) {
        let run = run..(run + LANES).min(inputs);
        for tap in 0..taps {
            for (four, quad) in run.clone().step_by(FOUR).zip(&mut quads) {
                for input in four..(four + FOUR).min(run.end) {
                    let code = (scaled[input * taps + tap] / step + ROUND) - ROUND;
                    quad[lane * FOUR + input - four] = code as i8;
                    excess += f64::from(code) * f64::from(scales.zeros()[input]);
                }
            }
        }
    }
    excess as f32
}

/// What becomes of a convolution's sums; see [`After`].
pub(crate) struct Finish {
    scale: Aligned,
    shift: Aligned,
    /// Of what is added.
    added: Option<Aligned>,
    activation: Activation,
    out: Option<(Aligned, Aligned)>,
}

impl Finish {
    /// For these weights and biases, what is added and what the result is kept as, if these are codes.
    pub(crate) fn of(
        weights: &Weights,
        bias: &[f32],
        activation: Activation,
        added: Option<&Scales>,
        result: Option<&Scales>,
    ) -> Self {
        let channels = bias.len().next_multiple_of(LANES);
        let is_flat = matches!(activation, Activation::None | Activation::Relu);
        let by = |number: &dyn Fn(usize) -> f32| {
            let mut all = Aligned::zeros(channels);
            all.as_mut_slice()[..bias.len()]
                .iter_mut()
                .enumerate()
                .for_each(|(channel, to)| *to = number(channel));
            all
        };
        // A unit of the result, and its zero, where the activation does not come between.
        let unit = |channel: usize| match result {
            Some(scales) if is_flat => scales.per_step()[channel],
            _ => 1.0,
        };
        let zero = |channel: usize| match result {
            Some(scales) if is_flat => scales.zeros()[channel],
            _ => 0.0,
        };
        let scale = by(&|channel| weights.steps[channel] * unit(channel));
        let shift = by(&|channel| {
            let sum = bias[channel] - weights.excess[channel] * weights.steps[channel];
            let add = added.map_or(0.0, |add| add.zeros()[channel] * add.steps()[channel]);
            (sum - add) * unit(channel) + zero(channel)
        });
        let added = added.map(|add| by(&|channel| add.steps()[channel] * unit(channel)));
        let out = result
            .filter(|_| !is_flat)
            .map(|scales| (by(&|c| scales.per_step()[c]), by(&|c| scales.zeros()[c])));
        Self { scale, shift, added, activation, out }
    }
}

fn vector(numbers: &Aligned, block: usize) -> &[f32; LANES] {
    &numbers.as_slice().as_chunks().0[block]
}

/// A few positions by some blocks of results.
pub(crate) struct Product<'a> {
    pub(crate) a: &'a [u32],
    pub(crate) places: &'a [usize],
    pub(crate) weights: &'a Weights,
    pub(crate) finish: &'a Finish,
    /// A map like the result, and the codes from a block to the next.
    pub(crate) add: Option<(&'a [u8], usize)>,
    /// The first block of weights.
    pub(crate) block: usize,
    /// Where the positions lie in the whole map.
    pub(crate) position: usize,
    pub(crate) rows: usize,
    pub(crate) next: &'a [Quad],
}

impl Product<'_> {
    /// Computes it for as many blocks as there are places for results; the vectors go to their
    /// `start` and behind.
    #[inline(always)]
    pub(crate) fn run<D: Dots, T: Cell>(
        &self,
        dots: D,
        tiling: Tiling,
        outs: &mut [&mut [[T; LANES]]],
        start: usize,
    ) {
        if !D::TILES {
            // So little is written out for the compiler to go through.
            for (at, out) in outs.iter_mut().enumerate() {
                for row in 0..self.rows {
                    let one = Self {
                        a: &self.a[row * (LANES / FOUR)..],
                        position: self.position + row,
                        ..*self
                    };
                    one.sized::<D, T, 1, 1>(
                        dots,
                        self.block + at,
                        std::slice::from_mut(out),
                        start + row,
                    );
                }
            }
            return;
        }
        let (mut block, mut rest) = (self.block, outs);
        while !rest.is_empty() {
            let count = [8, 4, 2].into_iter().find(|&n| n <= tiling.blocks.min(rest.len()));
            let (now, later) = rest.split_at_mut(count.unwrap_or(1));
            self.tile(dots, block, now, start);
            block += now.len();
            rest = later;
        }
    }

    #[inline(always)]
    fn tile<D: Dots, T: Cell>(
        &self,
        dots: D,
        block: usize,
        outs: &mut [&mut [[T; LANES]]],
        start: usize,
    ) {
        macro_rules! by_rows {
            ($blocks:literal: $($rows:literal)*) => {
                match self.rows {
                    $($rows => self.sized::<D, T, $rows, $blocks>(dots, block, outs, start),)*
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
    fn sized<D: Dots, T: Cell, const MR: usize, const NB: usize>(
        &self,
        dots: D,
        block: usize,
        outs: &mut [&mut [[T; LANES]]],
        start: usize,
    ) {
        let outs: &mut [&mut [[T; LANES]]; NB] =
            outs.try_into().expect("as many as there are blocks");
        let blocks: [usize; NB] = std::array::from_fn(|at| block + at);
        let Finish { scale, shift, added, activation, out } = self.finish;
        let after = After {
            scale: blocks.map(|block| vector(scale, block)),
            shift: blocks.map(|block| vector(shift, block)),
            add: self.add.zip(added.as_ref()).map(|((add, plane), by)| {
                blocks.map(|block| {
                    let from = block * plane + self.position * LANES;
                    (&add[from..][..MR * LANES], vector(by, block))
                })
            }),
            activation: *activation,
            out: out.as_ref().map(|(scale, shift)| {
                blocks.map(|block| (vector(scale, block), vector(shift, block)))
            }),
        };
        dots.run(Tile::<T, MR, NB> {
            a: self.a,
            places: self.places,
            short: self.weights.short(),
            w: blocks.map(|block| self.weights.blocks(block..block + 1)),
            after,
            next: self.next,
            out: outs.each_mut().map(|out| &mut out[start..][..MR]),
        });
    }
}
