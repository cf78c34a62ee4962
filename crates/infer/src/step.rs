//! The steps of a plan, and how each is shared out to threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::aligned::{Aligned, Scratch, take, with_scratch};
use crate::bands::{Copied, Expanded, Expansion};
use crate::bytes;
use crate::bytes::dots::{Dots, WithDots};
use crate::bytes::scales::Scales;
use crate::conv::{self, Seen};
use crate::depthwise::{Depthwise, Numbers};
use crate::kernels::Kernels;
use crate::level::Level;
use crate::map::{Map, Part, Shape, ranges};
use crate::plan::Node;
use crate::pool::{Average, MaxPool};
use crate::product::{Finish, Weights};
use crate::stem;
use crate::tile::Activation;
use crate::window::{View, Window};
use crate::winograd::{self, Transformed};

/// Multiplications that are worth a second thread.
const WORTH_A_THREAD: usize = 1 << 18;

/// Positions for which reading a weight takes as long as using it.
pub(crate) const FEW: usize = 8;

/// What a step does.
pub(crate) enum Work {
    Stem(Kernels),
    Convolve {
        weights: Weights,
        bias: Aligned,
    },
    Winograd {
        weights: Transformed,
        bias: Aligned,
    },
    Depthwise {
        expansion: Option<Expansion>,
        kernels: Kernels,
    },
    MaxPool,
    Average,
    /// Any of these, of codes.
    Bytes(Box<bytes::step::Work>),
}

/// A step of a plan. Its result is the node behind it.
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) window: Window,
    pub(crate) from: Node,
    pub(crate) gate: Option<Node>,
    pub(crate) add: Option<Node>,
    pub(crate) activation: Activation,
    pub(crate) channels: usize,
}

/// Writes numbers down as codes.
struct Encode<'a> {
    numbers: &'a Map,
    scales: &'a Scales,
    part: Part<'a, u8>,
}

impl WithDots for Encode<'_> {
    type Output = ();

    #[inline(always)]
    fn with_dots<D: Dots>(self, dots: D) {
        let Part { blocks, positions, outs } = self.part;
        for (block, out) in blocks.zip(outs) {
            let from = &self.numbers.numbers()[block * self.numbers.plane()..];
            let from = &<D::Simd as pulp::Simd>::as_simd_f32s(from).0[positions.clone()];
            self.scales.encode(dots, block, from, out.as_chunks_mut().0);
        }
    }
}

/// What a step may look at, and by how many threads.
pub(crate) struct Around<'a> {
    pub(crate) level: Level,
    pub(crate) threads: usize,
    pub(crate) photos: &'a [f32],
    /// The results of steps before it, by node, that are still needed.
    pub(crate) maps: &'a [Option<Map>],
    /// For each node, what its codes stand for, where it is kept as codes.
    pub(crate) scales: &'a [Option<Scales>],
}

impl Step {
    /// Its result, a node's, in room that is taken from what is spare.
    pub(crate) fn result(
        &self,
        around: &Around,
        node: Node,
        view: View,
        shape: Shape,
        spare: &mut Vec<Aligned>,
    ) -> Map {
        let Around { level, threads, .. } = *around;
        let (lanes, len) = (level.lanes(), Map::len(shape, level.lanes()));
        let mut room = |len: usize| Map { shape, lanes, numbers: take(spare, len) };
        let Some(scales) = &around.scales[node.0] else {
            let mut map = room(len);
            self.run(around, None, view, &mut map);
            return map;
        };
        let mut codes = room(len / size_of::<f32>());
        if matches!(self.work, Work::Bytes(_)) {
            self.run(around, Some(scales), view, &mut codes);
            return codes;
        }
        let mut numbers = room(len);
        self.run(around, None, view, &mut numbers);
        let blocks = shape.channels.div_ceil(lanes);
        let parts = by_rows(&numbers, threads, len, blocks, false);
        each(codes.code_parts(&parts.0, &parts.1), |part, _| {
            level.run_dots(Encode { numbers: &numbers, scales, part });
        });
        spare.push(numbers.numbers);
        codes
    }

    pub(crate) fn inputs(&self) -> impl Iterator<Item = Node> + use<> {
        [Some(self.from), self.gate, self.add].into_iter().flatten()
    }

    /// What it looks at, and its result's sides.
    pub(crate) fn view(&self, seen: Shape) -> (View, Shape) {
        let view = self.window.over(seen, self.channels);
        let is_mean = match &self.work {
            Work::Average => true,
            Work::Bytes(work) => matches!(**work, bytes::step::Work::Average),
            _ => false,
        };
        if is_mean {
            (view, Shape { channels: self.channels, height: 1, width: 1, ..seen })
        } else {
            (view, view.result)
        }
    }

