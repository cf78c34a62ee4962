//! The bits of a scan, without what is stuffed in.

use std::ops::Range;

/// Bytes that may be read behind the last one: a window of 64 bits, from any bit.
const BEHIND: usize = 16;

/// A scan's bytes, each part between two restart markers by itself.
pub(super) struct Parts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Parts {
    /// The scan that begins at the first of some bytes; `None` where something else than the end of the picture
    /// follows.
    pub(super) fn of(scan: &[u8]) -> Option<Self> {
        let mut bytes = Vec::with_capacity(scan.len() + BEHIND);
        let (mut ends, mut from) = (Vec::new(), 0);
        loop {
            let at = from + memchr::memchr(0xFF, scan.get(from..)?)?;
            let (kept, next) = match scan.get(at + 1)? {
                // A byte of 255, and a zero that says so.
                0x00 => (at + 1, at + 2),
                0xFF => (at, at + 1),
                0xD0..=0xD7 | 0xD9 => (at, at + 2),
                _ => return None,
            };
            bytes.extend_from_slice(&scan[from..kept]);
            match scan[at + 1] {
                0xD0..=0xD7 => ends.push(bytes.len()),
                0xD9 => break,
                _ => {}
            }
            from = next;
        }
        ends.push(bytes.len());
        bytes.extend([0; BEHIND]);
        Some(Self { bytes, ends })
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// One of the parts, by its number.
    pub(super) fn get(&self, number: usize) -> Option<Bits<'_>> {
        let range = Range {
            start: number.checked_sub(1).map_or(0, |before| self.ends[before]),
            end: *self.ends.get(number)?,
        };
        Some(Bits { bytes: &self.bytes, at: range.start * 8, end: range.end * 8 })
    }
}

/// Bits to be read, from one place in bytes to another.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl Bits<'_> {
    /// Least bits of a window that are the scan's.
    pub(super) const IN_WINDOW: u32 = 57;

    /// The next bits, the first one uppermost: [`Self::IN_WINDOW`] or more.
    #[inline(always)]
    pub(super) fn window(&self) -> Option<u64> {
        let from = self.at / 8;
        let bytes = self.bytes.get(from..from + 8)?;
        Some(u64::from_be_bytes(bytes.try_into().ok()?) << (self.at % 8))
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, bits: u32) {
        self.at += bits as usize;
    }

    /// Whether more was read than there is.
    pub(super) fn is_over(&self) -> bool {
        self.at > self.end
    }
}
