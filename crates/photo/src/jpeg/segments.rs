//! Reads a JPEG's marker segments (T.81, annex B) into a [`Structure`].

use std::sync::Arc;

use super::huffman::HuffmanTable;
use super::markers::{entropy_coded_length, segment};
use super::skip_table::AcTable;
use super::standard_tables::STANDARD_TABLES;
use super::structure::{Component, Scan, ScanComponent, Structure};

/// Scans at most: a scan is a few bytes, and a decoder walks all blocks in each.
const MOST_SCANS: usize = 500;

/// Tables by their number.
type Tables<T> = [Option<Arc<T>>; 4];

impl Structure {
    /// `None` for files whose header is damaged.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut structure = Self {
            width: 0,
            height: 0,
            process: 0,
            precision: 0,
            components: Vec::new(),
            adobe: None,
            is_jfif: false,
            quantisation_tables: [None; 4],
            scans: Vec::new(),
            first_scan_marker: 0,
            end: 0,
            has_end_marker: false,
            lacks_tables: false,
        };
        let (mut dc, mut ac) = (Tables::<HuffmanTable>::default(), Tables::<AcTable>::default());
        let (mut at, mut restart_interval) = (2, 0);
        // What lies behind a scan and is no marker segment is decoded by no one.
        while let Some((marker, segment, end)) = segment(bytes, at) {
            let is_first = structure.scans.is_empty();
            match marker {
                0xD9 => {
                    structure.has_end_marker = true;
                    break;
                }
                // DHT
                0xC4 => match read_huffman_tables(segment, &mut dc, &mut ac) {
                    None if is_first => return None,
                    None => break,
                    Some(()) => {}
                },
                // SOF but for DHT, JPG and DAC
                0xC0..=0xCF if marker != 0xC8 && marker != 0xCC => {
                    structure.read_frame_header(marker, segment)?;
                }
                // SOS
                0xDA => {
                    let Some(mut scan) = structure.scan(segment, &dc, &ac) else {
                        if is_first {
                            return None;
                        }
                        break;
                    };
                    let data_end = end + entropy_coded_length(&bytes[end..]);
                    (scan.data, scan.restart_interval) = (end..data_end, restart_interval);
                    if is_first {
                        structure.first_scan_marker = at;
                    }
                    structure.scans.push(scan);
                    structure.end = data_end;
                    if structure.scans.len() >= MOST_SCANS {
                        break;
                    }
                    at = data_end;
                    continue;
                }
                // DQT
                0xDB if is_first => structure.read_quantisation_tables(segment)?,
                // DRI
                0xDD => {
                    let Ok(interval) = segment.try_into() else { return None };
                    restart_interval = usize::from(u16::from_be_bytes(interval));
                }
                0xE0 if segment.starts_with(b"JFIF\0") => structure.is_jfif = true,
                0xEE if segment.starts_with(b"Adobe") => structure.adobe = segment.get(11).copied(),
                // A second picture, or what is no marker segment.
                0x01 | 0xD0..=0xD8 => break,
                _ => {}
            }
            at = end;
        }
        (!structure.scans.is_empty()).then_some(structure)
    }

    fn read_frame_header(&mut self, marker: u8, segment: &[u8]) -> Option<()> {
        let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = segment else { return None };
        if !self.components.is_empty() || rest.len() < usize::from(count) * 3 || count > 4 {
            return None;
        }
        (self.process, self.precision) = (marker, precision);
        self.height = u32::from(u16::from_be_bytes([h1, h0]));
        self.width = u32::from(u16::from_be_bytes([w1, w0]));
        for fields in rest.chunks_exact(3).take(usize::from(count)) {
            let component = Component {
                id: fields[0],
                horizontal: usize::from(fields[1] >> 4),
                vertical: usize::from(fields[1] & 15),
                quantisation_table: usize::from(fields[2]),
            };
            let is_valid = (1..=4).contains(&component.horizontal)
                && (1..=4).contains(&component.vertical)
                && component.quantisation_table < 4;
            self.components.push(is_valid.then_some(component)?);
        }
        (!self.components.is_empty() && self.height > 0 && self.width > 0).then_some(())
    }

    fn read_quantisation_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [precision, rest @ ..] = segment {
            let bytes = match precision >> 4 {
                0 => 1,
                1 => 2,
                _ => return None,
            };
            let (steps, rest) = rest.split_at_checked(64 * bytes)?;
            let mut table = [0; 64];
            for (value, step) in table.iter_mut().zip(steps.chunks_exact(bytes)) {
                *value = step.iter().fold(0, |high, &low| high << 8 | u16::from(low));
            }
            *self.quantisation_tables.get_mut(usize::from(precision & 15))? = Some(table);
            segment = rest;
        }
        Some(())
    }

    /// The scan of a scan header, its data still to be set.
    fn scan(
        &mut self,
        segment: &[u8],
        dc: &Tables<HuffmanTable>,
        ac: &Tables<AcTable>,
    ) -> Option<Scan> {
        let (&count, rest) = segment.split_first()?;
        let (fields, rest) = rest.split_at_checked(usize::from(count) * 2)?;
        let &[from, to, bits, ..] = rest else { return None };
        if count == 0 || from > to || to > 63 {
            return None;
        }
        let mut components = Vec::with_capacity(usize::from(count));
        for fields in fields.chunks_exact(2) {
            let number = self.components.iter().position(|one| one.id == fields[0])?;
            let (of_dc, of_ac) = (usize::from(fields[1] >> 4), usize::from(fields[1] & 15));
            let lacks_tables = &mut self.lacks_tables;
            let dc_table = match from {
                0 => known_or_standard(dc, &STANDARD_TABLES.dc, of_dc, lacks_tables),
                _ => None,
            };
            let ac_table = match to {
                0 => None,
                _ => known_or_standard(ac, &STANDARD_TABLES.ac, of_ac, lacks_tables),
            };
            components.push(ScanComponent { number, dc_table, ac_table });
        }
        let (spectrum, bits) = ((from, to), (bits >> 4, bits & 15));
        Some(Scan { components, spectrum, bits, restart_interval: 0, data: 0..0 })
    }
}

/// The table with a number; where the file has none at all, the standard one.
fn known_or_standard<T>(
    tables: &Tables<T>,
    standard: &[Arc<T>; 2],
    number: usize,
    lacks_tables: &mut bool,
) -> Option<Arc<T>> {
    let known = tables.get(number)?.clone();
    if known.is_none() && tables.iter().all(Option::is_none) {
        *lacks_tables = true;
        return standard.get(number).cloned();
    }
    known
}

fn read_huffman_tables(
    mut segment: &[u8],
    dc: &mut Tables<HuffmanTable>,
    ac: &mut Tables<AcTable>,
) -> Option<()> {
    while let [class, rest @ ..] = segment {
        let (counts, rest) = rest.split_first_chunk::<16>()?;
        let codes: usize = counts.iter().map(|&count| usize::from(count)).sum();
        let (symbols, rest) = rest.split_at_checked(codes)?;
        let (table, number) = (HuffmanTable::new(counts, symbols)?, usize::from(class & 15));
        match class >> 4 {
            0 => *dc.get_mut(number)? = Some(Arc::new(table)),
            1 => *ac.get_mut(number)? = Some(Arc::new(AcTable::new(table))),
            _ => return None,
        }
        segment = rest;
    }
    Some(())
}
