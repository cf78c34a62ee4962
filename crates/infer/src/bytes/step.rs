//! What a step does whose inputs are bytes.

use std::ops::Range;

use crate::aligned::Scratch;
use crate::bands::Fill;
use crate::bytes::conv::{Convolve, Seen};
use crate::bytes::depthwise::{Decoded, Encoded, Expanded, Expansion, places};
use crate::bytes::dots::{Dots, LANES, WithDots};
use crate::bytes::pool::{Average, MaxPool};
use crate::bytes::product::{Finish, Weights};
use crate::bytes::scales::Scales;
use crate::bytes::tile::Cell;
use crate::depthwise::{Depthwise, Numbers, Rows};
use crate::kernels::Kernels;
use crate::level::Level;
use crate::map::{Map, Part, Shape};
use crate::step::{FEW, divide, each};
use crate::tile::Activation;
use crate::window::View;

/// A step's work on bytes.
pub(crate) enum Work {
    Convolve {
        weights: Weights,
        finish: Finish,
        /// How its inputs become codes, where they are numbers.
        input: Option<Scales>,
    },
    Depthwise {
        expansion: Option<Expansion>,
        kernels: Kernels,
    },
    MaxPool,
    Average,
}

/// What a step takes in and makes.
pub(crate) struct Context<'a> {
    pub(crate) level: Level,
    pub(crate) threads: usize,
    pub(crate) view: View,
    pub(crate) photos: &'a [f32],
    /// The map that is looked at, if not the photos, and what its codes stand for.
    pub(crate) from: Option<(&'a Map, Option<&'a Scales>)>,
    pub(crate) gate: Option<&'a Map>,
    pub(crate) add: Option<&'a Map>,
    pub(crate) activation: Activation,
    /// How its result is written down, if not as numbers.
    pub(crate) scales: Option<&'a Scales>,
}

impl<'a> Context<'a> {
    fn map(&self) -> &'a Map {
        self.from.expect("a map").0
    }

    fn codes(&self) -> &'a Scales {
        self.from.and_then(|(_, scales)| scales).expect("a map of codes")
    }

    /// Blocks and positions as they are shared out to the threads. Work is multiplications of bytes, which
    /// take about half as long as those of numbers.
    fn divided(&self, shape: Shape, work: usize, prefer_blocks: bool, whole_rows: bool) -> Divided {
        let blocks = shape.channels.div_ceil(LANES);
        let width = if whole_rows { shape.width } else { 1 };
        let rows = shape.positions() / width;
        let (blocks, rows) = divide(self.threads, work / 2, blocks, rows, prefer_blocks);
        (blocks, rows.iter().map(|rows| rows.start * width..rows.end * width).collect())
    }
}

type Divided = (Vec<Range<usize>>, Vec<Range<usize>>);

impl Work {
    pub(crate) fn run(&self, context: &Context, out: &mut Map) {
        let Context { view, activation, .. } = *context;
        let shape = out.shape;
        match self {
            Self::Convolve { weights, finish, input } => {
                let seen = match (input, context.from) {
                    (Some(scales), None) => Seen::Photos(context.photos, scales),
                    (Some(scales), Some((map, _))) => Seen::Numbers(map, context.gate, scales),
                    (None, _) => Seen::Codes(context.map(), context.codes()),
                };
                let work = shape.positions().max(FEW) * shape.channels * weights.inputs();
                let of_weights = shape.channels * weights.inputs();
                let inputs = view.seen.channels * view.seen.positions();
                let (blocks, positions) =
                    context.divided(shape, work, of_weights > inputs, seen.is_by_rows(view));
                let step = Convolution { view, seen, weights, finish, add: context.add };
                match context.scales {
                    Some(_) => step.run(context, out.code_parts(&blocks, &positions)),
                    None => step.run(context, out.parts(&blocks, &positions)),
                }
            }
            Self::Depthwise { expansion, kernels } => {
                let map = context.map();
                let expanded = expansion.as_ref().map_or(0, |expansion| {
                    map.shape.positions() * shape.channels * expansion.weights.inputs() / 4
                });
                let work = shape.positions() * shape.channels * view.window.taps() + expanded;
                let (blocks, positions) = context.divided(shape, 2 * work, true, true);
                let (expansion, places) = (expansion.as_ref(), &places(map)[..]);
                let step = Rowwise { context, expansion, kernels, places, activation };
                let one = |part, scratch: &mut Scratch| {
                    context.level.run_dots(OnePart { step: &step, part, scratch });
                };
                match context.scales {
                    Some(scales) => each(out.code_parts(&blocks, &positions), |part, scratch| {
                        one(Kept::Codes(part, scales), scratch);
                    }),
                    None => each(out.parts(&blocks, &positions), |part, scratch| {
                        one(Kept::Numbers(part), scratch);
                    }),
                }
            }
            Self::MaxPool => {
                let map = context.map();
                let work = shape.positions() * shape.channels * view.window.taps();
                let (blocks, positions) = context.divided(shape, work, true, true);
                each(out.code_parts(&blocks, &positions), |part, _| {
                    context.level.run_dots(MaxPool { map, view, part });
                });
            }
            Self::Average => {
                let map = context.map();
                let work = map.shape.positions() * shape.channels;
                let (blocks, positions) = context.divided(shape, work, true, false);
                each(out.parts(&blocks, &positions), |part, _| {
                    context.level.run_dots(Average { map, scales: context.codes(), part });
                });
            }
        }
    }
}

