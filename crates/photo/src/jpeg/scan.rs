//! Decodes a scan into component planes, MCU by MCU (minimum coded unit: the blocks of all components that cover the
//! same pixels; T.81, A.2).

use super::bits::EntropyCodedSegments;
use super::block::{BlockDecoder, EntropyTables};
use super::header::{Component, Header};
use super::idct::{Idct, scaled_idct};
use super::skip_table::SkipTable;

/// The samples of each component, all at the resolution of the first.
pub(super) struct Planes {
    pub(super) samples: Vec<Vec<u8>>,
    /// Samples from one row to the next: the image's width or more.
    pub(super) stride: usize,
}

/// Decodes one component's blocks into its plane.
struct ComponentDecoder<'a> {
    blocks: BlockDecoder<'a>,
    idct: Box<dyn Idct>,
    plane: Vec<u8>,
    /// Blocks across and down in an MCU.
    sampling: (usize, usize),
    /// Width and height of a scaled block, chroma upsampling included.
    block_size: (usize, usize),
}

/// Decodes the planes of an image in which each 8x8 pixels become `side` x `side`; `None` if the data is damaged or not
/// decoded here.
pub(super) fn decode_planes(bytes: &[u8], header: &Header, side: usize) -> Option<Planes> {
    let segments = EntropyCodedSegments::split(bytes.get(header.scan..)?)?;
    let max = |of: fn(&Component) -> usize| header.components.iter().map(of).max();
    let (h_max, v_max) = (max(|c| c.horizontal)?, max(|c| c.vertical)?);
    let mcus = |length: u32, blocks: usize| (length as usize).div_ceil(8 * blocks);
    let (mcus_across, mcus_down) = (mcus(header.width, h_max), mcus(header.height, v_max));
    let all_mcus = mcus_across * mcus_down;
    let stride = mcus_across * h_max * side;
    let skip_tables: [Option<SkipTable>; 4] =
        std::array::from_fn(|number| header.ac_tables[number].as_ref().map(SkipTable::new));
    let mut components = Vec::with_capacity(3);
    for component in &header.components {
        let block_size = (side * h_max / component.horizontal, side * v_max / component.vertical);
        let tables = EntropyTables {
            dc: header.dc_tables.get(component.dc_table)?.as_ref()?,
            ac: header.ac_tables.get(component.ac_table)?.as_ref()?,
            skip: skip_tables.get(component.ac_table)?.as_ref()?,
        };
        let quantisation = header.quantisation_tables[component.quantisation_table].as_ref()?;
        components.push(ComponentDecoder {
            blocks: BlockDecoder::new(tables, quantisation, block_size),
            idct: scaled_idct(block_size.0, block_size.1)?,
            plane: vec![0; stride * mcus_down * v_max * side],
            sampling: (component.horizontal, component.vertical),
            block_size,
        });
    }
    let per_segment = if header.restart_interval == 0 { all_mcus } else { header.restart_interval };
    if segments.len() != all_mcus.div_ceil(per_segment) {
        return None;
    }
    let mut block = [0.0; 64];
    for segment in 0..segments.len() {
        let mut bits = segments.get(segment)?;
        components.iter_mut().for_each(|component| component.blocks.reset());
        for mcu in segment * per_segment..((segment + 1) * per_segment).min(all_mcus) {
            let (row, column) = (mcu / mcus_across, mcu % mcus_across);
            for component in &mut components {
                let (across, down) = component.sampling;
                for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
                    let has_ac = component.blocks.decode(&mut bits, &mut block)?;
                    let top = (row * down + y) * component.block_size.1;
                    let left = (column * across + x) * component.block_size.0;
                    let out = &mut component.plane[top * stride + left..];
                    component.idct.write(&mut block, has_ac, out, stride);
                }
            }
            if bits.is_past_end() {
                return None;
            }
        }
    }
    Some(Planes { samples: components.into_iter().map(|one| one.plane).collect(), stride })
}
