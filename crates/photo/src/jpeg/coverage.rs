//! How much of a JPEG's picture its data gives. Decoders fill what is missing with a flat colour and say nothing; so
//! this walks all codes of all scans, without decoding pixels, and counts blocks.

use super::bits::{BitReader, EntropyCodedSegments};
use super::huffman::HuffmanTable;
use super::skip_table::AcTable;
use super::structure::{Scan, Structure};

/// Bytes that may lie behind the last block of a scan: encoders pad.
const MOST_PADDING: usize = 16;

/// What of a picture there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Coverage {
    /// All.
    Whole,
    /// The data ends, or is damaged, after about this share of the picture, 0 to 1.
    Damaged(f32),
}

impl Structure {
    /// How much of the picture there is. Takes about as long as half of decoding it.
    pub(crate) fn coverage(&self, bytes: &[u8]) -> Coverage {
        let mut walker = Walker::new(self);
        let mut least = 1f32;
        let mut lowest_bits = vec![[u8::MAX; 64]; self.components.len()];
        for scan in &self.scans {
            let share = walker.walk(scan, &bytes[scan.data.clone()]);
            // The first scans are the whole picture; a later one only makes it sharper.
            let is_first = scan.spectrum.0 == 0 && scan.bits.0 == 0;
            if share < 1.0 {
                least = least.min(if is_first { share } else { 0.99 });
            }
            for component in &scan.components {
                let (from, to) = scan.spectrum;
                lowest_bits[component.number][usize::from(from)..=usize::from(to)]
                    .fill(scan.bits.1);
            }
        }
        let all = lowest_bits.len() as f32;
        let shown = lowest_bits.iter().filter(|bits| bits[0] != u8::MAX).count() as f32;
        least = least.min(shown / all);
        let is_sharp = lowest_bits.iter().flatten().all(|bit| *bit == 0);
        if least < 1.0 {
            Coverage::Damaged(least)
        } else if is_sharp || self.has_end_marker() {
            Coverage::Whole
        } else {
            Coverage::Damaged(0.99)
        }
    }
}

/// Walks scans; of progressive ones, it has to know which coefficients are not 0.
struct Walker<'a> {
    structure: &'a Structure,
    /// Blocks across and down of each component, as a scan of it alone has them.
    own_blocks: Vec<(usize, usize)>,
    /// Of each component, a bit for each coefficient of each block; empty for sequential JPEGs.
    nonzero: Vec<Vec<u64>>,
}

impl<'a> Walker<'a> {
    fn new(structure: &'a Structure) -> Self {
        let own_blocks: Vec<(usize, usize)> =
            structure.components.iter().map(|one| structure.own_blocks(one)).collect();
        let nonzero = match structure.is_progressive() {
            true => own_blocks.iter().map(|(across, down)| vec![0; across * down]).collect(),
            false => Vec::new(),
        };
        Self { structure, own_blocks, nonzero }
    }

