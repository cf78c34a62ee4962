//! A network as a list of steps, and how to run it.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::aligned::{Aligned, Scratch, with_scratch};
use crate::conv::{self, Seen};
use crate::depthwise::{Depthwise, Expansion};
use crate::kernels::Kernels;
use crate::level::Level;
use crate::map::{Map, Part, Shape, ranges};
use crate::pool::{Average, MaxPool};
use crate::product::{Finish, Weights};
use crate::stem;
use crate::tile::Activation;
use crate::window::{View, Window};
use crate::winograd::{self, Transformed};

/// A result in a plan: of one of its steps, or the photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(pub(crate) usize);

impl Node {
    /// Its place in [`Plan::shapes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// What a step does.
pub(crate) enum Work {
    Stem(Kernels),
    Convolve { weights: Weights, bias: Aligned },
    Winograd { weights: Transformed, bias: Aligned },
    Depthwise { expansion: Option<Expansion>, kernels: Kernels },
    MaxPool,
    Average,
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

/// A network ready to run: its weights in the order in which they are read, and room for its results,
/// which is kept from one run to the next.
pub struct Plan {
    pub(crate) level: Level,
    pub(crate) channels: usize,
    pub(crate) steps: Vec<Step>,
    /// Room for results of earlier runs.
    pub(crate) spare: Mutex<Vec<Vec<Aligned>>>,
}

/// Why a plan cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooSmall {
    /// Sides of the photos.
    pub height: usize,
    /// Sides of the photos.
    pub width: usize,
}

impl std::fmt::Display for TooSmall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { height, width } = self;
        write!(f, "photos of {width}x{height} pixels are too small for this network")
    }
}

impl std::error::Error for TooSmall {}

/// Multiplications that are worth a second thread.
const WORTH_A_THREAD: usize = 1 << 18;

/// Positions for which reading a weight takes as long as using it.
const FEW: usize = 8;

impl Plan {
    /// The instructions that it is made for.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Sides of every node's result, for photos of such a shape; those of the photos come first.
    pub fn shapes(&self, photos: Shape) -> Vec<Shape> {
        let mut shapes = vec![photos];
        for step in &self.steps {
            shapes.push(step.view(shapes[step.from.0]).1);
        }
        shapes
    }

    /// Runs it on photos, `(images, channels, height, width)`. For each wanted node it returns its
    /// result's numbers in that order, too.
    ///
    /// Photos are computed one to a thread, since the maps of one fit a core's caches and those of
    /// several do not; those that are left when there are not enough for all threads, by all threads.
    ///
    /// # Errors
    /// [`TooSmall`] if nothing is left of the photos.
    ///
    /// # Panics
    /// If the photos have other channels than the network, or there are not as many numbers as `shape`
    /// says.
    pub fn run(
        &self,
        photos: &[f32],
        shape: Shape,
        wanted: &[Node],
    ) -> Result<Vec<Vec<f32>>, TooSmall> {
        let one = Shape { images: 1, ..shape };
        let numbers = shape.channels * one.positions();
        assert_eq!(shape.channels, self.channels, "channels of the photos");
        assert_eq!(photos.len(), shape.images * numbers, "numbers of the photos");
        let shapes = self.shapes(one);
        if shapes.iter().any(|shape| shape.positions() == 0) {
            return Err(TooSmall { height: shape.height, width: shape.width });
        }
        let threads = rayon::current_num_threads();
        let (alone, together) = photos.split_at(shape.images / threads * threads * numbers);
        let mut results: Vec<Vec<Vec<f32>>> = if threads == 1 {
            alone.chunks_exact(numbers).map(|photo| self.run_one(photo, one, wanted, 1)).collect()
        } else {
            let alone = alone.par_chunks_exact(numbers);
            alone.map(|photo| self.run_one(photo, one, wanted, 1)).collect()
        };
        for photo in together.chunks_exact(numbers) {
            // From within the threads' pool it takes 2 us to share a step out, from without 10.
            results.push(rayon::scope(|_| self.run_one(photo, one, wanted, threads)));
        }
        Ok((0..wanted.len())
            .map(|at| results.iter_mut().flat_map(|of_photo| of_photo[at].drain(..)).collect())
            .collect())
    }

