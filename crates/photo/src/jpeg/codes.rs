//! Huffman codes: what a code says, and how far several reach at once.

use super::bits::Bits;

/// Bits by which most codes are looked up.
const FAST: u32 = 10;
/// Bits in which [`Skips`] looks for codes.
const FAR: u32 = 12;
/// Bits that [`Skips`] passes over at once, with those of the last code's coefficient.
const MOST: u32 = 22;

/// The codes of a table (T.81, annex C).
pub(super) struct Codes {
    /// By the next bits: what a code says, and its length; 0 where it is longer.
    fast: Vec<u16>,
    /// For each length, the code behind its last one, in 16 bits.
    ends: [u32; 17],
    /// For each length, the place of its first code's symbol, less that code.
    places: [i32; 17],
    symbols: Vec<u8>,
}

impl Codes {
    /// From the number of codes of each length, 1 to 16, and what they say; `None` if there are too many.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut codes = Self {
            fast: vec![0; 1 << FAST],
            ends: [0; 17],
            places: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16u32 {
            codes.places[length as usize] = place as i32 - code as i32;
            for _ in 0..counts[length as usize - 1] {
                if code >= 1 << length {
                    return None;
                }
                let symbol = *symbols.get(place)?;
                if let Some(free) = FAST.checked_sub(length) {
                    let first = (code << free) as usize;
                    codes.fast[first..first + (1 << free)]
                        .fill(u16::from(symbol) << 8 | length as u16);
                }
                (code, place) = (code + 1, place + 1);
            }
            codes.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(codes)
    }

    /// What the code at the beginning of a window says, and its length.
    #[inline(always)]
    pub(super) fn next(&self, window: u64) -> Option<(u8, u32)> {
        let fast = self.fast[(window >> (64 - FAST)) as usize];
        if fast != 0 {
            return Some(((fast >> 8) as u8, u32::from(fast & 0xFF)));
        }
        self.next_long(window)
    }

    #[cold]
    fn next_long(&self, window: u64) -> Option<(u8, u32)> {
        let code = (window >> 48) as u32;
        let length = (FAST + 1..=16).find(|&length| code < self.ends[length as usize])?;
        let place = (code >> (16 - length)) as i32 + self.places[length as usize];
        Some((*self.symbols.get(usize::try_from(place).ok()?)?, length))
    }
}

/// How many zeros are before a coefficient, and how many bits it has.
#[derive(Clone, Copy)]
pub(super) enum Ac {
    EndOfBlock,
    /// Sixteen zeros.
    Zeros,
    Value {
        zeros: u32,
        bits: u32,
    },
}

impl Ac {
    pub(super) fn of(symbol: u8) -> Option<Self> {
        match (symbol >> 4, symbol & 15) {
            (0, 0) => Some(Self::EndOfBlock),
            (15, 0) => Some(Self::Zeros),
            (zeros, bits @ 1..=10) => {
                Some(Self::Value { zeros: u32::from(zeros), bits: u32::from(bits) })
            }
            _ => None,
        }
    }
}

/// A coefficient's value from the uppermost bits of a window (T.81, F.2.2.1: EXTEND).
#[inline(always)]
pub(super) fn value(window: u64, bits: u32) -> i32 {
    if bits == 0 {
        return 0;
    }
    let value = (window >> (64 - bits)) as i32;
    // What begins with a zero is negative.
    if value >> (bits - 1) == 0 { value - (1 << bits) + 1 } else { value }
}

/// For the next bits, all codes with their coefficients' bits that lie in them.
pub(super) struct Skips(Vec<Skip>);

/// How far some codes reach.
#[derive(Clone, Copy, Default)]
struct Skip {
    bits: u8,
    /// Coefficients, zeros with them; [`Skip::END`] where a block ends.
    coefficients: u8,
}

/// Times that a window's bits are enough.
const AT_ONCE: u32 = (Bits::IN_WINDOW - FAR) / MOST + 1;

impl Skip {
    const END: u8 = 0x80;
}

impl Skips {
    pub(super) fn of(codes: &Codes) -> Self {
        let skip = |bits: u64| {
            let mut skip = Skip::default();
            while let Some((symbol, length)) = codes.next(bits << (64 - FAR) << skip.bits) {
                let (bits, coefficients) = match Ac::of(symbol) {
                    Some(Ac::EndOfBlock) => (length, u32::from(Skip::END)),
                    Some(Ac::Zeros) => (length, 16),
                    Some(Ac::Value { zeros, bits }) => (length + bits, zeros + 1),
                    None => break,
                };
                let coefficients = coefficients + u32::from(skip.coefficients);
                // Of the last one, only the code must be known.
                let is_known = u32::from(skip.bits) + length <= FAR;
                let bits = u32::from(skip.bits) + bits;
                if !is_known || bits > MOST || coefficients & 0x7F > 63 {
                    break;
                }
                skip.bits = bits as u8;
                skip.coefficients = coefficients as u8;
                if coefficients >= u32::from(Skip::END) || bits > FAR {
                    break;
                }
            }
            skip
        };
        Self((0..1 << FAR).map(skip).collect())
    }

    /// Passes over a block's coefficients from one on (1 to 63).
    #[inline(always)]
    pub(super) fn pass(&self, bits: &mut Bits, codes: &Codes, mut coefficient: u32) -> Option<()> {
        'block: loop {
            let mut window = bits.window()?;
            for _ in 0..AT_ONCE {
                let skip = self.0[(window >> (64 - FAR)) as usize];
                let behind = coefficient + u32::from(skip.coefficients & !Skip::END);
                if behind > 63 || skip.bits == 0 {
                    coefficient = pass_one(bits, codes, coefficient)?;
                    if coefficient == 64 {
                        return Some(());
                    }
                    continue 'block;
                }
                bits.skip(u32::from(skip.bits));
                if skip.coefficients & Skip::END != 0 {
                    return Some(());
                }
                window <<= skip.bits;
                coefficient = behind;
            }
        }
    }
}

/// [`Skips::pass`] of a code by itself, where several reach into the next block, and where one is longer.
#[cold]
fn pass_one(bits: &mut Bits, codes: &Codes, coefficient: u32) -> Option<u32> {
    let (symbol, length) = codes.next(bits.window()?)?;
    let (passed, value) = match Ac::of(symbol)? {
        Ac::EndOfBlock => (64 - coefficient, 0),
        Ac::Zeros => (16, 0),
        Ac::Value { zeros, bits } => (zeros + 1, bits),
    };
    bits.skip(length + value);
    Some(coefficient + passed).filter(|&behind| behind <= 64)
}
