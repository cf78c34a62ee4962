//! The codes of one scan: sequential blocks are passed over, those of progressive scans decoded (T.81, annex G).

use super::bits::BitReader;
use super::huffman::{HuffmanTable, extend};
use super::skip_table::AcTable;
use super::structure::Scan;

/// Walks the blocks of one scan.
pub(super) struct ScanCodes<'a> {
    /// Of each of the scan's components.
    dc: Vec<Option<&'a HuffmanTable>>,
    ac: Vec<Option<&'a AcTable>>,
    /// DC coefficient of the previous block of each component (PRED in T.81).
    dc_predictors: Vec<i32>,
    spectrum: (u32, u32),
    /// The bit that this scan ends at (Al in T.81).
    low_bit: u32,
    is_refinement: bool,
    is_progressive: bool,
    /// Blocks that a code before ended (EOBRUN in T.81, G.1.2.2).
    ended_blocks: u32,
}

impl<'a> ScanCodes<'a> {
    /// `None` if tables are missing.
    pub(super) fn new(scan: &'a Scan, is_progressive: bool) -> Option<Self> {
        let (from, to) = (u32::from(scan.spectrum.0), u32::from(scan.spectrum.1));
        let is_refinement = scan.bits.0 > 0;
        let mut codes = Self {
            dc: Vec::new(),
            ac: Vec::new(),
            dc_predictors: vec![0; scan.components.len()],
            spectrum: (from, to),
            low_bit: u32::from(scan.bits.1),
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
            codes.dc.push(dc);
            codes.ac.push(ac);
        }
        // Progressive scans are of DC, or of AC of one component (T.81, G.1.1.1).
        let is_valid = !is_progressive || to == 0 || (from > 0 && scan.components.len() == 1);
        is_valid.then_some(codes)
    }

    /// Begins a restart interval.
    pub(super) fn restart(&mut self) {
        self.ended_blocks = 0;
        self.dc_predictors.fill(0);
    }

    /// Passes one block; `None` where its codes are invalid. `nonzero` has a bit for each coefficient that is not 0,
    /// `low` the first coefficients in zigzag order, as many as are wanted.
    #[inline(always)]
    pub(super) fn block(
        &mut self,
        bits: &mut BitReader<'_>,
        component: usize,
        nonzero: &mut u64,
        low: &mut [i16],
    ) -> Option<()> {
        if self.spectrum.0 == 0 {
            return self.dc(bits, component, low);
        }
        match self.is_refinement {
            true => self.refined_ac(bits, nonzero, low),
            false => self.first_ac(bits, nonzero, low),
        }
    }

    /// The DC coefficient of a progressive block; all of a sequential one.
    #[inline(always)]
    fn dc(&mut self, bits: &mut BitReader<'_>, component: usize, low: &mut [i16]) -> Option<()> {
        let window = bits.peek()?;
        if self.is_refinement {
            bits.consume(1);
            if let Some(dc) = low.first_mut() {
                *dc |= (value(window, 1) << self.low_bit) as i16;
            }
            return Some(());
        }
        let (size, length) = self.dc[component]?.decode(window)?;
        if size > 16 {
            return None;
        }
        bits.consume(length + u32::from(size));
        if !self.is_progressive {
            let table = self.ac[component]?;
            return table.skip().skip_block(bits, &table.codes, 1);
        }
        let predictor = &mut self.dc_predictors[component];
        *predictor = predictor.wrapping_add(extend(window << length, u32::from(size)));
        if let Some(dc) = low.first_mut() {
            *dc = (*predictor << self.low_bit) as i16;
        }
        Some(())
    }

    fn first_ac(
        &mut self,
        bits: &mut BitReader<'_>,
        nonzero: &mut u64,
        low: &mut [i16],
    ) -> Option<()> {
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
                if let Some(coefficient) = low.get_mut(at as usize) {
                    *coefficient = (extend(window << length, size) << self.low_bit) as i16;
                }
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

    fn refined_ac(
        &mut self,
        bits: &mut BitReader<'_>,
        nonzero: &mut u64,
        low: &mut [i16],
    ) -> Option<()> {
        let table = &self.ac[0]?.codes;
        let step = (1i32 << self.low_bit) as i16;
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
                        correct(bits, low.get_mut(at as usize), step)?;
                    } else if run == 0 {
                        if size == 1 {
                            *nonzero |= 1 << at;
                            if let Some(coefficient) = low.get_mut(at as usize) {
                                let is_positive = value(window << length, 1) == 1;
                                *coefficient = if is_positive { step } else { -step };
                            }
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
            self.ended_blocks -= 1;
            let end = self.spectrum.1 + 1;
            let (first_unwanted, from) = (end.min(low.len() as u32).max(at), at);
            for at in (from..first_unwanted).filter(|&at| is_known(at)) {
                correct(bits, low.get_mut(at as usize), step)?;
            }
            let left = (first_unwanted..end).filter(|&at| is_known(at)).count();
            bits.consume(left as u32);
        }
        Some(())
    }
}

/// Passes the correction bit of a coefficient that is not 0, and corrects it if it is wanted.
#[inline(always)]
fn correct(bits: &mut BitReader<'_>, coefficient: Option<&mut i16>, step: i16) -> Option<()> {
    if let Some(coefficient) = coefficient
        && value(bits.peek()?, 1) == 1
    {
        let change = if *coefficient < 0 { step.wrapping_neg() } else { step };
        *coefficient = coefficient.wrapping_add(change);
    }
    bits.consume(1);
    Some(())
}

/// The number that the first `size` of left-aligned bits are.
fn value(window: u64, size: u32) -> u32 {
    match size {
        0 => 0,
        _ => (window >> (64 - size)) as u32,
    }
}
