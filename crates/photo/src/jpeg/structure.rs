//! What a JPEG file consists of: its marker segments (T.81, annex B), with all scans and the tables that are in force
//! in each.

use std::ops::Range;
use std::sync::Arc;

use super::huffman::HuffmanTable;
use super::skip_table::AcTable;
use super::standard_tables;

/// A JPEG file.
pub(crate) struct Structure {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The frame's marker (SOFn): 0xC0 to 0xCF.
    pub(super) process: u8,
    /// Bits of a sample.
    pub(super) precision: u8,
    pub(super) components: Vec<Component>,
    /// Adobe's colour transform.
    pub(super) adobe: Option<u8>,
    pub(super) is_jfif: bool,
    /// Quantisation tables in zigzag order, by table number, as in force in the first scan.
    pub(super) quantisation_tables: [Option<[u16; 64]>; 4],
    pub(super) scans: Vec<Scan>,
    /// The offset of the first scan's marker.
    pub(super) first_scan_marker: usize,
    /// Where the last scan ends.
    pub(super) end: usize,
    /// Whether the end-of-image marker follows there.
    pub(super) has_end_marker: bool,
    /// Whether Huffman tables are missing, as in frames of motion JPEG.
    pub(super) lacks_tables: bool,
}

/// A colour component of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
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

impl Structure {
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
