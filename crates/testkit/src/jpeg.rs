//! Writes JPEGs of every kind that ITU-T T.81 knows and programs make: any sampling, scans in any order, sequential and
//! progressive, restart markers, and the oddities of real files. For tests of decoders.

mod blocks;
mod entropy;

use blocks::{Plane, quantised_planes};
use entropy::{Bits, HuffmanCodes, progressive_scans, sequential_scan};

use crate::Noise;

/// How a JPEG is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JpegKind {
    /// Of the image, in pixels.
    pub width: u16,
    /// Of the image, in pixels.
    pub height: u16,
    /// Horizontal and vertical sampling factor of each component, 1 to 4. One component is grey, three are YCbCr or
    /// RGB, four are CMYK or YCCK.
    pub sampling: Vec<(u8, u8)>,
    /// Adobe's colour transform: `None` without the marker; `Some(0)` for RGB and CMYK, `Some(1)` for YCbCr,
    /// `Some(2)` for YCCK.
    pub adobe: Option<u8>,
    /// The components of each scan, in the order of the file. Progressive JPEGs have one such list for their first
    /// DC scans.
    pub scans: Vec<Vec<usize>>,
    /// Whether it is progressive.
    pub progressive: bool,
    /// MCUs between two restart markers; 0 for none.
    pub restart_interval: u16,
    /// What is odd about it.
    pub oddity: Oddity,
    /// Seed of its picture.
    pub seed: u64,
}

/// What real files have that decoders stumble over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Nothing.
    None,
    /// Fill bytes before markers.
    FillBytes,
    /// Comments between tables and scans.
    Comments,
    /// Huffman tables are defined anew before every scan, under other numbers.
    TablesBetweenScans,
    /// 16-bit quantisation steps (extended sequential).
    WideQuantisation,
    /// No end-of-image marker.
    NoEnd,
    /// A phone's trailer behind the end marker.
    Trailer,
    /// All Huffman codes have 16 bits.
    LongCodes,
    /// Another picture, whole, in an APP1 segment, as a thumbnail.
    Thumbnail,
}

impl Oddity {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::FillBytes,
        Self::Comments,
        Self::TablesBetweenScans,
        Self::WideQuantisation,
        Self::NoEnd,
        Self::Trailer,
        Self::LongCodes,
        Self::Thumbnail,
    ];
}

impl JpegKind {
    /// The kind of a number: all that T.81 and libjpeg take, every sampling whose factors divide the largest, in
    /// scans together or apart and in any order.
    pub fn numbered(number: u64) -> Self {
        let noise = Noise::named(&format!("kind {number}"));
        let below = |at: usize, count: usize| ((noise.at(at) + 0.5) * count as f64) as usize;
        let progressive = below(0, 3) == 0;
        let components = [1, 3, 3, 3, 3, 4][below(1, 6)];
        let mut draw = 10;
        let sampling = loop {
            let factors = [1, 2, 1, 2, 3, 4];
            let of_one = |at: usize| factors[below(at, 6)] as u8;
            let sampling: Vec<(u8, u8)> = (0..components)
                .map(|one| (of_one(draw + 2 * one), of_one(draw + 2 * one + 1)))
                .collect();
            draw += 8;
            let most = sampling.iter().fold((1, 1), |m, s| (m.0.max(s.0), m.1.max(s.1)));
            let divides = |s: &(u8, u8)| most.0 % s.0 == 0 && most.1 % s.1 == 0;
            let blocks: u8 = sampling.iter().map(|s| s.0 * s.1).sum();
            if sampling.iter().all(divides) && blocks <= 10 {
                break sampling;
            }
        };
        let mut order: Vec<usize> = (0..components).collect();
        let scans = match below(2, 4) {
            0 | 1 => vec![order],
            2 => {
                order.rotate_left(below(3, components));
                order.into_iter().map(|one| vec![one]).collect()
            }
            _ if components == 1 => vec![order],
            _ => vec![order[..1].to_vec(), order[1..].to_vec()],
        };
        Self {
            width: 17 + below(4, 60) as u16,
            height: 17 + below(5, 60) as u16,
            sampling,
            adobe: match (components, below(6, 4)) {
                (4, way) => Some([0, 2][way % 2]),
                (3, 0) => Some(0),
                (3, 1) => Some(1),
                _ => None,
            },
            scans,
            progressive,
            restart_interval: [0, 0, 1 + below(7, 5) as u16][below(8, 3)],
            oddity: Oddity::ALL[below(9, Oddity::ALL.len())],
            seed: number,
        }
    }
}