    /// Runs it on one photo, by so many threads.
    fn run_one(
        &self,
        photo: &[f32],
        shape: Shape,
        wanted: &[Node],
        threads: usize,
    ) -> Vec<Vec<f32>> {
        let last = wanted.iter().map(|node| node.0).max().unwrap_or(0);
        let steps = &self.steps[..last];
        let mut spare = self.spares().pop().unwrap_or_default();
        let mut maps: Vec<Option<Map>> = Vec::with_capacity(last + 1);
        maps.push(None);
        let mut results = vec![Vec::new(); wanted.len()];
        for (at, step) in steps.iter().enumerate() {
            let (view, shape) = step.view(maps[step.from.0].as_ref().map_or(shape, Map::shape));
            let lanes = self.level.lanes();
            let numbers = take(&mut spare, Map::len(shape, lanes));
            let mut map = Map { shape, lanes, numbers };
            step.run(self.level, threads, photo, &maps, view, &mut map);
            let is_result = wanted.iter().zip(&mut results).filter(|(node, _)| node.0 == at + 1);
            is_result.for_each(|(_, result)| *result = map.to_planar());
            maps.push(Some(map));
            for node in step.inputs() {
                let mut later = steps[at + 1..].iter().flat_map(Step::inputs);
                if !later.any(|other| other == node) {
                    spare.extend(maps[node.0].take().map(|map| map.numbers));
                }
            }
        }
        spare.extend(maps.into_iter().flatten().map(|map| map.numbers));
        self.spares().push(spare);
        results
    }

    fn spares(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Aligned>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for so many numbers: the least that is enough.
fn take(spare: &mut Vec<Aligned>, len: usize) -> Aligned {
    let fitting = spare.iter().enumerate().filter(|(_, spare)| spare.room() >= len);
    match fitting.min_by_key(|(_, spare)| spare.room()).map(|(at, _)| at) {
        Some(at) => spare.swap_remove(at).resized(len),
        None => Aligned::zeros(len),
    }
}

impl Step {
    fn inputs(&self) -> impl Iterator<Item = Node> + use<> {
        [Some(self.from), self.gate, self.add].into_iter().flatten()
    }

    /// What it looks at, and its result's sides.
    fn view(&self, seen: Shape) -> (View, Shape) {
        let view = self.window.over(seen, self.channels);
        match self.work {
            Work::Average => (view, Shape { channels: self.channels, height: 1, width: 1, ..seen }),
            _ => (view, view.result),
        }
    }

    fn run(
        &self,
        level: Level,
        threads: usize,
        photos: &[f32],
        maps: &[Option<Map>],
        view: View,
        out: &mut Map,
    ) {
        let of = |node: Node| maps[node.0].as_ref().expect("a result that is still needed");
        let add = self.add.map(|node| (of(node).numbers(), of(node).plane()));
        let finish =
            |bias| Finish { bias: Some(bias), add, activation: self.activation, far: true };
        let shape = out.shape;
        let blocks = shape.channels.div_ceil(level.lanes());
        match &self.work {
            Work::Stem(kernels) => {
                let activation = self.activation;
                let work = shape.positions() * shape.channels * view.seen.channels;
                let parts = by_rows(out, threads, work * self.window.taps(), blocks, false);
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
                let parts = by_rows(out, threads, work, blocks, true);
                each(parts, |part, scratch| {
                    let work = Depthwise {
                        level,
                        expansion,
                        map,
                        view,
                        kernels,
                        activation,
                        part,
                        scratch,
                    };
                    level.run(work);
                });
            }
            Work::MaxPool => {
                let map = of(self.from);
                let work = shape.positions() * shape.channels * self.window.taps();
                each(by_rows(out, threads, work, blocks, true), |part, _| {
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
fn by_rows(
    out: &mut Map,
    threads: usize,
    work: usize,
    blocks: usize,
    prefer_blocks: bool,
) -> Vec<Part<'_>> {
    let Shape { images, height, width, .. } = out.shape;
    let (blocks, rows) = divide(threads, work, blocks, images * height, prefer_blocks);
    let positions: Vec<_> = rows.iter().map(|rows| rows.start * width..rows.end * width).collect();
    out.parts(&blocks, &positions)
}

/// Blocks and rows (or positions) as they are shared out to the threads: one of the two is divided,
/// blocks where that is preferred, unless it leaves threads idle.
fn divide(
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
fn each<P: Send>(mut parts: Vec<P>, work: impl Fn(P, &mut Scratch) + Send + Sync) {
    let one = |part| with_scratch(|scratch| work(part, scratch));
    if parts.len() == 1 {
        parts.drain(..).for_each(one);
    } else {
        parts.into_par_iter().for_each(one);
    }
}
