//! Scaled decoding of progressive JPEGs (T.81, annex G). The walk that finds whether all is there keeps the lowest
//! frequencies of each block; at 1/8 that is the DC coefficient alone.

use super::block::{ZIGZAG, coefficients_for};
use super::coverage::Coverage;
use super::idct::scaled_idct;
use super::scan::Planes;
use super::structure::{Component, Structure};
use super::walker::Walker;

/// Decodes the planes of an image in which each 8x8 pixels become `side` x `side`; `None` if a part is missing, or if the
/// components are none that are decoded here.
pub(super) fn decode_planes(bytes: &[u8], structure: &Structure, side: usize) -> Option<Planes> {
    if !structure.has_scalable_components() {
        return None;
    }
    let (h_max, v_max) = structure.most_blocks();
    let block_size = |one: &Component| (side * h_max / one.horizontal, side * v_max / one.vertical);
    let kept: Vec<usize> =
        structure.components.iter().map(|one| coefficients_for(block_size(one))).collect();
    let mut walker = Walker::new(structure, &kept);
    if structure.coverage_by(&mut walker, bytes) != Coverage::Whole {
        return None;
    }
    let mcus = |length: u32, blocks: usize| (length as usize).div_ceil(8 * blocks);
    let stride = mcus(structure.width, h_max) * h_max * side;
    let rows = mcus(structure.height, v_max) * v_max * side;
    let mut samples = Vec::with_capacity(3);
    for (component, blocks) in structure.components.iter().zip(&walker.blocks) {
        let (width, height) = block_size(component);
        let idct = scaled_idct(width, height)?;
        let steps = structure.quantisation_tables[component.quantisation_table].as_ref()?;
        let mut plane = vec![0; stride * rows];
        let mut block = [0.0; 64];
        for (number, low) in blocks.low().enumerate() {
            let (row, column) = (number / blocks.across, number % blocks.across);
            for ((&at, &step), &coefficient) in ZIGZAG.iter().zip(steps).zip(low) {
                block[usize::from(at)] = f32::from(coefficient) * f32::from(step);
            }
            let has_ac = low.iter().skip(1).any(|&coefficient| coefficient != 0);
            let out = &mut plane[row * height * stride + column * width..];
            idct.write(&mut block, has_ac, out, stride);
        }
        samples.push(plane);
    }
    Some(Planes { samples, stride })
}
