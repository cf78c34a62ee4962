//! Work sharing: splits an output among threads, and runs the parts.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::aligned::{Scratch, with_scratch};
use crate::feature_map::{FeatureMap, OutputPart, Shape, split_evenly};

/// Multiply-accumulates that are worth another thread.
const MACS_PER_THREAD: usize = 1 << 18;

/// Positions below which reading a weight takes longer than using it.
pub(crate) const WEIGHT_BOUND_POSITIONS: usize = 8;

/// Ranges of channel blocks and ranges of positions: the parts of an output are their products.
pub(crate) type Split = (Vec<Range<usize>>, Vec<Range<usize>>);

/// Splits an output into parts of whole rows.
pub(crate) fn parts_by_rows(
    out: &mut FeatureMap,
    threads: usize,
    macs: usize,
    blocks: usize,
    prefer_blocks: bool,
) -> Vec<OutputPart<'_>> {
    let (blocks, positions) = split_rows(out, threads, macs, blocks, prefer_blocks);
    out.parts(&blocks, &positions)
}

/// The channel blocks and positions of parts of whole rows.
pub(crate) fn split_rows(
    out: &FeatureMap,
    threads: usize,
    macs: usize,
    blocks: usize,
    prefer_blocks: bool,
) -> Split {
    let Shape { images, height, width, .. } = out.shape;
    let (blocks, rows) = split(threads, macs, blocks, images * height, prefer_blocks);
    let positions = rows.iter().map(|rows| rows.start * width..rows.end * width).collect();
    (blocks, positions)
}

/// Splits work of so many multiply-accumulates among threads, by channel blocks or by rows (or positions): by blocks if
/// that is preferred, unless it leaves threads idle.
pub(crate) fn split(
    threads: usize,
    macs: usize,
    blocks: usize,
    rows: usize,
    prefer_blocks: bool,
) -> Split {
    let threads = threads.min(macs / MACS_PER_THREAD).max(1);
    // Utilisation of the threads when `count` units are split.
    let utilisation = |count: usize| count as f64 / (threads * count.div_ceil(threads)) as f64;
    let (of_blocks, of_rows) = (utilisation(blocks), utilisation(rows));
    let by_blocks =
        if prefer_blocks { of_blocks >= 0.9 * of_rows } else { of_blocks * 0.9 > of_rows };
    let (block_parts, row_parts) = if by_blocks { (threads, 1) } else { (1, threads) };
    (split_evenly(blocks, block_parts).collect(), split_evenly(rows, row_parts).collect())
}

/// Runs each part on a thread of the pool, with the thread's scratch memory.
pub(crate) fn for_each_part<P: Send>(
    mut parts: Vec<P>,
    work: impl Fn(P, &mut Scratch) + Send + Sync,
) {
    let one = |part| with_scratch(|scratch| work(part, scratch));
    if parts.len() == 1 {
        parts.drain(..).for_each(one);
    } else {
        parts.into_par_iter().for_each(one);
    }
}

/// Runs work on a thread of the pool and keeps the pool's other threads spinning until it ends.
///
/// The work forks and joins once per layer. Waking a sleeping thread takes longer than a layer, and forking from outside
/// the pool takes longer than from inside.
pub(crate) fn with_spinning_pool<O: Send>(threads: usize, work: impl FnOnce() -> O + Send) -> O {
    struct SetOnDrop<'a>(&'a AtomicBool);
    impl Drop for SetOnDrop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let is_done = AtomicBool::new(false);
    let spin = || {
        while !is_done.load(Ordering::Acquire) {
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                std::hint::spin_loop();
            }
        }
    };
    rayon::scope(|scope| {
        // Also if the work panics.
        let _done = SetOnDrop(&is_done);
        (1..threads).for_each(|_| scope.spawn(|_| spin()));
        work()
    })
}
