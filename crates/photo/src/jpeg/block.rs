//! Decodes and dequantises the low-frequency DCT coefficients of a block (T.81, F.2.2).

use super::bits::BitReader;
use super::huffman::{AcSymbol, HuffmanTable, extend};
use super::skip_table::SkipTable;

/// Position in a block, row by row, of each coefficient in zigzag order (T.81, figure A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Coefficients to decode, in zigzag order, for the lowest `width` x `height` frequencies.
pub(super) fn coefficients_for((width, height): (usize, usize)) -> usize {
    let is_needed = |&at: &u8| usize::from(at % 8) < width && usize::from(at / 8) < height;
    ZIGZAG.iter().rposition(is_needed).map_or(1, |last| last + 1)
}

/// The Huffman tables of a component.
#[derive(Clone, Copy)]
pub(super) struct EntropyTables<'a> {
    pub(super) dc: &'a HuffmanTable,
    pub(super) ac: &'a HuffmanTable,
    /// Skips codes of `ac`.
    pub(super) skip: &'a SkipTable,
}

/// Decodes the blocks of one component.
pub(super) struct BlockDecoder<'a> {
    tables: EntropyTables<'a>,
    /// Quantisation table in zigzag order.
    quantisation: [f32; 64],
    /// Coefficients to decode, in zigzag order; the rest is skipped.
    decoded: u32,
    /// DC coefficient of the previous block (PRED in T.81).
    dc_predictor: i32,
}

impl<'a> BlockDecoder<'a> {
    /// Decodes the lowest frequencies, for a scaled block of `size` pixels across and down.
    pub(super) fn new(
        tables: EntropyTables<'a>,
        quantisation: &[u16; 64],
        size: (usize, usize),
    ) -> Self {
        let decoded = coefficients_for(size);
        let quantisation = quantisation.map(f32::from);
        Self { tables, quantisation, decoded: decoded as u32, dc_predictor: 0 }
    }

    /// Resets the DC prediction, as after a restart marker.
    pub(super) fn reset(&mut self) {
        self.dc_predictor = 0;
    }

    /// Decodes a block into `block`, row by row; coefficients that are not needed may stay 0. Returns whether any AC
    /// coefficient was decoded; `None` if the data is invalid.
    #[inline(always)]
    pub(super) fn decode(&mut self, bits: &mut BitReader, block: &mut [f32; 64]) -> Option<bool> {
        let window = bits.peek()?;
        let (size, length) = self.tables.dc.decode(window)?;
        if size > 11 {
            return None;
        }
        bits.consume(length + u32::from(size));
        let difference = extend(window << length, u32::from(size));
        self.dc_predictor = self.dc_predictor.wrapping_add(difference);
        block[0] = self.dc_predictor as f32 * self.quantisation[0];
        let (mut at, mut has_ac) = (1, false);
        while at < self.decoded {
            let window = bits.peek()?;
            let (symbol, length) = self.tables.ac.decode(window)?;
            match AcSymbol::parse(symbol)? {
                AcSymbol::EndOfBlock => {
                    bits.consume(length);
                    return Some(has_ac);
                }
                AcSymbol::ZeroRun => {
                    bits.consume(length);
                    at += 16;
                }
                AcSymbol::Coefficient { run, size } => {
                    bits.consume(length + size);
                    at += run;
                    let position = *ZIGZAG.get(at as usize)?;
                    let step = self.quantisation[at as usize];
                    block[usize::from(position)] = extend(window << length, size) as f32 * step;
                    has_ac = true;
                    at += 1;
                }
            }
        }
        self.tables.skip.skip_block(bits, self.tables.ac, at)?;
        Some(has_ac)
    }
}
