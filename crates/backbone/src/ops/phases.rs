//! The inner loops of depthwise convolution: a plane is split into phases, then each weight is multiplied
//! with contiguous values.

use pulp::{Simd, WithSimd};

use super::padding::Padding;

/// Outputs computed at a time: they stay in registers while the loop goes over the kernel's weights.
const BLOCK: usize = 64;

/// A padded plane split into phases (as in a polyphase filter), so that the inputs of one weight are
/// contiguous.
///
/// With a stride of 2, a weight is multiplied with every second value of every second row. The plane is
/// therefore split by row and column modulo the stride: one phase for a stride of 1, four for 2. Within
/// its phase, the inputs of a weight are the phase itself, shifted.
pub(crate) struct Phases {
    stride: usize,
    padding: usize,
    picture_width: usize,
    out_width: usize,
    /// Row length of a phase, and of the sums; columns beyond the result are dropped.
    width: usize,
    /// Number of sums, all rows, rounded up to whole blocks.
    sums: usize,
    /// Length of a phase: the sums and the largest shift.
    len: usize,
    /// For each weight of the kernel, the offset of its inputs in the phases.
    offsets: Vec<usize>,
}

impl Phases {
    /// For pictures of `(height, width)`, a square kernel and a result of `(height, width)`.
    pub(crate) fn new(
        (stride, (before, after)): (usize, Padding),
        picture: (usize, usize),
        kernel: usize,
        out: (usize, usize),
    ) -> Self {
        let width = (picture.1 + before + after).div_ceil(stride);
        let rows = (picture.0 + before + after).div_ceil(stride);
        let shift = (kernel - 1) / stride;
        let sums = (out.0 * width).next_multiple_of(BLOCK);
        // Pictures may be smaller than a block, and have rows that no kernel reaches.
        let len = (sums + shift * width + shift).max(rows * width);
        let (picture_width, out_width) = (picture.1, out.1);
        let offset = |at: usize| {
            let (y, x) = (at / kernel, at % kernel);
            (y % stride * stride + x % stride) * len + y / stride * width + x / stride
        };
        let offsets = (0..kernel * kernel).map(offset).collect();
        Self { stride, padding: before, offsets, picture_width, out_width, width, sums, len }
    }

    /// Copies a plane into its phases.
    #[inline(always)] // into functions compiled for the CPU's SIMD level
    fn split(&self, input: &[f32], planes: &mut [f32]) {
        let &Self { stride, padding, picture_width, width, len, .. } = self;
        for (y, row) in input.chunks_exact(picture_width).enumerate() {
            let (phase_y, y) = ((y + padding) % stride, (y + padding) / stride);
            for phase_x in 0..stride {
                // The first column of the picture that falls into this phase.
                let first = (phase_x + stride - padding % stride) % stride;
                let start =
                    (phase_y * stride + phase_x) * len + y * width + (first + padding) / stride;
                let values = row.iter().skip(first).step_by(stride);
                planes[start..].iter_mut().zip(values).for_each(|(to, from)| *to = *from);
            }
        }
    }

    /// Scratch memory for the phases and the sums of one plane: zeros, since the padding is never written.
    pub(crate) fn scratch(&self) -> Vec<f32> {
        vec![0.0; self.stride * self.stride * self.len + self.sums]
    }
}

/// The convolution of one plane (one channel of one picture).
pub(crate) struct Plane<'a> {
    pub(crate) phases: &'a Phases,
    pub(crate) input: &'a [f32],
    pub(crate) kernel: &'a [f32],
    pub(crate) out: &'a mut [f32],
    pub(crate) scratch: &'a mut [f32],
}

impl WithSimd for Plane<'_> {
    type Output = ();

    #[inline(always)] // or it would not be compiled for the CPU's SIMD level
    fn with_simd<S: Simd>(self, _: S) {
        let Self { phases, input, kernel, out, scratch } = self;
        let &Phases { stride, width, len, .. } = phases;
        let (planes, sums) = scratch.split_at_mut(stride * stride * len);
        phases.split(input, planes);
        for (block, sums) in sums.chunks_exact_mut(BLOCK).enumerate() {
            let mut block_sums = [0f32; BLOCK];
            for (&weight, &start) in kernel.iter().zip(&phases.offsets) {
                let values = &planes[start + block * BLOCK..][..BLOCK];
                for (sum, value) in block_sums.iter_mut().zip(values) {
                    *sum += weight * value;
                }
            }
            sums.copy_from_slice(&block_sums);
        }
        let rows = out.chunks_exact_mut(phases.out_width).zip(sums.chunks_exact(width));
        rows.for_each(|(out, sums)| out.copy_from_slice(&sums[..out.len()]));
    }
}

/// The kernel's gradient from one plane, added to that of other planes.
pub(crate) struct KernelGradient<'a> {
    pub(crate) phases: &'a Phases,
    pub(crate) input: &'a [f32],
    pub(crate) grad: &'a [f32],
    /// The gradient of each weight so far.
    pub(crate) sums: &'a mut [f32],
    pub(crate) scratch: &'a mut [f32],
}

impl WithSimd for KernelGradient<'_> {
    type Output = ();

    #[inline(always)] // or it would not be compiled for the CPU's SIMD level
    fn with_simd<S: Simd>(self, _: S) {
        let Self { phases, input, grad, sums, scratch } = self;
        let (planes, grads) = scratch.split_at_mut(phases.stride * phases.stride * phases.len);
        phases.split(input, planes);
        let rows = grads.chunks_exact_mut(phases.width).zip(grad.chunks_exact(phases.out_width));
        rows.for_each(|(to, from)| to[..from.len()].copy_from_slice(from));
        for (sum, &start) in sums.iter_mut().zip(&phases.offsets) {
            let mut lanes = [0f32; BLOCK];
            let blocks = planes[start..].chunks_exact(BLOCK);
            for (grads, inputs) in grads.chunks_exact(BLOCK).zip(blocks) {
                for ((lane, grad), input) in lanes.iter_mut().zip(grads).zip(inputs) {
                    *lane += grad * input;
                }
            }
            *sum += lanes.iter().sum::<f32>();
        }
    }
}
