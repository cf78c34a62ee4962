//! A network as a list of steps, and how to run it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::aligned::Aligned;
use crate::bytes::scales::Scales;
use crate::level::Level;
use crate::map::{Map, Shape};
use crate::step::{Around, Step};

/// A result in a plan: of one of its steps, or the photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(pub(crate) usize);

impl Node {
    /// Its place in [`Plan::shapes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A network ready to run: its weights in the order in which they are read, and room for its results,
/// which is kept from one run to the next.
pub struct Plan {
    pub(crate) level: Level,
    pub(crate) channels: usize,
    pub(crate) steps: Vec<Step>,
    /// For each node, what its codes stand for, where it is kept as codes.
    pub(crate) scales: Vec<Option<Scales>>,
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
            results.push(awake(threads, || self.run_one(photo, one, wanted, threads)));
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
            let around = Around {
                level: self.level,
                threads,
                photos: photo,
                maps: &maps,
                scales: &self.scales,
            };
            let map = step.result(&around, Node(at + 1), view, shape, &mut spare);
            let is_result = wanted.iter().zip(&mut results).filter(|(node, _)| node.0 == at + 1);
            is_result.for_each(|(_, result)| {
                *result = match &self.scales[at + 1] {
                    Some(scales) => map.decoded(scales),
                    None => map.to_planar(),
                };
            });
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

/// Does work that shares steps out again and again, on a thread of the pool, and keeps the pool's other
/// threads looking for these until it is over: one that has gone to sleep takes longer to wake than a step
/// takes, and asking from without the pool takes longer than from within.
fn awake<O: Send>(threads: usize, work: impl FnOnce() -> O + Send) -> O {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let is_over = AtomicBool::new(false);
    let look = || {
        while !is_over.load(Ordering::Acquire) {
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                std::hint::spin_loop();
            }
        }
    };
    rayon::scope(|scope| {
        // Whatever becomes of the work.
        let _over = Over(&is_over);
        (1..threads).for_each(|_| scope.spawn(|_| look()));
        work()
    })
}
