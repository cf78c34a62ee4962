//! Huffman tables and what their symbols mean (T.81, annexes C and F).

/// Codes of up to this many bits are decoded by one lookup.
const LOOKUP_BITS: u32 = 10;

/// A Huffman table (T.81, annex C).
pub(super) struct HuffmanTable {
    /// Indexed by the next [`LOOKUP_BITS`] bits: the symbol and the code's length; 0 for longer codes.
    lookup: Vec<u16>,
    /// For each length, the end of its codes (exclusive), left-aligned in 16 bits.
    ends: [u32; 17],
    /// For each length, the index of its first symbol, minus its first code.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl HuffmanTable {
    /// From the number of codes of each length, 1 to 16 bits (BITS), and the symbols in order of their codes
    /// (HUFFVAL); `None` if there are more codes than fit.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            lookup: vec![0; 1 << LOOKUP_BITS],
            ends: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut index) = (0u32, 0usize);
        for length in 1..=16u32 {
            table.offsets[length as usize] = index as i32 - code as i32;
            for _ in 0..counts[length as usize - 1] {
                if code >= 1 << length {
                    return None;
                }
                let symbol = *symbols.get(index)?;
                if let Some(free) = LOOKUP_BITS.checked_sub(length) {
                    let first = (code << free) as usize;
                    table.lookup[first..first + (1 << free)]
                        .fill(u16::from(symbol) << 8 | length as u16);
                }
                (code, index) = (code + 1, index + 1);
            }
            table.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    /// The symbol of the code at the start of left-aligned bits, and the code's length (DECODE in T.81).
    #[inline(always)]
    pub(super) fn decode(&self, window: u64) -> Option<(u8, u32)> {
        let entry = self.lookup[(window >> (64 - LOOKUP_BITS)) as usize];
        if entry != 0 {
            return Some(((entry >> 8) as u8, u32::from(entry & 0xFF)));
        }
        self.decode_long(window)
    }

    #[cold]
    fn decode_long(&self, window: u64) -> Option<(u8, u32)> {
        let code = (window >> 48) as u32;
        let length = (LOOKUP_BITS + 1..=16).find(|&length| code < self.ends[length as usize])?;
        let index = (code >> (16 - length)) as i32 + self.offsets[length as usize];
        Some((*self.symbols.get(usize::try_from(index).ok()?)?, length))
    }
}

/// An AC symbol: run length and size (RRRRSSSS in T.81, F.1.2.2).
#[derive(Clone, Copy)]
pub(super) enum AcSymbol {
    /// EOB: the block's other coefficients are 0.
    EndOfBlock,
    /// ZRL: sixteen zeros.
    ZeroRun,
    /// A coefficient.
    Coefficient {
        /// Zeros before it.
        run: u32,
        /// Bits that follow with its value.
        size: u32,
    },
}

impl AcSymbol {
    /// `None` for symbols that sequential JPEG does not have.
    pub(super) fn parse(symbol: u8) -> Option<Self> {
        match (symbol >> 4, symbol & 15) {
            (0, 0) => Some(Self::EndOfBlock),
            (15, 0) => Some(Self::ZeroRun),
            (run, size @ 1..=10) => {
                Some(Self::Coefficient { run: u32::from(run), size: u32::from(size) })
            }
            _ => None,
        }
    }
}

/// A coefficient's value from the first `size` of left-aligned bits (RECEIVE and EXTEND in T.81, F.2.2.1).
#[inline(always)]
pub(super) fn extend(window: u64, size: u32) -> i32 {
    if size == 0 {
        return 0;
    }
    let value = (window >> (64 - size)) as i32;
    // A leading zero bit marks a negative value.
    if value >> (size - 1) == 0 { value - (1 << size) + 1 } else { value }
}
