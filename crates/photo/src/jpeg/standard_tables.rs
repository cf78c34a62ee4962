//! The Huffman tables of T.81, annex K: frames of motion JPEG go without them, and decoders take these.

use std::sync::{Arc, LazyLock};

use super::huffman::HuffmanTable;
use super::skip_table::AcTable;

/// The tables, each for brightness and colours.
pub(super) struct StandardTables {
    pub(super) dc: [Arc<HuffmanTable>; 2],
    pub(super) ac: [Arc<AcTable>; 2],
}

pub(super) static STANDARD_TABLES: LazyLock<StandardTables> = LazyLock::new(|| {
    let table = |class, number| {
        let (counts, symbols) = standard(class, number);
        HuffmanTable::new(counts, &symbols).expect("a valid table")
    };
    StandardTables {
        dc: [0, 1].map(|number| Arc::new(table(0, number))),
        ac: [0, 1].map(|number| Arc::new(AcTable::new(table(1, number)))),
    }
});

/// Codes of each length, 1 to 16 bits.
const COUNTS: [[[u8; 16]; 2]; 2] = [
    [
        [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
    ],
    [
        [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
        [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
    ],
];

/// The AC symbols with codes of less than 16 bits (125 and 119 follow), brightness and colours.
const SHORT_AC: [&[u8]; 2] = [
    &[
        0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61,
        0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52,
        0xD1, 0xF0, 0x24, 0x33, 0x62, 0x72, 0x82,
    ],
    &[
        0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61,
        0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33,
        0x52, 0xF0, 0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1,
    ],
];

/// A table's counts and symbols. The AC symbols with codes of 16 bits are all that are left, in order.
fn standard(class: usize, number: usize) -> (&'static [u8; 16], Vec<u8>) {
    let symbols = match class {
        0 => (0..12).collect(),
        _ => {
            let short = SHORT_AC[number];
            let is_used = |symbol: &u8| (1..=10).contains(&(symbol & 15));
            let rest = (0..=0xFA).filter(is_used).filter(|symbol| !short.contains(symbol));
            short.iter().copied().chain(rest).collect()
        }
    };
    (&COUNTS[class][number], symbols)
}

/// A marker segment (DHT) with all four.
pub(super) fn segment() -> Vec<u8> {
    let mut body = Vec::new();
    for (class, number) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (counts, symbols) = standard(class, number);
        body.push((class << 4 | number) as u8);
        body.extend(counts);
        body.extend(symbols);
    }
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&[0xFF, 0xC4, length[0], length[1]][..], &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_as_many_symbols_as_codes() {
        for (class, number) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let (counts, symbols) = standard(class, number);
            let codes: usize = counts.iter().map(|&count| usize::from(count)).sum();
            assert_eq!(symbols.len(), codes, "{class} {number}");
            assert_eq!(codes, [12, 162][class]);
        }
        // T.81, table K.3: the luminance DC size 6 is the code 1110; K.5: end of block is 1010.
        let StandardTables { dc: [dc, _], ac: [ac, _] } = &*STANDARD_TABLES;
        assert_eq!(dc.decode(0b1110 << 60), Some((6, 4)));
        assert_eq!(ac.codes.decode(0b1010 << 60), Some((0, 4)));
        assert_eq!(ac.codes.decode(0xFFFE << 48), Some((0xFA, 16)));
        assert_eq!(segment().len(), 2 + 2 + 4 * 17 + 2 * 12 + 2 * 162);
    }
}