/// A convolution.
struct Convolution<'a> {
    view: View,
    seen: Seen<'a>,
    weights: &'a Weights,
    finish: &'a Finish,
    add: Option<&'a Map>,
}

impl Convolution<'_> {
    fn run<T: Cell + Sync + pulp::bytemuck::Pod>(
        &self,
        context: &Context,
        parts: Vec<Part<'_, T>>,
    ) {
        let Self { view, seen, weights, finish, add } = *self;
        each(parts, |part, scratch| {
            let work = Convolve { seen, view, weights, finish, add, part, scratch };
            context.level.run_dots(work);
        });
    }
}

/// A depthwise convolution.
struct Rowwise<'a> {
    context: &'a Context<'a>,
    expansion: Option<&'a Expansion>,
    kernels: &'a Kernels,
    places: &'a [usize],
    activation: Activation,
}

/// What one thread writes of its result.
enum Kept<'a> {
    Numbers(Part<'a, f32>),
    Codes(Part<'a, u8>, &'a Scales),
}

struct OnePart<'a> {
    step: &'a Rowwise<'a>,
    part: Kept<'a>,
    scratch: &'a mut Scratch,
}

impl WithDots for OnePart<'_> {
    type Output = ();

    #[inline(always)]
    fn with_dots<D: Dots>(self, dots: D) {
        let Self { step, part, scratch } = self;
        let map = step.context.map();
        match step.expansion {
            Some(expansion) => {
                step.fill(
                    dots,
                    Expanded { dots, map, expansion, places: step.places },
                    part,
                    scratch,
                );
            }
            None => {
                let scales = step.context.codes();
                step.fill(dots, Decoded { dots, map, scales }, part, scratch);
            }
        }
    }
}

impl Rowwise<'_> {
    #[inline(always)]
    fn fill<D: Dots, F: Fill>(&self, dots: D, fill: F, part: Kept, scratch: &mut Scratch) {
        match part {
            Kept::Numbers(Part { blocks, positions, outs }) => {
                self.rows(dots, fill, (blocks, positions), Numbers(outs), scratch);
            }
            Kept::Codes(Part { blocks, positions, outs }, scales) => {
                let mut room = vec![0.0; self.context.view.result.width * LANES];
                let rows = Encoded { dots, scales, block: blocks.start, outs, room: &mut room };
                self.rows(dots, fill, (blocks, positions), rows, scratch);
            }
        }
    }

    #[inline(always)]
    fn rows<D: Dots, F: Fill, R: Rows>(
        &self,
        dots: D,
        fill: F,
        (blocks, positions): (Range<usize>, Range<usize>),
        rows: R,
        scratch: &mut Scratch,
    ) {
        use pulp::WithSimd as _;
        let (view, kernels, activation) = (self.context.view, self.kernels, self.activation);
        let work = Depthwise { fill, view, kernels, activation, blocks, positions, rows, scratch };
        work.with_simd(dots.simd());
    }
}
