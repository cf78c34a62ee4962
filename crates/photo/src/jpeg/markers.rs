//! Marker segments of JPEG (T.81, annex B.1.1), and where the data between them ends.

/// The marker at an offset, its segment without the length, and the offset behind it. `None` where there is no marker,
/// or where the file ends before the segment.
pub(crate) fn segment(bytes: &[u8], mut at: usize) -> Option<(u8, &[u8], usize)> {
    while bytes.get(at..at + 2)? == [0xFF, 0xFF] {
        at += 1;
    }
    match bytes[at..] {
        [0xFF, marker @ (0x01 | 0xD0..=0xD9), ..] => Some((marker, &[], at + 2)),
        [0xFF, marker, high, low, ..] if marker > 0 => {
            let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
            Some((marker, bytes.get(at + 4..end)?, end))
        }
        _ => None,
    }
}

/// The length of the entropy-coded data at the start of some bytes: up to a marker that is no restart marker.
pub(super) fn entropy_coded_length(bytes: &[u8]) -> usize {
    let mut from = 0;
    while let Some(at) = memchr::memchr(0xFF, &bytes[from..]) {
        match bytes.get(from + at + 1) {
            // A data byte of 0xFF with its stuffed zero byte, or a restart marker.
            Some(0x00 | 0xD0..=0xD7) => from += at + 2,
            Some(0xFF) => from += at + 1,
            Some(_) => return from + at,
            None => break,
        }
    }
    bytes.len()
}
