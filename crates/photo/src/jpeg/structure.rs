//! What a JPEG file consists of: its marker segments (T.81, annex B), with all scans and the tables that are in force
//! in each.

use std::ops::Range;
use std::sync::Arc;

use super::huffman::HuffmanTable;
use super::markers::{entropy_coded_length, segment};
use super::skip_table::AcTable;
use super::standard_tables::{self, STANDARD_TABLES};

/// Scans at most: a scan is a few bytes, and a decoder walks all blocks in each.
const MOST_SCANS: usize = 500;

/// A JPEG file.
pub(crate) struct Structure {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The frame's marker (SOFn): 0xC0 to 0xCF.
    process: u8,
    /// Bits of a sample.
    precision: u8,
    pub(super) components: Vec<Component>,
    /// Adobe's colour transform.
    adobe: Option<u8>,
    is_jfif: bool,
    /// Quantisation tables in zigzag order, by table number, as in force in the first scan.
    pub(super) quantisation_tables: [Option<[u16; 64]>; 4],
    pub(super) scans: Vec<Scan>,
    /// The offset of the first scan's marker.
    first_scan_marker: usize,
    /// Where the last scan ends.
    end: usize,
    /// Whether the end-of-image marker follows there.
    has_end_marker: bool,
    /// Whether Huffman tables are missing, as in frames of motion JPEG.
    lacks_tables: bool,
}

/// A colour component of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    id: u8,
    /// Sampling factors (H and V in T.81), 1 to 4: blocks across and down in an MCU.
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
    /// Number of its quantisation table.
    pub(super) quantisation_table: usize,
}

/// What the components of a JPEG are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    Grey,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

/// A scan.
pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// Spectral selection: the first and last coefficient, in zigzag order.
    pub(super) spectrum: (u8, u8),
    /// Successive approximation: the bit that scans before this one ended at, 0 in a first scan, and this one's.
    pub(super) bits: (u8, u8),
    /// MCUs between two restart markers; 0 without restart markers.
    pub(super) restart_interval: usize,
    /// Its entropy-coded data in the file.
    pub(super) data: Range<usize>,
}

