//! The bit stream of a scan: entropy-coded segments with byte stuffing and restart markers removed
//! (T.81, B.1.1.5 and F.1.2.3).

use std::ops::Range;

/// Zero bytes appended, so that 64 bits can be read from any position.
const PADDING: usize = 16;

/// A scan's entropy-coded segments, one per restart interval.
pub(super) struct EntropyCodedSegments {
    bytes: Vec<u8>,
    /// End of each segment in `bytes`.
    ends: Vec<usize>,
}

impl EntropyCodedSegments {
    /// Splits a scan's data, which has no markers but those for restarts.
    pub(super) fn split(scan: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(scan.len() + PADDING);
        let (mut ends, mut from) = (Vec::new(), 0);
        while let Some(at) = memchr::memchr(0xFF, &scan[from..]).map(|at| from + at) {
            let (kept, next) = match scan.get(at + 1) {
                // A data byte of 0xFF with its stuffed zero byte.
                Some(0x00) => (at + 1, at + 2),
                Some(0xD0..=0xD7) => (at, at + 2),
                _ => (at, at + 1),
            };
            bytes.extend_from_slice(&scan[from..kept]);
            if matches!(scan.get(at + 1), Some(0xD0..=0xD7)) {
                ends.push(bytes.len());
            }
            from = next;
        }
        bytes.extend_from_slice(&scan[from..]);
        ends.push(bytes.len());
        bytes.extend([0; PADDING]);
        Self { bytes, ends }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A reader of the segment with this index.
    pub(super) fn get(&self, index: usize) -> Option<BitReader<'_>> {
        let range = Range {
            start: index.checked_sub(1).map_or(0, |before| self.ends[before]),
            end: *self.ends.get(index)?,
        };
        Some(BitReader { bytes: &self.bytes, at: range.start * 8, end: range.end * 8 })
    }
}

/// Reads one segment, most significant bit first.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Position in bits.
    at: usize,
    /// End of the segment in bits.
    end: usize,
}

impl BitReader<'_> {
    /// Bits that [`Self::peek`] returns at least.
    pub(super) const MIN_PEEK: u32 = 57;

    /// The next bits, left-aligned: [`Self::MIN_PEEK`] or more.
    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u64> {
        let from = self.at / 8;
        let bytes = self.bytes.get(from..from + 8)?;
        Some(u64::from_be_bytes(bytes.try_into().ok()?) << (self.at % 8))
    }

    #[inline(always)]
    pub(super) fn consume(&mut self, bits: u32) {
        self.at += bits as usize;
    }

    /// The bytes of the segment that no bit was consumed of.
    pub(super) fn left(&self) -> &[u8] {
        self.bytes.get(self.at.div_ceil(8)..self.end / 8).unwrap_or_default()
    }

    /// Whether more bits were consumed than the segment has.
    pub(super) fn is_past_end(&self) -> bool {
        self.at > self.end
    }
}
