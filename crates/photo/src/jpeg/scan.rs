//! A scan's blocks, unit by unit.

use super::bits::Parts;
use super::blocks::Reader;
use super::codes::Skips;
use super::header::Header;
use super::inverse::{Pixels, inverse};

/// The pixels of each component, all at one resolution.
pub(super) struct Planes {
    pub(super) values: Vec<Vec<u8>>,
    /// Pixels from a row to the next: at least the picture's width.
    pub(super) stride: usize,
}

/// A component as it is read and written.
struct Channel<'a> {
    reader: Reader<'a>,
    pixels: Box<dyn Pixels>,
    plane: Vec<u8>,
    /// Blocks in a unit.
    blocks: (usize, usize),
    /// Pixels of a block.
    sides: (usize, usize),
}

/// The planes of a picture of which each 8 pixels across and down become `side`; `None` where they are damaged or
/// not decoded here.
pub(super) fn planes(bytes: &[u8], header: &Header, side: usize) -> Option<Planes> {
    let parts = Parts::of(bytes.get(header.scan..)?)?;
    let most = |of: fn(&super::header::Component) -> usize| header.components.iter().map(of).max();
    let (across, down) = (most(|c| c.across)?, most(|c| c.down)?);
    let units = |length: u32, blocks: usize| (length as usize).div_ceil(8 * blocks);
    let (wide, high) = (units(header.width, across), units(header.height, down));
    let stride = wide * across * side;
    let skips: [Option<Skips>; 4] =
        std::array::from_fn(|number| header.ac[number].as_ref().map(Skips::of));
    let mut channels = Vec::with_capacity(3);
    for component in &header.components {
        let sides = (side * across / component.across, side * down / component.down);
        let tables = (
            header.dc.get(component.dc)?.as_ref()?,
            header.ac.get(component.ac)?.as_ref()?,
            skips.get(component.ac)?.as_ref()?,
        );
        channels.push(Channel {
            reader: Reader::new(tables, header.steps[component.steps].as_ref()?, sides),
            pixels: inverse(sides.0, sides.1)?,
            plane: vec![0; stride * high * down * side],
            blocks: (component.across, component.down),
            sides,
        });
    }
    let in_part = if header.restart == 0 { wide * high } else { header.restart };
    if parts.len() != (wide * high).div_ceil(in_part) {
        return None;
    }
    let mut block = [0.0; 64];
    for number in 0..parts.len() {
        let mut bits = parts.get(number)?;
        channels.iter_mut().for_each(|channel| channel.reader.restart());
        for unit in number * in_part..((number + 1) * in_part).min(wide * high) {
            let (row, column) = (unit / wide, unit % wide);
            for channel in &mut channels {
                let (blocks_across, blocks_down) = channel.blocks;
                for (y, x) in (0..blocks_down).flat_map(|y| (0..blocks_across).map(move |x| (y, x)))
                {
                    let has_more = channel.reader.read(&mut bits, &mut block)?;
                    let top = (row * blocks_down + y) * channel.sides.1;
                    let left = (column * blocks_across + x) * channel.sides.0;
                    let out = &mut channel.plane[top * stride + left..];
                    channel.pixels.write(&mut block, has_more, out, stride);
                }
            }
            if bits.is_over() {
                return None;
            }
        }
    }
    Some(Planes { values: channels.into_iter().map(|channel| channel.plane).collect(), stride })
}
