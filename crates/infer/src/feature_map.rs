//! Feature maps in a blocked NHWC layout, oneDNN's `nChw16c` with as many channels per block as a vector has lanes.

use std::ops::Range;

use pulp::bytemuck;

use crate::aligned::AlignedVec;
use crate::int8::scales::QuantParams;
use crate::int8::simd::LANES;

/// Shape of a batch of feature maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Images in the batch (N).
    pub images: usize,
    /// Channels (C).
    pub channels: usize,
    /// Rows (H).
    pub height: usize,
    /// Columns (W).
    pub width: usize,
}

impl Shape {
    /// Spatial positions of all images.
    pub(crate) fn positions(self) -> usize {
        self.images * self.height * self.width
    }
}

/// A batch of feature maps, `(channel blocks, images, height, width, lanes)`.
///
/// So the vectors of neighbouring positions are adjacent, across images too, and a channel block is one slice.
/// Channels that fill up the last block are 0.
///
/// The elements are f32, or uint8 with 16 lanes, four in the memory of an f32.
pub(crate) struct FeatureMap {
    pub(crate) shape: Shape,
    pub(crate) lanes: usize,
    pub(crate) data: AlignedVec,
}

impl FeatureMap {
    /// A zeroed uint8 map.
    pub(crate) fn quantised(shape: Shape) -> Self {
        let data = AlignedVec::zeros(Self::len(shape, LANES) / size_of::<f32>());
        Self { shape, lanes: LANES, data }
    }

    /// Elements of a map, those that fill up the last block included.
    pub(crate) fn len(shape: Shape, lanes: usize) -> usize {
        shape.channels.div_ceil(lanes) * shape.positions() * lanes
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn as_f32(&self) -> &[f32] {
        self.data.as_slice()
    }

    /// The elements of a uint8 map.
    pub(crate) fn as_u8(&self) -> &[u8] {
        bytemuck::cast_slice(self.data.as_slice())
    }

    /// Elements from one channel block to the next.
    pub(crate) fn block_stride(&self) -> usize {
        self.shape.positions() * self.lanes
    }

    /// The elements as NCHW: `(images, channels, height, width)`.
    pub(crate) fn to_nchw(&self) -> Vec<f32> {
        let Shape { images, channels, height, width } = self.shape;
        let (lanes, area) = (self.lanes, height * width);
        let mut nchw = vec![0f32; images * channels * area];
        for (at, plane) in nchw.chunks_exact_mut(area.max(1)).enumerate() {
            let (image, channel) = (at / channels, at % channels);
            let stride = self.block_stride();
            let block = &self.as_f32()[channel / lanes * stride..][..stride];
            let from = block[image * area * lanes..].iter().skip(channel % lanes).step_by(lanes);
            plane.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        nchw
    }

    /// [`Self::to_nchw`] of a uint8 map, dequantised.
    pub(crate) fn dequantised(&self, quant: &QuantParams) -> Vec<f32> {
        let lanes = self.lanes;
        let mut data = AlignedVec::zeros(Self::len(self.shape, lanes));
        let to = data.as_mut_slice().chunks_exact_mut(lanes);
        let vectors = self.as_u8().chunks_exact(lanes).zip(to).enumerate();
        for (at, (from, to)) in vectors {
            let block = at / self.shape.positions().max(1) * lanes;
            for (lane, (q, to)) in from.iter().zip(to).enumerate() {
                let channel = block + lane;
                let (scale, zero_point) = (quant.scales()[channel], quant.zero_points()[channel]);
                *to = (f32::from(*q) - zero_point) * scale;
            }
        }
        Self { shape: self.shape, lanes, data }.to_nchw()
    }

    /// Splits the map into parts that can be written concurrently: each range of blocks with each range of positions.
    /// Either list of ranges is consecutive and covers everything.
    pub(crate) fn parts(
        &mut self,
        blocks: &[Range<usize>],
        positions: &[Range<usize>],
    ) -> Vec<OutputPart<'_, f32>> {
        let (stride, lanes) = (self.block_stride(), self.lanes);
        parts(self.data.as_mut_slice(), (stride, lanes), blocks, positions)
    }

    /// [`Self::parts`] of a uint8 map.
    pub(crate) fn u8_parts(
        &mut self,
        blocks: &[Range<usize>],
        positions: &[Range<usize>],
    ) -> Vec<OutputPart<'_, u8>> {
        let (stride, lanes) = (self.block_stride(), self.lanes);
        let bytes = bytemuck::cast_slice_mut(self.data.as_mut_slice());
        parts(bytes, (stride, lanes), blocks, positions)
    }
}

fn parts<'a, T>(
    all: &'a mut [T],
    (block_stride, lanes): (usize, usize),
    blocks: &[Range<usize>],
    positions: &[Range<usize>],
) -> Vec<OutputPart<'a, T>> {
    let mut parts: Vec<OutputPart<T>> = blocks
        .iter()
        .flat_map(|blocks| positions.iter().map(move |positions| (blocks, positions)))
        .map(|(blocks, positions)| OutputPart {
            blocks: blocks.clone(),
            positions: positions.clone(),
            outs: Vec::with_capacity(blocks.len()),
        })
        .collect();
    let mut all_blocks = all.chunks_exact_mut(block_stride.max(1));
    for (at, blocks) in blocks.iter().enumerate() {
        for mut rest in all_blocks.by_ref().take(blocks.len()) {
            for (part, positions) in parts[at * positions.len()..].iter_mut().zip(positions) {
                let (now, later) = rest.split_at_mut(positions.len() * lanes);
                part.outs.push(now);
                rest = later;
            }
        }
    }
    parts
}

/// The part of an output that one thread writes.
pub(crate) struct OutputPart<'a, T = f32> {
    pub(crate) blocks: Range<usize>,
    pub(crate) positions: Range<usize>,
    /// For each block, the vectors of the positions.
    pub(crate) outs: Vec<&'a mut [T]>,
}

/// Splits `0..count` into at most `parts` consecutive ranges whose lengths differ by one at most.
pub(crate) fn split_evenly(
    count: usize,
    parts: usize,
) -> impl Iterator<Item = Range<usize>> + Clone {
    let parts = parts.clamp(1, count.max(1));
    (0..parts).map(move |part| part * count / parts..(part + 1) * count / parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_map_once() {
        let shape = Shape { images: 2, channels: 37, height: 3, width: 5 };
        let data = AlignedVec::zeros(FeatureMap::len(shape, 8));
        let mut map = FeatureMap { shape, lanes: 8, data };
        let blocks: Vec<_> = split_evenly(5, 2).collect();
        let positions: Vec<_> = split_evenly(30, 4).collect();
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
        let nchw = map.to_nchw();
        for (at, &found) in nchw.iter().enumerate() {
            let (image, channel, position) = (at / (37 * 15), at / 15 % 37, at % 15);
            assert_eq!(found, (channel / 8 * 1000 + image * 15 + position) as f32);
        }
    }
}
