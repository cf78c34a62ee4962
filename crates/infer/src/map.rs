//! Feature maps as the kernels like them.

use std::ops::Range;

use pulp::bytemuck;

use crate::aligned::Aligned;
use crate::bytes::dots::LANES;
use crate::bytes::scales::Scales;

/// Sides of a stack of feature maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Photos.
    pub images: usize,
    /// Numbers at each position.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Positions of all photos.
    pub(crate) fn positions(self) -> usize {
        self.images * self.height * self.width
    }
}

/// Feature maps of a batch: blocks of as many channels as a vector has lanes; in each the photos; of
/// each photo its rows; and at each position a vector.
///
/// So the inputs of neighbouring positions lie next to each other, whatever photo they are of, and a
/// block of channels is one slice. Channels that fill up the last block are zero.
///
/// Or the same of codes, a byte each, four in the room of a number.
pub(crate) struct Map {
    pub(crate) shape: Shape,
    pub(crate) lanes: usize,
    pub(crate) numbers: Aligned,
}

impl Map {
    /// Room for codes.
    pub(crate) fn of_codes(shape: Shape) -> Self {
        let numbers = Aligned::zeros(Self::len(shape, LANES) / size_of::<f32>());
        Self { shape, lanes: LANES, numbers }
    }

    pub(crate) fn len(shape: Shape, lanes: usize) -> usize {
        shape.channels.div_ceil(lanes) * shape.positions() * lanes
    }

    /// Its sides.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn numbers(&self) -> &[f32] {
        self.numbers.as_slice()
    }

    /// Of a map of codes.
    pub(crate) fn codes(&self) -> &[u8] {
        bytemuck::cast_slice(self.numbers.as_slice())
    }

    /// Numbers (or codes) from a block of channels to the next.
    pub(crate) fn plane(&self) -> usize {
        self.shape.positions() * self.lanes
    }

    /// `(images, channels, height, width)`, one number after the other.
    pub(crate) fn to_planar(&self) -> Vec<f32> {
        let Shape { images, channels, height, width } = self.shape;
        let (lanes, area) = (self.lanes, height * width);
        let mut planar = vec![0f32; images * channels * area];
        for (at, plane) in planar.chunks_exact_mut(area.max(1)).enumerate() {
            let (image, channel) = (at / channels, at % channels);
            let block = &self.numbers()[channel / lanes * self.plane()..][..self.plane()];
            let from = block[image * area * lanes..].iter().skip(channel % lanes).step_by(lanes);
            plane.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        planar
    }

    /// The same of a map of codes.
    pub(crate) fn decoded(&self, scales: &Scales) -> Vec<f32> {
        let lanes = self.lanes;
        let mut numbers = Aligned::zeros(Self::len(self.shape, lanes));
        let to = numbers.as_mut_slice().chunks_exact_mut(lanes);
        let vectors = self.codes().chunks_exact(lanes).zip(to).enumerate();
        for (at, (from, to)) in vectors {
            let block = at / self.shape.positions().max(1) * lanes;
            for (lane, (code, to)) in from.iter().zip(to).enumerate() {
                let (step, zero) = (scales.steps()[block + lane], scales.zeros()[block + lane]);
                *to = (f32::from(*code) - zero) * step;
            }
        }
        Self { shape: self.shape, lanes, numbers }.to_planar()
    }

    /// Parts that can be written at the same time: each of the ranges of blocks with each of the
    /// ranges of positions. Either kind of ranges follows on one another, from 0 to the end.
    pub(crate) fn parts(
        &mut self,
        blocks: &[Range<usize>],
        positions: &[Range<usize>],
    ) -> Vec<Part<'_, f32>> {
        let (plane, lanes) = (self.plane(), self.lanes);
        parts(self.numbers.as_mut_slice(), (plane, lanes), blocks, positions)
    }

    /// The same of a map of codes.
    pub(crate) fn code_parts(
        &mut self,
        blocks: &[Range<usize>],
        positions: &[Range<usize>],
    ) -> Vec<Part<'_, u8>> {
        let (plane, lanes) = (self.plane(), self.lanes);
        let codes = bytemuck::cast_slice_mut(self.numbers.as_mut_slice());
        parts(codes, (plane, lanes), blocks, positions)
    }
}

fn parts<'a, T>(
    all: &'a mut [T],
    (plane, lanes): (usize, usize),
    blocks: &[Range<usize>],
    positions: &[Range<usize>],
) -> Vec<Part<'a, T>> {
    let mut parts: Vec<Part<T>> = blocks
        .iter()
        .flat_map(|blocks| positions.iter().map(move |positions| (blocks, positions)))
        .map(|(blocks, positions)| Part {
            blocks: blocks.clone(),
            positions: positions.clone(),
            outs: Vec::with_capacity(blocks.len()),
        })
        .collect();
    let mut planes = all.chunks_exact_mut(plane.max(1));
    for (at, blocks) in blocks.iter().enumerate() {
        for mut rest in planes.by_ref().take(blocks.len()) {
            for (part, positions) in parts[at * positions.len()..].iter_mut().zip(positions) {
                let (now, later) = rest.split_at_mut(positions.len() * lanes);
                part.outs.push(now);
                rest = later;
            }
        }
    }
    parts
}

/// What one thread writes of a map.
pub(crate) struct Part<'a, T = f32> {
    pub(crate) blocks: Range<usize>,
    pub(crate) positions: Range<usize>,
    /// The positions' vectors, for each block.
    pub(crate) outs: Vec<&'a mut [T]>,
}

/// `0..count` in at most `parts` ranges that follow one another and differ by one at most.
pub(crate) fn ranges(count: usize, parts: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let parts = parts.clamp(1, count.max(1));
    (0..parts).map(move |part| part * count / parts..(part + 1) * count / parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_map_once() {
        let shape = Shape { images: 2, channels: 37, height: 3, width: 5 };
        let numbers = Aligned::zeros(Map::len(shape, 8));
        let mut map = Map { shape, lanes: 8, numbers };
        let blocks: Vec<_> = ranges(5, 2).collect();
        let positions: Vec<_> = ranges(30, 4).collect();
        let parts = map.parts(&blocks, &positions);
        assert_eq!(parts.len(), 8);
        for part in parts {
            assert_eq!(part.outs.len(), part.blocks.len());
            for (block, out) in part.blocks.zip(part.outs) {
                assert_eq!(out.len(), part.positions.len() * 8);
                for (position, out) in part.positions.clone().zip(out.chunks_exact_mut(8)) {
                    out.iter_mut().for_each(|x| *x += (block * 1000 + position) as f32);
                }
            }
        }
        let planar = map.to_planar();
        for (at, &found) in planar.iter().enumerate() {
            let (image, channel, position) = (at / (37 * 15), at / 15 % 37, at % 15);
            assert_eq!(found, (channel / 8 * 1000 + image * 15 + position) as f32);
        }
    }
}
