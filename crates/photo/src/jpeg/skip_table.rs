//! Skips AC coefficients without decoding them: one lookup passes several Huffman codes with their value bits.

use std::sync::OnceLock;

use super::bits::BitReader;
use super::huffman::{AcSymbol, HuffmanTable};

/// Bits by which the table is indexed.
const INDEX_BITS: u32 = 12;
/// Most bits that one entry skips, the last coefficient's value bits included.
const MAX_SKIP: u32 = 22;
/// Lookups that one [`BitReader::peek`] is enough for.
const LOOKUPS_PER_PEEK: u32 = (BitReader::MIN_PEEK - INDEX_BITS) / MAX_SKIP + 1;

/// A Huffman table of AC coefficients, with its skip table once that is needed: components and scans share tables, and making
/// one costs as much as a small photo's scan.
pub(super) struct AcTable {
    pub(super) codes: HuffmanTable,
    skip: OnceLock<SkipTable>,
}

impl AcTable {
    pub(super) fn new(codes: HuffmanTable) -> Self {
        Self { codes, skip: OnceLock::new() }
    }

    pub(super) fn skip(&self) -> &SkipTable {
        self.skip.get_or_init(|| SkipTable::new(&self.codes))
    }
}

/// For every value of the next [`INDEX_BITS`] bits, what the codes in them skip.
pub(super) struct SkipTable(Vec<Skip>);

#[derive(Clone, Copy, Default)]
struct Skip {
    bits: u8,
    /// Coefficients, zeros included; with [`Skip::END_OF_BLOCK`] set if the block ends.
    coefficients: u8,
}

impl Skip {
    const END_OF_BLOCK: u8 = 0x80;
}

impl SkipTable {
    fn new(table: &HuffmanTable) -> Self {
        let entry = |bits: u64| {
            let mut skip = Skip::default();
            while let Some((symbol, length)) = table.decode(bits << (64 - INDEX_BITS) << skip.bits)
            {
                let (bits, coefficients) = match AcSymbol::parse(symbol) {
                    Some(AcSymbol::EndOfBlock) => (length, u32::from(Skip::END_OF_BLOCK)),
                    Some(AcSymbol::ZeroRun) => (length, 16),
                    Some(AcSymbol::Coefficient { run, size }) => (length + size, run + 1),
                    None => break,
                };
                let coefficients = coefficients + u32::from(skip.coefficients);
                // The last code must lie within the index; its value bits need not.
                let is_known = u32::from(skip.bits) + length <= INDEX_BITS;
                let bits = u32::from(skip.bits) + bits;
                if !is_known || bits > MAX_SKIP || coefficients & 0x7F > 63 {
                    break;
                }
                skip.bits = bits as u8;
                skip.coefficients = coefficients as u8;
                if coefficients >= u32::from(Skip::END_OF_BLOCK) || bits > INDEX_BITS {
                    break;
                }
            }
            skip
        };
        Self((0..1 << INDEX_BITS).map(entry).collect())
    }

    /// Skips the rest of a block, from this coefficient on (1 to 63, in zigzag order).
    #[inline(always)]
    pub(super) fn skip_block(
        &self,
        bits: &mut BitReader,
        table: &HuffmanTable,
        mut coefficient: u32,
    ) -> Option<()> {
        'block: loop {
            let mut window = bits.peek()?;
            for _ in 0..LOOKUPS_PER_PEEK {
                let skip = self.0[(window >> (64 - INDEX_BITS)) as usize];
                let next = coefficient + u32::from(skip.coefficients & !Skip::END_OF_BLOCK);
                if next > 63 || skip.bits == 0 {
                    coefficient = skip_code(bits, table, coefficient)?;
                    if coefficient == 64 {
                        return Some(());
                    }
                    continue 'block;
                }
                bits.consume(u32::from(skip.bits));
                if skip.coefficients & Skip::END_OF_BLOCK != 0 {
                    return Some(());
                }
                window <<= skip.bits;
                coefficient = next;
            }
        }
    }
}

/// Skips one code: where an entry's codes would reach into the next block, and for codes longer than the index.
/// Returns the next coefficient, 64 at the end of the block.
#[cold]
fn skip_code(bits: &mut BitReader, table: &HuffmanTable, coefficient: u32) -> Option<u32> {
    let (symbol, length) = table.decode(bits.peek()?)?;
    let (skipped, size) = match AcSymbol::parse(symbol)? {
        AcSymbol::EndOfBlock => (64 - coefficient, 0),
        AcSymbol::ZeroRun => (16, 0),
        AcSymbol::Coefficient { run, size } => (run + 1, size),
    };
    bits.consume(length + size);
    Some(coefficient + skipped).filter(|&next| next <= 64)
}