/// Writes a JPEG of this kind.
///
/// # Panics
/// If the kind is impossible: no components, factors beyond 4, a scan without components.
pub fn jpeg(kind: &JpegKind) -> Vec<u8> {
    let planes = quantised_planes(kind);
    let mut file = File { bytes: vec![0xFF, 0xD8], oddity: kind.oddity };
    if kind.adobe.is_none() && kind.sampling.len() != 4 {
        file.segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    }
    if let Some(transform) = kind.adobe {
        file.segment(0xEE, &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat());
    }
    if kind.oddity == Oddity::Thumbnail {
        let small = JpegKind {
            width: 16,
            height: 16,
            oddity: Oddity::None,
            adobe: None,
            sampling: vec![(1, 1)],
            scans: vec![vec![0]],
            progressive: false,
            restart_interval: 0,
            seed: kind.seed + 1,
        };
        file.segment(0xE1, &[b"Thumb\0".to_vec(), jpeg(&small)].concat());
    }
    let wide = kind.oddity == Oddity::WideQuantisation;
    for (number, table) in blocks::QUANTISATION.iter().enumerate() {
        let mut segment = vec![(u8::from(wide) << 4) | number as u8];
        for &step in table {
            if wide {
                segment.push(0);
            }
            segment.push(step);
        }
        file.segment(0xDB, &segment);
    }
    let count = kind.sampling.len() as u8;
    let [height, width] = [kind.height.to_be_bytes(), kind.width.to_be_bytes()];
    let mut frame = vec![8, height[0], height[1], width[0], width[1], count];
    for (number, (h, v)) in kind.sampling.iter().enumerate() {
        frame.extend([number as u8 + 1, h << 4 | v, u8::from(number > 0)]);
    }
    let sof = match (kind.progressive, wide) {
        (true, _) => 0xC2,
        (false, true) => 0xC1,
        (false, false) => 0xC0,
    };
    file.segment(sof, &frame);
    if kind.restart_interval > 0 {
        file.segment(0xDD, &kind.restart_interval.to_be_bytes());
    }
    let codes = HuffmanCodes { bits: if kind.oddity == Oddity::LongCodes { 16 } else { 8 } };
    if kind.oddity != Oddity::TablesBetweenScans {
        file.huffman_tables(codes, 0);
    }
    let scans = match kind.progressive {
        true => progressive_scans(kind, &planes, codes),
        false => kind.scans.iter().map(|of| sequential_scan(kind, &planes, of, codes)).collect(),
    };
    for (number, scan) in scans.iter().enumerate() {
        let mut table = 0;
        if kind.oddity == Oddity::TablesBetweenScans {
            table = number as u8 % 2;
            file.huffman_tables(codes, table);
        }
        if kind.oddity == Oddity::Comments {
            file.segment(0xFE, b"a comment between scans");
        }
        let mut header = vec![scan.components.len() as u8];
        for &component in &scan.components {
            header.extend([component as u8 + 1, table << 4 | table]);
        }
        header.extend([scan.from, scan.to, scan.high << 4 | scan.low]);
        file.segment(0xDA, &header);
        file.bytes.extend(&scan.data);
    }
    if kind.oddity != Oddity::NoEnd {
        file.marker(0xD9);
    }
    if kind.oddity == Oddity::Trailer {
        file.bytes.extend(b"SEFT\0\0\0\x18 made by a phone \xFF\xD8 \xFF");
    }
    file.bytes
}

struct File {
    bytes: Vec<u8>,
    oddity: Oddity,
}

impl File {
    fn marker(&mut self, marker: u8) {
        if self.oddity == Oddity::FillBytes {
            self.bytes.extend([0xFF, 0xFF]);
        }
        self.bytes.extend([0xFF, marker]);
    }

    fn segment(&mut self, marker: u8, body: &[u8]) {
        self.marker(marker);
        self.bytes.extend((body.len() as u16 + 2).to_be_bytes());
        self.bytes.extend(body);
    }

    fn huffman_tables(&mut self, codes: HuffmanCodes, number: u8) {
        for (class, symbols) in [(0, 0..=15), (1, 0..=254u8)] {
            let mut counts = [0u8; 16];
            counts[codes.length(class) as usize - 1] =
                symbols.clone().count() as u8 - u8::from(class == 0);
            let symbols = symbols.take(counts.iter().map(|&c| usize::from(c)).sum());
            let mut body = vec![class << 4 | number];
            body.extend(counts);
            body.extend(symbols);
            self.segment(0xC4, &body);
        }
    }
}

/// Entropy-coded data with its scan header.
struct Scan {
    components: Vec<usize>,
    /// Spectral selection and successive approximation.
    from: u8,
    to: u8,
    high: u8,
    low: u8,
    data: Vec<u8>,
}

/// For each MCU of a scan, calls `each` with the components' blocks, and ends it with restart markers.
fn for_each_mcu(
    kind: &JpegKind,
    planes: &[Plane],
    of: &[usize],
    bits: &mut Bits,
    mut each: impl FnMut(&mut Bits, Step<'_>),
) {
    let blocks = |component: usize, mcu: usize| -> Vec<usize> {
        let plane = &planes[component];
        if of.len() == 1 {
            // A scan of one component has no padding blocks beyond the image.
            let (x, y) = (mcu % plane.own_across, mcu / plane.own_across);
            return vec![y * plane.across + x];
        }
        let (h, v) = plane.sampling;
        let mcus_across = plane.across / h;
        let (x, y) = (mcu % mcus_across, mcu / mcus_across);
        (0..h * v).map(|at| (y * v + at / h) * plane.across + x * h + at % h).collect()
    };
    let first = &planes[of[0]];
    let mcus = match of.len() {
        1 => first.own_across * first.own_down,
        _ => first.across * first.down / (first.sampling.0 * first.sampling.1),
    };
    let mut restarts = 0u8;
    for mcu in 0..mcus {
        if kind.restart_interval > 0 && mcu > 0 && mcu % usize::from(kind.restart_interval) == 0 {
            each(bits, Step::Restart);
            bits.align();
            bits.bytes.extend([0xFF, 0xD0 + restarts]);
            restarts = (restarts + 1) % 8;
        }
        for &component in of {
            for block in blocks(component, mcu) {
                each(bits, Step::Block { component, block: &planes[component].blocks[block] });
            }
        }
    }
    each(bits, Step::Restart);
    bits.align();
}

/// What an entropy coder is told.
enum Step<'a> {
    Block {
        component: usize,
        block: &'a [i32; 64],
    },
    /// Before a restart marker, and at the end of a scan.
    Restart,
}
