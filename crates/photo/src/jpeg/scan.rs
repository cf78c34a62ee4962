//! Decodes a scan into component planes, MCU by MCU (minimum coded unit: the blocks of all components that cover the
//! same pixels; T.81, A.2).

use super::bits::EntropyCodedSegments;
use super::block::{BlockDecoder, EntropyTables};
use super::idct::{Idct, scaled_idct};
use super::structure::Structure;
use super::walker::is_padding;

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
pub(super) fn decode_planes(bytes: &[u8], structure: &Structure, side: usize) -> Option<Planes> {
    let scan = structure.only_scan().filter(|_| structure.has_scalable_components())?;
    let segments = EntropyCodedSegments::split(&bytes[scan.data.clone()]);
    // A scan of one component is not interleaved: an MCU is one block, whatever the factors.
    let is_grey = structure.components.len() == 1;
    let (h_max, v_max) = if is_grey { (1, 1) } else { structure.most_blocks() };
    let mcus = |length: u32, blocks: usize| (length as usize).div_ceil(8 * blocks);
    let (mcus_across, mcus_down) = (mcus(structure.width, h_max), mcus(structure.height, v_max));
    let all_mcus = mcus_across * mcus_down;
    let stride = mcus_across * h_max * side;
    let mut components = Vec::with_capacity(3);
    for in_scan in &scan.components {
        let component = &structure.components[in_scan.number];
        let sampling = if is_grey { (1, 1) } else { (component.horizontal, component.vertical) };
        let block_size = (side * h_max / sampling.0, side * v_max / sampling.1);
        let (dc, ac) = (in_scan.dc_table.as_ref()?, in_scan.ac_table.as_ref()?);
        let tables = EntropyTables { dc, ac: &ac.codes, skip: ac.skip() };
        let quantisation = structure.quantisation_tables[component.quantisation_table].as_ref()?;
        components.push(ComponentDecoder {
            blocks: BlockDecoder::new(tables, quantisation, block_size),
            idct: scaled_idct(block_size.0, block_size.1)?,
            plane: vec![0; stride * mcus_down * v_max * side],
            sampling,
            block_size,
        });
    }
    let per_segment = if scan.restart_interval == 0 { all_mcus } else { scan.restart_interval };
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
        // Codes are missing before.
        if structure.has_end_marker() && !is_padding(bits.left()) {
            return None;
        }
    }
    Some(Planes { samples: components.into_iter().map(|one| one.plane).collect(), stride })
}
