//! The stem, a network's first convolution: of NCHW photos with up to four channels.
//!
//! Photo lines are quantised to four interleaved channels per pixel. For each output position, the pixels of a window line
//! are copied to a row. So a window is a few vectors of sixteen uint8 values, as in other convolutions: the columns of
//! a line with their channels are the inputs, and the window's lines are the taps.

use pulp::{Simd, bytemuck, f32x16};

use crate::aligned::Scratch;
use crate::feature_map::Shape;
use crate::gemm::Tiling;
use crate::int8::conv::{BAND_BYTES, Convolve};
use crate::int8::gemm::ACCUMULATORS;
use crate::int8::micro_kernel::GemmOutput;
use crate::int8::scales::QuantParams;
use crate::int8::simd::{Int8Simd, LANES, QUAD};
use crate::window::{Geometry, Window};

/// Inputs and taps of the convolution, as the GEMM counts them.
pub(crate) fn inputs_and_taps(window: Window) -> (usize, usize) {
    (window.side * QUAD, window.side)
}

/// Its weights by these inputs and taps, from those by channel and tap.
pub(crate) fn weight(
    channels: usize,
    window: Window,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> impl Fn(usize, usize, usize) -> f32 + Sync {
    move |output, input, line| {
        let (column, channel) = (input / QUAD, input % QUAD);
        if channel < channels { weight(output, channel, line * window.side + column) } else { 0.0 }
    }
}

impl<T: GemmOutput + bytemuck::Pod> Convolve<'_, T> {
    /// A convolution of photos, NCHW; positions are whole rows.
    #[inline(always)]
    pub(crate) fn stem<I: Int8Simd>(
        &mut self,
        isa: I,
        photos: &[f32],
        quant: &QuantParams,
        scratch: &mut Scratch,
    ) {
        let Geometry { window, output, .. } = self.geometry;
        let width = output.width;
        let vectors = window.side.div_ceil(QUAD);
        let rows = self.part.positions.start / width..self.part.positions.end / width;
        let line_bytes = vectors * width * LANES;
        let max_rows = (BAND_BYTES / line_bytes).saturating_sub(window.side) / window.stride + 1;
        let mut pixels = vec![0u32; (width - 1) * window.stride + vectors * QUAD];
        let mut row = rows.start;
        while row < rows.end {
            let image = row / output.height;
            let end = (row + max_rows).min(rows.end).min((image + 1) * output.height);
            let lines = (end - row - 1) * window.stride + window.side;
            let plane = lines * width;
            let band = scratch.get(vectors * plane * LANES / QUAD);
            let band: &mut [[u32; QUAD]] = bytemuck::cast_slice_mut(band);
            for line in 0..lines {
                self.quantise_line(isa, photos, quant, (image, row, line), &mut pixels);
                for vector in 0..vectors {
                    let to = &mut band[vector * plane + line * width..][..width];
                    let from = &pixels[vector * QUAD..];
                    for (to, from) in to.iter_mut().zip(from.windows(QUAD).step_by(window.stride)) {
                        to.copy_from_slice(from);
                    }
                }
            }
            let offsets: Vec<usize> = (0..vectors)
                .flat_map(|vector| (0..window.side).map(move |line| vector * plane + line * width))
                .map(|offset| offset * (LANES / QUAD))
                .collect();
            let tiling = Tiling::new(width.min(ACCUMULATORS / 2), ACCUMULATORS);
            let tiles = (row..end).flat_map(|of| tiling.tiles(width).map(move |tile| (of, tile)));
            let tiles = tiles.map(|(of, tile)| {
                let from = (of - row) * window.stride * width + tile.start;
                (from * (LANES / QUAD), of * width + tile.start, tile.len())
            });
            self.tiles(isa, tiling, bytemuck::cast_slice(band), &offsets, tiles);
            row = end;
        }
    }

    /// Quantises a line of pixels, four interleaved channels each, with padding around them.
    #[inline(always)]
    fn quantise_line<I: Int8Simd>(
        &self,
        isa: I,
        photos: &[f32],
        quant: &QuantParams,
        (image, row, line): (usize, usize, usize),
        to: &mut [u32],
    ) {
        let Geometry { window, input: Shape { channels, height, width, .. }, padding, output } =
            self.geometry;
        let simd = isa.simd();
        let zero_point = |channel: usize| quant.zero_points()[channel];
        let byte = |channel: usize| u32::from(zero_point(channel) as u8) << (8 * channel);
        let padding_pixel = (0..channels).map(byte).fold(0, |pixel, byte| pixel | byte);
        to.fill(padding_pixel);
        let at = (row - image * output.height) * window.stride + line;
        let at = at.wrapping_sub(padding.0);
        if at >= height {
            return;
        }
        let count = width.min(to.len() - padding.1);
        let to = &mut to[padding.1..][..count];
        let plane = height * width;
        let from = &photos[image * channels * plane + at * width..];
        let zero = simd.splat_f32s(0.0);
        let mut start = 0;
        while start < count {
            // The last vector overlaps the one before.
            let first = if start + LANES <= count { start } else { count.saturating_sub(LANES) };
            let mut values = [zero; QUAD];
            for (channel, values) in values.iter_mut().enumerate().take(channels) {
                let from = &from[channel * plane + first..];
                let pixels: f32x16 = match from.first_chunk::<LANES>() {
                    Some(pixels) if first + LANES <= count => pulp::cast(*pixels),
                    _ => {
                        let mut pixels = [0.0; LANES];
                        pixels[..count - first].copy_from_slice(&from[..count - first]);
                        pulp::cast(pixels)
                    }
                };
                let inverse_scale = simd.splat_f32s(quant.inverse_scales()[channel]);
                *values = simd.mul_add_e_f32s(
                    pixels,
                    inverse_scale,
                    simd.splat_f32s(zero_point(channel)),
                );
            }
            let pixels = isa.interleave_u8(values);
            match to[first..].first_chunk_mut() {
                Some(to) => *to = pixels,
                None => to[first..].copy_from_slice(&pixels[..count - first]),
            }
            start += LANES;
        }
    }
}