/// A component in a scan.
pub(super) struct ScanComponent {
    /// Position in [`Structure::components`].
    pub(super) number: usize,
    pub(super) dc_table: Option<Arc<HuffmanTable>>,
    pub(super) ac_table: Option<Arc<AcTable>>,
}

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

    /// What no decoder here takes, by its name.
    pub(crate) fn unsupported(&self) -> Option<&'static str> {
        match (self.process, self.precision) {
            (0xC9..=0xCB | 0xCD..=0xCF, _) => Some("arithmetic-coded JPEG"),
            (0xC3, _) => Some("lossless JPEG"),
            (0xC5..=0xC7, _) => Some("hierarchical JPEG"),
            (_, 12) => Some("12-bit JPEG"),
            (_, 8) => None,
            _ => Some("JPEG of an unknown depth"),
        }
    }

    pub(super) fn is_progressive(&self) -> bool {
        self.process == 0xC2
    }

    /// The largest sampling factors of the components.
    pub(super) fn most_blocks(&self) -> (usize, usize) {
        self.components
            .iter()
            .fold((1, 1), |most, one| (most.0.max(one.horizontal), most.1.max(one.vertical)))
    }

    /// The scan, if there is one of all coefficients of all components of a sequential JPEG.
    pub(super) fn only_scan(&self) -> Option<&Scan> {
        let [scan] = &self.scans[..] else { return None };
        let has_all = scan.components.iter().map(|one| one.number).eq(0..self.components.len())
            && (scan.spectrum, scan.bits) == ((0, 63), (0, 0));
        (matches!(self.process, 0xC0 | 0xC1) && has_all).then_some(scan)
    }

    /// Whether scaled decoding takes the components: 8-bit grey, or YCbCr with sampling factors of 1 and 2.
    pub(super) fn has_scalable_components(&self) -> bool {
        let factors = |one: &Component| one.horizontal <= 2 && one.vertical <= 2;
        let is_taken = match &self.components[..] {
            [_] => true,
            components @ [_, _, _] => {
                components.iter().all(factors) && self.colours() == Colours::YCbCr
            }
            _ => false,
        };
        is_taken && self.precision == 8
    }

    /// What the components are (as libjpeg decides).
    pub(crate) fn colours(&self) -> Colours {
        let is_rgb = || self.components.iter().map(|one| one.id).eq(*b"RGB");
        match (self.components.len(), self.adobe) {
            (3, Some(0)) => Colours::Rgb,
            (3, None) if !self.is_jfif && is_rgb() => Colours::Rgb,
            (3, _) => Colours::YCbCr,
            (4, Some(2)) => Colours::Ycck,
            (4, _) => Colours::Cmyk,
            _ => Colours::Grey,
        }
    }

    /// Whether the file is of a kind that the fast decoder certainly shows as libjpeg does: progressive, or with all
    /// components in one scan, colours at the brightness' resolution or half of it.
    pub(crate) fn is_common(&self) -> bool {
        let factors: Vec<_> =
            self.components.iter().map(|one| (one.horizontal, one.vertical)).collect();
        let is_common_sampling = match &factors[..] {
            [of_grey] => *of_grey == (1, 1),
            [brightness, colours @ ..] => {
                [1, 2].contains(&brightness.0)
                    && [1, 2].contains(&brightness.1)
                    && colours.len() >= 2
                    && colours.iter().all(|one| *one == (1, 1))
                    // Of four inks, none is subsampled.
                    && (colours.len() == 2 || *brightness == (1, 1))
            }
            [] => false,
        };
        let is_one_scan = self.scans.len() == 1
            && self.scans[0].components.iter().map(|one| one.number).eq(0..self.components.len());
        is_common_sampling && (self.is_progressive() || is_one_scan)
    }

    /// Blocks across and down of a component that hold pixels: those that a scan of it alone has (T.81, A.2.2).
    pub(super) fn own_blocks(&self, component: &Component) -> (usize, usize) {
        let (h, v) = self.most_blocks();
        let blocks = |length: u32, own: usize, most: usize| {
            (length as usize * own).div_ceil(most).div_ceil(8)
        };
        let across = blocks(self.width, component.horizontal, h);
        (across, blocks(self.height, component.vertical, v))
    }

    /// Whether jpeg-decoder 0.3.2 counts the blocks of all scans as T.81 does. In a scan of one component it leaves out
    /// those beyond the image's pixels where it should leave out those beyond the component's.
    pub(crate) fn has_usual_block_counts(&self) -> bool {
        let (h, v) = self.most_blocks();
        let counted = |length: u32, own: usize, most: usize| {
            ((length as usize).div_ceil(8 * most) * own).min((length as usize).div_ceil(8))
        };
        self.components.len() == 1
            || self.scans.iter().filter(|scan| scan.components.len() == 1).all(|scan| {
                let component = &self.components[scan.components[0].number];
                let across = counted(self.width, component.horizontal, h);
                (across, counted(self.height, component.vertical, v)) == self.own_blocks(component)
            })
    }

    /// Whether all is there but bits of the last coefficients: the file ends as it should.
    pub(super) fn has_end_marker(&self) -> bool {
        self.has_end_marker
    }

    /// The file with what is missing of its frame: standard Huffman tables, the end marker. `None` if nothing is.
    pub(crate) fn completed(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.has_end_marker && !self.lacks_tables {
            return None;
        }
        let mut whole = Vec::with_capacity(bytes.len() + 512);
        whole.extend_from_slice(&bytes[..self.first_scan_marker]);
        if self.lacks_tables {
            whole.extend(standard_tables::segment());
        }
        whole.extend_from_slice(&bytes[self.first_scan_marker..self.end]);
        whole.extend([0xFF, 0xD9]);
        Some(whole)
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
