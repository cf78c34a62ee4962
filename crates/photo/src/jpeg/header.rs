//! JPEG marker segments up to the scan: frame header, tables, scan header (T.81, annex B).

use super::huffman::HuffmanTable;

/// What the marker segments before the scan say.
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// One (greyscale) or three (Y, Cb, Cr).
    pub(super) components: Vec<Component>,
    /// MCUs between two restart markers; 0 without restart markers.
    pub(super) restart_interval: usize,
    /// Quantisation tables in zigzag order, by table number.
    pub(super) quantisation_tables: [Option<[u16; 64]>; 4],
    pub(super) dc_tables: [Option<HuffmanTable>; 4],
    pub(super) ac_tables: [Option<HuffmanTable>; 4],
    /// Offset in the file of the scan's entropy-coded data.
    pub(crate) scan: usize,
}

/// A colour component of the frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    id: u8,
    /// Sampling factors (H and V in T.81), 1 or 2: blocks across and down in an MCU.
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
    /// Numbers of the component's tables.
    pub(super) quantisation_table: usize,
    pub(super) dc_table: usize,
    pub(super) ac_table: usize,
}

impl Header {
    /// `None` for kinds of JPEG that are not decoded here, and for damaged headers.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Self {
            width: 0,
            height: 0,
            components: Vec::new(),
            restart_interval: 0,
            quantisation_tables: [None; 4],
            dc_tables: Default::default(),
            ac_tables: Default::default(),
            scan: 0,
        };
        let mut at = 2; // after SOI
        loop {
            while bytes.get(at..at + 2)? == [0xFF, 0xFF] {
                at += 1;
            }
            let &[0xFF, marker, high, low] = bytes.get(at..at + 4)? else { return None };
            let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
            let segment = bytes.get(at + 4..end)?;
            match marker {
                // SOF0 and SOF1: baseline and extended sequential, Huffman codes.
                0xC0 | 0xC1 => header.read_frame_header(segment)?,
                // DHT
                0xC4 => header.read_huffman_tables(segment)?,
                // SOS
                0xDA => {
                    header.read_scan_header(segment)?;
                    header.scan = end;
                    return Some(header);
                }
                // DQT
                0xDB => header.read_quantisation_tables(segment)?,
                // DRI
                0xDD => {
                    header.restart_interval =
                        usize::from(u16::from_be_bytes(segment.try_into().ok()?));
                }
                // Adobe's APP14 with colours other than YCbCr.
                0xEE if segment.starts_with(b"Adobe") && segment.get(11) == Some(&0) => {
                    return None;
                }
                // Other APPn, COM
                0xE0..=0xEF | 0xFE => {}
                _ => return None,
            }
            at = end;
        }
    }

    fn read_frame_header(&mut self, segment: &[u8]) -> Option<()> {
        let &[8, h1, h0, w1, w0, count, ref rest @ ..] = segment else { return None };
        self.height = u32::from(u16::from_be_bytes([h1, h0]));
        self.width = u32::from(u16::from_be_bytes([w1, w0]));
        let is_new = self.components.is_empty() && self.height > 0 && self.width > 0;
        if !is_new || ![1, 3].contains(&count) || rest.len() != usize::from(count) * 3 {
            return None;
        }
        for fields in rest.chunks_exact(3) {
            // A scan of one component is not interleaved: an MCU is one block, whatever the factors.
            let sampling = if count == 1 { 0x11 } else { fields[1] };
            let (horizontal, vertical) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            let quantisation_table = usize::from(fields[2]);
            let is_supported = [1, 2].contains(&horizontal) && [1, 2].contains(&vertical);
            if !is_supported || quantisation_table > 3 {
                return None;
            }
            self.components.push(Component {
                id: fields[0],
                horizontal,
                vertical,
                quantisation_table,
                dc_table: 0,
                ac_table: 0,
            });
        }
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        (ids != *b"RGB").then_some(())
    }

    fn read_huffman_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [class, rest @ ..] = segment {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let codes: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(codes)?;
            let table = HuffmanTable::new(counts, symbols)?;
            let tables = match class >> 4 {
                0 => &mut self.dc_tables,
                1 => &mut self.ac_tables,
                _ => return None,
            };
            *tables.get_mut(usize::from(class & 15))? = Some(table);
            segment = rest;
        }
        Some(())
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

    /// Accepts one interleaved scan of all components, all coefficients at full precision.
    fn read_scan_header(&mut self, segment: &[u8]) -> Option<()> {
        let (&count, rest) = segment.split_first()?;
        let (components, rest) = rest.split_at_checked(usize::from(count) * 2)?;
        if usize::from(count) != self.components.len() || count == 0 || rest != [0, 63, 0] {
            return None;
        }
        for (component, fields) in self.components.iter_mut().zip(components.chunks_exact(2)) {
            component.dc_table = usize::from(fields[1] >> 4);
            component.ac_table = usize::from(fields[1] & 15);
            if component.id != fields[0] {
                return None;
            }
        }
        Some(())
    }
}