    /// The share of a scan's MCUs that its data gives.
    fn walk(&mut self, scan: &Scan, data: &[u8]) -> f32 {
        let (mcus, blocks_of) = self.mcus(scan);
        let segments = EntropyCodedSegments::split(data);
        let per_segment = if scan.restart_interval == 0 { mcus } else { scan.restart_interval };
        if per_segment == 0 {
            return 0.0;
        }
        let Some(mut coder) = ScanWalker::new(scan, self.structure.is_progressive()) else {
            return 0.0;
        };
        let mut whole = 0;
        let wanted = mcus.div_ceil(per_segment);
        for number in 0..wanted.min(segments.len()) {
            let Some(mut bits) = segments.get(number) else { break };
            let these = per_segment.min(mcus - number * per_segment);
            coder.ended_blocks = 0;
            for mcu in 0..these {
                let at = number * per_segment + mcu;
                for (position, (component, blocks)) in
                    scan.components.iter().zip(&blocks_of).enumerate()
                {
                    for _ in 0..*blocks {
                        let mut none = 0;
                        let nonzero = match self.nonzero.get_mut(component.number) {
                            Some(of_component) if scan.components.len() == 1 => {
                                of_component.get_mut(at).unwrap_or(&mut none)
                            }
                            _ => &mut none,
                        };
                        if coder.block(&mut bits, position, nonzero).is_none() || bits.is_past_end()
                        {
                            return whole as f32 / mcus as f32;
                        }
                    }
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

    /// The number of a scan's MCUs, and the blocks of each component in one.
    fn mcus(&self, scan: &Scan) -> (usize, Vec<usize>) {
        if let [one] = &scan.components[..] {
            let (across, down) = self.own_blocks[one.number];
            return (across * down, vec![1]);
        }
        let (h, v) = self.structure.most_blocks();
        let mcus = |length: u32, blocks: usize| (length as usize).div_ceil(8 * blocks);
        let all = mcus(self.structure.width, h) * mcus(self.structure.height, v);
        let of_component = |number: usize| {
            let component = &self.structure.components[number];
            component.horizontal * component.vertical
        };
        (all, scan.components.iter().map(|one| of_component(one.number)).collect())
    }
}

/// Walks the blocks of one scan.
struct ScanWalker<'a> {
    /// Of each of the scan's components.
    dc: Vec<Option<&'a HuffmanTable>>,
    ac: Vec<Option<&'a AcTable>>,
    spectrum: (u32, u32),
    is_refinement: bool,
    is_progressive: bool,
    /// Blocks that a code before ended (EOBRUN in T.81, G.1.2.2).
    ended_blocks: u32,
}

impl<'a> ScanWalker<'a> {
    /// `None` if tables are missing.
    fn new(scan: &'a Scan, is_progressive: bool) -> Option<Self> {
        let (from, to) = (u32::from(scan.spectrum.0), u32::from(scan.spectrum.1));
        let is_refinement = scan.bits.0 > 0;
        let mut walker = Self {
            dc: Vec::new(),
            ac: Vec::new(),
            spectrum: (from, to),
            is_refinement,
            is_progressive,
            ended_blocks: 0,
        };
        for component in &scan.components {
            let (dc, ac) = (component.dc_table.as_deref(), component.ac_table.as_deref());
            let needs_dc = from == 0 && !is_refinement;
            if (needs_dc && dc.is_none()) || (to > 0 && ac.is_none()) {
                return None;
            }
            walker.dc.push(dc);
            walker.ac.push(ac);
        }
        // Progressive scans are of DC, or of AC of one component (T.81, G.1.1.1).
        let is_valid = !is_progressive || to == 0 || (from > 0 && scan.components.len() == 1);
        is_valid.then_some(walker)
    }

    /// Passes one block; `None` where its codes are invalid.
    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut BitReader<'_>,
        component: usize,
        nonzero: &mut u64,
    ) -> Option<()> {
        if self.spectrum.0 == 0 {
            if self.is_refinement {
                bits.peek()?;
                bits.consume(1);
                return Some(());
            }
            let (size, length) = self.dc[component]?.decode(bits.peek()?)?;
            if size > 16 {
                return None;
            }
            bits.consume(length + u32::from(size));
            if !self.is_progressive {
                let table = self.ac[component]?;
                table.skip().skip_block(bits, &table.codes, 1)?;
            }
            return Some(());
        }
        match self.is_refinement {
            true => self.refined_ac(bits, nonzero),
            false => self.first_ac(bits, nonzero),
        }
    }

    fn first_ac(&mut self, bits: &mut BitReader<'_>, nonzero: &mut u64) -> Option<()> {
        if self.ended_blocks > 0 {
            self.ended_blocks -= 1;
            return Some(());
        }
        let table = &self.ac[0]?.codes;
        let mut at = self.spectrum.0;
        while at <= self.spectrum.1 {
            let window = bits.peek()?;
            let (symbol, length) = table.decode(window)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size > 0 {
                bits.consume(length + size);
                at += run;
                if at > self.spectrum.1 {
                    return None;
                }
                *nonzero |= 1 << at;
                at += 1;
            } else if run == 15 {
                bits.consume(length);
                at += 16;
            } else {
                bits.consume(length + run);
                self.ended_blocks = (1 << run) - 1 + value(window << length, run);
                return Some(());
            }
        }
        Some(())
    }

    fn refined_ac(&mut self, bits: &mut BitReader<'_>, nonzero: &mut u64) -> Option<()> {
        let table = &self.ac[0]?.codes;
        let known = *nonzero;
        let is_known = |at: u32| known >> at & 1 == 1;
        let mut at = self.spectrum.0;
        if self.ended_blocks == 0 {
            while at <= self.spectrum.1 {
                let window = bits.peek()?;
                let (symbol, length) = table.decode(window)?;
                let (mut run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                match (run, size) {
                    (_, 1) => bits.consume(length + 1),
                    (15, 0) => bits.consume(length),
                    (_, 0) => {
                        bits.consume(length + run);
                        self.ended_blocks = (1 << run) + value(window << length, run);
                        break;
                    }
                    _ => return None,
                }
                // Each coefficient that is known has a bit; zeros are counted.
                while at <= self.spectrum.1 {
                    if is_known(at) {
                        bits.consume(1);
                    } else if run == 0 {
                        if size == 1 {
                            *nonzero |= 1 << at;
                        }
                        at += 1;
                        break;
                    } else {
                        run -= 1;
                    }
                    at += 1;
                }
            }
        }
        if self.ended_blocks > 0 {
            let left = (at..=self.spectrum.1).filter(|&at| is_known(at)).count();
            bits.consume(left as u32);
            self.ended_blocks -= 1;
        }
        Some(())
    }
}

/// Whether bytes behind a scan's last block are what encoders fill up with, and no codes that damage has left over.
pub(super) fn is_padding(left: &[u8]) -> bool {
    left.len() <= MOST_PADDING || left.iter().all(|byte| *byte == left[0])
}

/// The number that the first `size` of left-aligned bits are.
fn value(window: u64, size: u32) -> u32 {
    match size {
        0 => 0,
        _ => (window >> (64 - size)) as u32,
    }
}
