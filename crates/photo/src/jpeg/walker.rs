//! Walks the codes of all scans of a JPEG, block by block: to know that they are there and, of a progressive JPEG, what
//! its lowest frequencies are.

use super::bits::{BitReader, EntropyCodedSegments};
use super::scan_codes::ScanCodes;
use super::structure::{Component, Scan, Structure};

/// Bytes that may lie behind the last block of a scan: encoders pad.
const MOST_PADDING: usize = 16;

/// Walks scans.
pub(super) struct Walker<'a> {
    structure: &'a Structure,
    /// Of each component.
    pub(super) blocks: Vec<Blocks>,
}

/// The blocks of a component that hold pixels, row by row, and what is known of each. Of sequential JPEGs nothing is:
/// a block is in one scan.
pub(super) struct Blocks {
    pub(super) across: usize,
    pub(super) down: usize,
    /// A bit for each coefficient that is not 0.
    nonzero: Vec<u64>,
    /// The first `kept` coefficients of each block, in zigzag order.
    low: Vec<i16>,
    kept: usize,
}

impl Blocks {
    fn new(structure: &Structure, component: &Component, kept: usize) -> Self {
        let (across, down) = structure.own_blocks(component);
        let known = if structure.is_progressive() { across * down } else { 0 };
        Self { across, down, nonzero: vec![0; known], low: vec![0; known * kept], kept }
    }

    /// The kept coefficients of each block.
    pub(super) fn low(&self) -> impl Iterator<Item = &[i16]> {
        self.low.chunks_exact(self.kept.max(1))
    }
}

impl<'a> Walker<'a> {
    /// Keeps the first `kept` coefficients, in zigzag order, of each component of a progressive JPEG; none where `kept`
    /// ends.
    pub(super) fn new(structure: &'a Structure, kept: &[usize]) -> Self {
        let kept = kept.iter().copied().chain(std::iter::repeat(0));
        let blocks = structure.components.iter().zip(kept);
        let blocks = blocks.map(|(one, kept)| Blocks::new(structure, one, kept)).collect();
        Self { structure, blocks }
    }

    /// The share of a scan's MCUs that its data gives.
    pub(super) fn walk(&mut self, scan: &Scan, data: &[u8]) -> f32 {
        let layout = self.layout(scan);
        let mcus = layout.across * layout.down;
        let segments = EntropyCodedSegments::split(data);
        let per_segment = if scan.restart_interval == 0 { mcus } else { scan.restart_interval };
        if per_segment == 0 {
            return 0.0;
        }
        let Some(mut codes) = ScanCodes::new(scan, self.structure.is_progressive()) else {
            return 0.0;
        };
        let mut whole = 0;
        let wanted = mcus.div_ceil(per_segment);
        for number in 0..wanted.min(segments.len()) {
            let Some(mut bits) = segments.get(number) else { break };
            let these = per_segment.min(mcus - number * per_segment);
            codes.restart();
            for mcu in number * per_segment..number * per_segment + these {
                let is_there = self.walk_mcu(scan, &layout, mcu, &mut codes, &mut bits);
                if is_there.is_none() || bits.is_past_end() {
                    return whole as f32 / mcus as f32;
                }
                whole += 1;
            }
            // Without an end marker, what follows is a phone's trailer.
            if self.structure.has_end_marker() && !is_padding(bits.left()) {
                // Codes are missing before: these would be the picture's last.
                return (whole as f32 / mcus as f32).min(0.99);
            }
        }
        match segments.len() >= wanted {
            true => 1.0,
            false => whole as f32 / mcus as f32,
        }
    }

    #[inline(always)]
    fn walk_mcu(
        &mut self,
        scan: &Scan,
        layout: &Layout,
        mcu: usize,
        codes: &mut ScanCodes<'_>,
        bits: &mut BitReader<'_>,
    ) -> Option<()> {
        for (position, (component, &(h, v))) in
            scan.components.iter().zip(&layout.blocks).enumerate()
        {
            let known = &mut self.blocks[component.number];
            for number in 0..h * v {
                let at = match scan.components.len() {
                    1 => mcu,
                    _ if known.nonzero.is_empty() => 0,
                    _ => {
                        let row = mcu / layout.across * v + number / h;
                        let column = mcu % layout.across * h + number % h;
                        // An MCU may reach beyond the component's last blocks.
                        let is_own = row < known.down && column < known.across;
                        if is_own { row * known.across + column } else { usize::MAX }
                    }
                };
                let (mut zeros, mut none) = (0, [0i16; 0]);
                let (nonzero, low) = match known.nonzero.get_mut(at) {
                    Some(nonzero) => (nonzero, &mut known.low[at * known.kept..][..known.kept]),
                    None => (&mut zeros, &mut none[..]),
                };
                codes.block(bits, position, nonzero, low)?;
            }
        }
        Some(())
    }

    fn layout(&self, scan: &Scan) -> Layout {
        if let [one] = &scan.components[..] {
            let Blocks { across, down, .. } = self.blocks[one.number];
            return Layout { across, down, blocks: vec![(1, 1)] };
        }
        let (h, v) = self.structure.most_blocks();
        let mcus = |length: u32, blocks: usize| (length as usize).div_ceil(8 * blocks);
        let of = |number: usize| {
            let component = &self.structure.components[number];
            (component.horizontal, component.vertical)
        };
        Layout {
            across: mcus(self.structure.width, h),
            down: mcus(self.structure.height, v),
            blocks: scan.components.iter().map(|one| of(one.number)).collect(),
        }
    }
}

/// The MCUs of a scan.
struct Layout {
    across: usize,
    down: usize,
    /// Blocks across and down in an MCU, of each of the scan's components.
    blocks: Vec<(usize, usize)>,
}

/// Whether bytes behind a scan's last block are what encoders fill up with, and no codes that damage has left over.
pub(super) fn is_padding(left: &[u8]) -> bool {
    left.len() <= MOST_PADDING || left.iter().all(|byte| *byte == left[0])
}