    fn run(&self, around: &Around, scales: Option<&Scales>, view: View, out: &mut Map) {
        let Around { level, threads, photos, maps, .. } = *around;
        let of = |node: Node| maps[node.0].as_ref().expect("a result that is still needed");
        let add = self.add.map(|node| (of(node).numbers(), of(node).plane()));
        let finish =
            |bias| Finish { bias: Some(bias), add, activation: self.activation, far: true };
        let shape = out.shape;
        let blocks = shape.channels.div_ceil(level.lanes());
        match &self.work {
            Work::Bytes(work) => {
                let context = bytes::step::Context {
                    level,
                    threads,
                    view,
                    photos,
                    from: maps[self.from.0]
                        .as_ref()
                        .map(|map| (map, around.scales[self.from.0].as_ref())),
                    gate: self.gate.map(of),
                    add: self.add.map(of),
                    activation: self.activation,
                    scales,
                };
                work.run(&context, out);
            }
            Work::Stem(kernels) => {
                let activation = self.activation;
                let work = shape.positions() * shape.channels * view.seen.channels;
                let parts = parts_by_rows(out, threads, work * self.window.taps(), blocks, false);
                each(parts, |part, scratch| {
                    level.run(stem::Convolve { photos, view, kernels, activation, part, scratch });
                });
            }
            Work::Convolve { weights, bias } => {
                let seen = match maps[self.from.0].as_ref() {
                    Some(map) => Seen::Map(map, self.gate.map(of)),
                    None => Seen::Planar(photos),
                };
                // For a few positions, weights take longer to read than to use.
                let positions = shape.positions().max(FEW);
                let work = positions * shape.channels * weights.inputs();
                let inputs = view.seen.channels * view.seen.positions();
                let of_weights = shape.channels * weights.inputs();
                let division =
                    divide(threads, work, blocks, shape.positions(), of_weights > inputs);
                let finish = finish(bias.as_slice());
                each(out.parts(&division.0, &division.1), |part, scratch| {
                    let work = conv::Convolve { level, seen, view, weights, finish, part, scratch };
                    level.run(work);
                });
            }
            Work::Winograd { weights, bias } => {
                let map = of(self.from);
                let rows = shape.images * winograd::tiles(shape).0;
                let work = shape.positions() * shape.channels * weights.inputs() * 3;
                let (block_parts, row_parts) = divide(threads, work, blocks, rows, rows < 16);
                let positions: Vec<_> =
                    row_parts.iter().map(|rows| winograd::positions(shape, rows.clone())).collect();
                let finish = finish(bias.as_slice());
                let parts = out.parts(&block_parts, &positions);
                let parts = parts.into_iter().zip(row_parts.iter().cycle()).collect();
                each(parts, |(part, rows): (Part, &Range<usize>), scratch| {
                    let rows = rows.clone();
                    let work = winograd::Convolve {
                        level,
                        map,
                        view,
                        weights,
                        finish,
                        part,
                        rows,
                        scratch,
                    };
                    level.run(work);
                });
            }
            Work::Depthwise { expansion, kernels } => {
                let (map, activation) = (of(self.from), self.activation);
                let expansion = expansion.as_ref();
                let expanded = expansion.map_or(0, |expansion| {
                    map.shape.positions() * shape.channels * expansion.weights.inputs()
                });
                let work = shape.positions() * shape.channels * self.window.taps() + expanded;
                each(parts_by_rows(out, threads, work, blocks, true), |part, scratch| {
                    let Part { blocks, positions, outs } = part;
                    let rows = Numbers(outs);
                    match expansion {
                        Some(expansion) => {
                            let fill = Expanded { level, map, expansion };
                            level.run(Depthwise {
                                fill,
                                view,
                                kernels,
                                activation,
                                blocks,
                                positions,
                                rows,
                                scratch,
                            });
                        }
                        None => {
                            let fill = Copied(map);
                            level.run(Depthwise {
                                fill,
                                view,
                                kernels,
                                activation,
                                blocks,
                                positions,
                                rows,
                                scratch,
                            });
                        }
                    }
                });
            }
            Work::MaxPool => {
                let map = of(self.from);
                let work = shape.positions() * shape.channels * self.window.taps();
                each(parts_by_rows(out, threads, work, blocks, true), |part, _| {
                    level.run(MaxPool { map, view, part })
                });
            }
            Work::Average => {
                let map = of(self.from);
                let work = map.shape.positions() * shape.channels;
                let (blocks, images) = divide(threads, work, blocks, shape.images, true);
                each(out.parts(&blocks, &images), |part, _| level.run(Average { map, part }));
            }
        }
    }
}

/// Parts of a map that consist of whole rows.
fn parts_by_rows(
    out: &mut Map,
    threads: usize,
    work: usize,
    blocks: usize,
    prefer_blocks: bool,
) -> Vec<Part<'_>> {
    let (blocks, positions) = by_rows(out, threads, work, blocks, prefer_blocks);
    out.parts(&blocks, &positions)
}

/// The blocks and the positions of such parts.
fn by_rows(
    out: &Map,
    threads: usize,
    work: usize,
    blocks: usize,
    prefer_blocks: bool,
) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let Shape { images, height, width, .. } = out.shape;
    let (blocks, rows) = divide(threads, work, blocks, images * height, prefer_blocks);
    let positions = rows.iter().map(|rows| rows.start * width..rows.end * width).collect();
    (blocks, positions)
}

/// Blocks and rows (or positions) as they are shared out to the threads: one of the two is divided,
/// blocks where that is preferred, unless it leaves threads idle.
pub(crate) fn divide(
    threads: usize,
    work: usize,
    blocks: usize,
    rows: usize,
    prefer_blocks: bool,
) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let threads = threads.min(work / WORTH_A_THREAD).max(1);
    // How busy they are if so many things are shared out.
    let busy = |count: usize| count as f64 / (threads * count.div_ceil(threads)) as f64;
    let (of_blocks, of_rows) = (busy(blocks), busy(rows));
    let by_blocks =
        if prefer_blocks { of_blocks >= 0.9 * of_rows } else { of_blocks * 0.9 > of_rows };
    let (block_parts, row_parts) = if by_blocks { (threads, 1) } else { (1, threads) };
    (ranges(blocks, block_parts).collect(), ranges(rows, row_parts).collect())
}

/// One part to a thread.
pub(crate) fn each<P: Send>(mut parts: Vec<P>, work: impl Fn(P, &mut Scratch) + Send + Sync) {
    let one = |part| with_scratch(|scratch| work(part, scratch));
    if parts.len() == 1 {
        parts.drain(..).for_each(one);
    } else {
        parts.into_par_iter().for_each(one);
    }
}
