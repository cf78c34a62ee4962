//! An inference plan: a network's fused steps in execution order, and how to run them.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::aligned::AlignedVec;
use crate::feature_map::{FeatureMap, Shape};
use crate::int8::scales::QuantParams;
use crate::parallel::with_spinning_pool;
use crate::simd_level::SimdLevel;
use crate::step::{RunContext, Step};
use crate::tensor_id::TensorId;

/// A network ready to run: packed weights, and buffers for feature maps that are reused from run to run.
pub struct Plan {
    pub(crate) level: SimdLevel,
    pub(crate) channels: usize,
    pub(crate) steps: Vec<Step>,
    /// For each tensor, its quantisation parameters; `None` for f32 tensors.
    pub(crate) quant: Vec<Option<QuantParams>>,
    /// Buffers of earlier runs, a list per concurrent run.
    pub(crate) spare: Mutex<Vec<Vec<AlignedVec>>>,
}

/// The input is smaller than the network's kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputTooSmall {
    /// Height of the input in pixels.
    pub height: usize,
    /// Width of the input in pixels.
    pub width: usize,
}

impl std::fmt::Display for InputTooSmall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { height, width } = self;
        write!(f, "photos of {width}x{height} pixels are too small for this network")
    }
}

impl std::error::Error for InputTooSmall {}

impl Plan {
    /// The instruction set that it was built for.
    pub fn level(&self) -> SimdLevel {
        self.level
    }

    /// Shapes of all tensors for an input of this shape, indexed by [`TensorId::index`]; the input comes first.
    pub fn shapes(&self, input: Shape) -> Vec<Shape> {
        let mut shapes = vec![input];
        for step in &self.steps {
            shapes.push(step.geometry(shapes[step.from.0]).1);
        }
        shapes
    }

    /// Runs the network on a batch, NCHW: `(images, channels, height, width)`. Returns the requested tensors, NCHW.
    ///
    /// Each thread computes an image of its own, because the feature maps of one image fit a core's caches and those of
    /// several do not. Images that are left over when there are fewer than threads are computed by all threads.
    ///
    /// # Errors
    /// [`InputTooSmall`] if a tensor would have no positions.
    ///
    /// # Panics
    /// If the number of channels is not the network's, or the length of `input` does not match `shape`.
    pub fn run(
        &self,
        input: &[f32],
        shape: Shape,
        outputs: &[TensorId],
    ) -> Result<Vec<Vec<f32>>, InputTooSmall> {
        let one = Shape { images: 1, ..shape };
        let image_len = shape.channels * one.positions();
        assert_eq!(shape.channels, self.channels, "channels of the input");
        assert_eq!(input.len(), shape.images * image_len, "elements of the input");
        let shapes = self.shapes(one);
        if shapes.iter().any(|shape| shape.positions() == 0) {
            return Err(InputTooSmall { height: shape.height, width: shape.width });
        }
        let threads = rayon::current_num_threads();
        let (one_per_thread, shared) = input.split_at(shape.images / threads * threads * image_len);
        let mut results: Vec<Vec<Vec<f32>>> = if threads == 1 {
            let images = one_per_thread.chunks_exact(image_len);
            images.map(|image| self.run_one(image, one, outputs, 1)).collect()
        } else {
            let images = one_per_thread.par_chunks_exact(image_len);
            images.map(|image| self.run_one(image, one, outputs, 1)).collect()
        };
        for image in shared.chunks_exact(image_len) {
            let run = || self.run_one(image, one, outputs, threads);
            results.push(with_spinning_pool(threads, run));
        }
        Ok((0..outputs.len())
            .map(|at| results.iter_mut().flat_map(|of_image| of_image[at].drain(..)).collect())
            .collect())
    }

    /// Runs the network on one image, by this many threads.
    fn run_one(
        &self,
        image: &[f32],
        shape: Shape,
        outputs: &[TensorId],
        threads: usize,
    ) -> Vec<Vec<f32>> {
        let last = outputs.iter().map(|tensor| tensor.0).max().unwrap_or(0);
        let steps = &self.steps[..last];
        let mut spare = self.spares().pop().unwrap_or_default();
        let mut maps: Vec<Option<FeatureMap>> = Vec::with_capacity(last + 1);
        maps.push(None);
        let mut results = vec![Vec::new(); outputs.len()];
        for (at, step) in steps.iter().enumerate() {
            let input_shape = maps[step.from.0].as_ref().map_or(shape, FeatureMap::shape);
            let (geometry, shape) = step.geometry(input_shape);
            let context = RunContext {
                level: self.level,
                threads,
                input: image,
                maps: &maps,
                quant: &self.quant,
            };
            let map = step.run(&context, TensorId(at + 1), geometry, shape, &mut spare);
            let requested = outputs.iter().zip(&mut results);
            requested.filter(|(tensor, _)| tensor.0 == at + 1).for_each(|(_, result)| {
                *result = match &self.quant[at + 1] {
                    Some(quant) => map.dequantised(quant),
                    None => map.to_nchw(),
                };
            });
            maps.push(Some(map));
            // Maps that no later step reads are free.
            for tensor in step.inputs() {
                let mut later = steps[at + 1..].iter().flat_map(Step::inputs);
                if !later.any(|other| other == tensor) {
                    spare.extend(maps[tensor.0].take().map(|map| map.data));
                }
            }
        }
        spare.extend(maps.into_iter().flatten().map(|map| map.data));
        self.spares().push(spare);
        results
    }

    fn spares(&self) -> std::sync::MutexGuard<'_, Vec<Vec<AlignedVec>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
