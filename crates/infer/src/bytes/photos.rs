//! A network's first convolution, which looks at photos: few channels, apart from each other.
//!
//! A photo's lines are written down with four codes to a pixel, and for each position of the result the
//! pixels that its window sees of a line lie in a row. So a window is, as elsewhere, a few vectors of
//! sixteen codes: the columns of a line with their channels are the inputs, and its lines are the taps.

use pulp::{Simd, bytemuck, f32x16};

use crate::aligned::Scratch;
use crate::bytes::conv::{CACHED, Convolve, SUMS};
use crate::bytes::dots::{Dots, LANES};
use crate::bytes::scales::Scales;
use crate::bytes::tile::{Cell, FOUR};
use crate::map::Shape;
use crate::product::Tiling;
use crate::window::{View, Window};

/// Inputs and taps of such a convolution.
pub(crate) fn inputs_and_taps(window: Window) -> (usize, usize) {
    (window.side * FOUR, window.side)
}

/// Its weights, from those by channel and tap.
pub(crate) fn weight(
    channels: usize,
    window: Window,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> impl Fn(usize, usize, usize) -> f32 + Sync {
    move |output, input, line| {
        let (column, channel) = (input / FOUR, input % FOUR);
        if channel < channels { weight(output, channel, line * window.side + column) } else { 0.0 }
    }
}

impl<T: Cell + bytemuck::Pod> Convolve<'_, T> {
    /// A convolution of photos, `(images, channels, height, width)`; positions are whole rows.
    #[inline(always)]
    pub(crate) fn of_photos<D: Dots>(
        &mut self,
        dots: D,
        photos: &[f32],
        scales: &Scales,
        scratch: &mut Scratch,
    ) {
        let View { window, result, .. } = self.view;
        let width = result.width;
        let vectors = window.side.div_ceil(FOUR);
        let rows = self.part.positions.start / width..self.part.positions.end / width;
        let of_line = vectors * width * LANES;
        let most = (CACHED / of_line).saturating_sub(window.side) / window.stride + 1;
        let mut pixels = vec![0u32; (width - 1) * window.stride + vectors * FOUR];
        let mut row = rows.start;
        while row < rows.end {
            let image = row / result.height;
            let end = (row + most).min(rows.end).min((image + 1) * result.height);
            let lines = (end - row - 1) * window.stride + window.side;
            let plane = lines * width;
            let band = scratch.of(vectors * plane * LANES / FOUR);
            let band: &mut [[u32; FOUR]] = bytemuck::cast_slice_mut(band);
            for line in 0..lines {
                self.line(dots, photos, scales, (image, row, line), &mut pixels);
                for vector in 0..vectors {
                    let to = &mut band[vector * plane + line * width..][..width];
                    let from = &pixels[vector * FOUR..];
                    for (to, from) in to.iter_mut().zip(from.windows(FOUR).step_by(window.stride)) {
                        to.copy_from_slice(from);
                    }
                }
            }
            let places: Vec<usize> = (0..vectors)
                .flat_map(|vector| (0..window.side).map(move |line| vector * plane + line * width))
                .map(|place| place * (LANES / FOUR))
                .collect();
            let tiling = Tiling::of(width.min(SUMS / 2), SUMS);
            let tiles = (row..end).flat_map(|of| tiling.tiles(width).map(move |tile| (of, tile)));
            let tiles = tiles.map(|(of, tile)| {
                let from = (of - row) * window.stride * width + tile.start;
                (from * (LANES / FOUR), of * width + tile.start, tile.len())
            });
            self.tiles(dots, tiling, bytemuck::cast_slice(band), &places, tiles);
            row = end;
        }
    }

    /// Writes a line of pixels down, four codes each, with zeros around them.
    #[inline(always)]
    fn line<D: Dots>(
        &self,
        dots: D,
        photos: &[f32],
        scales: &Scales,
        (image, row, line): (usize, usize, usize),
        to: &mut [u32],
    ) {
        let View { window, seen: Shape { channels, height, width, .. }, before, result } =
            self.view;
        let simd = dots.simd();
        let zero = |channel: usize| scales.zeros()[channel];
        let code = |channel: usize| u32::from(zero(channel) as u8) << (8 * channel);
        let zeros = (0..channels).map(code).fold(0, |all, code| all | code);
        to.fill(zeros);
        let at = (row - image * result.height) * window.stride + line;
        let at = at.wrapping_sub(before.0);
        if at >= height {
            return;
        }
        let count = width.min(to.len() - before.1);
        let to = &mut to[before.1..][..count];
        let plane = height * width;
        let from = &photos[image * channels * plane + at * width..];
        let none = simd.splat_f32s(0.0);
        let mut start = 0;
        while start < count {
            // The last sixteen overlap those before them.
            let first = if start + LANES <= count { start } else { count.saturating_sub(LANES) };
            let mut codes = [none; FOUR];
            for (channel, codes) in codes.iter_mut().enumerate().take(channels) {
                let from = &from[channel * plane + first..];
                let numbers: f32x16 = match from.first_chunk::<LANES>() {
                    Some(numbers) if first + LANES <= count => pulp::cast(*numbers),
                    _ => {
                        let mut numbers = [0.0; LANES];
                        numbers[..count - first].copy_from_slice(&from[..count - first]);
                        pulp::cast(numbers)
                    }
                };
                let by = simd.splat_f32s(scales.per_step()[channel]);
                *codes = simd.mul_add_e_f32s(numbers, by, simd.splat_f32s(zero(channel)));
            }
            let pixels = dots.pixels(codes);
            match to[first..].first_chunk_mut() {
                Some(to) => *to = pixels,
                None => to[first..].copy_from_slice(&pixels[..count - first]),
            }
            start += LANES;
        }
    }
}
