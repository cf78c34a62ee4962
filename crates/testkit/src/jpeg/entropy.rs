//! Huffman coding of blocks, sequential and progressive (T.81, annexes F and G).

use super::blocks::Plane;
use super::{JpegKind, Scan, Step, for_each_mcu};

/// A table of codes of one length for all symbols: simple, and as valid as any.
#[derive(Clone, Copy)]
pub(super) struct HuffmanCodes {
    /// Of AC codes: 8 or 16.
    pub(super) bits: u32,
}

impl HuffmanCodes {
    /// Bits of the codes of DC (0) or AC (1) symbols.
    pub(super) fn length(self, class: u8) -> u32 {
        match (class, self.bits) {
            (_, 16) => 16,
            (0, _) => 4,
            (_, bits) => bits,
        }
    }

    fn put(self, bits: &mut Bits, class: u8, symbol: u8) {
        bits.put(u32::from(symbol), self.length(class));
    }
}

/// Entropy-coded data.
#[derive(Default)]
pub(super) struct Bits {
    pub(super) bytes: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, bits: u32) {
        self.held = self.held << bits | u64::from(value);
        self.count += bits;
        while self.count >= 8 {
            let byte = (self.held >> (self.count - 8)) as u8;
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
            self.count -= 8;
        }
    }

    /// Fills the last byte with ones.
    pub(super) fn align(&mut self) {
        let free = (8 - self.count % 8) % 8;
        self.put((1 << free) - 1, free);
    }

    /// The bits of a value of `size` bits, negative ones less one.
    fn put_value(&mut self, value: i32, size: u32) {
        let bits = if value < 0 { value - 1 } else { value };
        self.put(bits as u32 & ((1 << size) - 1), size);
    }
}

fn size_of(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

/// A baseline or extended sequential scan.
pub(super) fn sequential_scan(
    kind: &JpegKind,
    planes: &[Plane],
    of: &[usize],
    codes: HuffmanCodes,
) -> Scan {
    let mut bits = Bits::default();
    let mut before = vec![0; planes.len()];
    for_each_mcu(kind, planes, of, &mut bits, |bits, step| match step {
        Step::Restart => before.fill(0),
        Step::Block { component, block } => {
            put_dc(bits, codes, block[0], &mut before[component]);
            if put_ac(bits, codes, block[1..].iter().copied(), |_| ()) {
                codes.put(bits, 1, 0);
            }
        }
    });
    Scan { components: of.to_vec(), from: 0, to: 63, high: 0, low: 0, data: bits.bytes }
}

/// Writes coefficients, `first` before each, and returns whether zeros are left at the end.
fn put_ac(
    bits: &mut Bits,
    codes: HuffmanCodes,
    values: impl Iterator<Item = i32>,
    mut first: impl FnMut(&mut Bits),
) -> bool {
    let mut run = 0;
    for value in values {
        if value == 0 {
            run += 1;
            continue;
        }
        first(bits);
        while run > 15 {
            codes.put(bits, 1, 0xF0);
            run -= 16;
        }
        let size = size_of(value);
        codes.put(bits, 1, (run << 4) as u8 | size as u8);
        bits.put_value(value, size);
        run = 0;
    }
    run > 0
}

fn put_dc(bits: &mut Bits, codes: HuffmanCodes, value: i32, before: &mut i32) {
    let difference = value - *before;
    *before = value;
    let size = size_of(difference);
    codes.put(bits, 0, size as u8);
    bits.put_value(difference, size);
}

/// DC with one bit fewer, its last bit, then of each component the low AC coefficients, the others with one bit fewer,
/// and the last bit of those.
pub(super) fn progressive_scans(
    kind: &JpegKind,
    planes: &[Plane],
    codes: HuffmanCodes,
) -> Vec<Scan> {
    let mut scans = Vec::new();
    for of in &kind.scans {
        let mut bits = Bits::default();
        let mut before = vec![0; planes.len()];
        for_each_mcu(kind, planes, of, &mut bits, |bits, step| match step {
            Step::Restart => before.fill(0),
            Step::Block { component, block } => {
                put_dc(bits, codes, block[0] >> 1, &mut before[component]);
            }
        });
        scans.push(Scan {
            components: of.clone(),
            from: 0,
            to: 0,
            high: 0,
            low: 1,
            data: bits.bytes,
        });
    }
    for component in 0..planes.len() {
        scans.push(first_ac(kind, planes, component, codes, (1, 5, 0)));
        scans.push(first_ac(kind, planes, component, codes, (6, 63, 1)));
    }
    for of in &kind.scans {
        let mut bits = Bits::default();
        for_each_mcu(kind, planes, of, &mut bits, |bits, step| {
            if let Step::Block { block, .. } = step {
                bits.put(block[0] as u32 & 1, 1);
            }
        });
        scans.push(Scan {
            components: of.clone(),
            from: 0,
            to: 0,
            high: 1,
            low: 0,
            data: bits.bytes,
        });
    }
    for component in 0..planes.len() {
        scans.push(refined_ac(kind, planes, component, codes));
    }
    scans
}

/// The magnitude without its lowest bits, as successive approximation has it.
fn shifted(value: i32, low: u8) -> i32 {
    value.signum() * (value.abs() >> low)
}

fn first_ac(
    kind: &JpegKind,
    planes: &[Plane],
    component: usize,
    codes: HuffmanCodes,
    (from, to, low): (u8, u8, u8),
) -> Scan {
    let mut bits = Bits::default();
    // Blocks that have ended, not yet written.
    let mut ended = 0u32;
    let flush = |bits: &mut Bits, ended: &mut u32| {
        if *ended > 0 {
            let size = 31 - ended.leading_zeros();
            codes.put(bits, 1, (size << 4) as u8);
            bits.put(*ended & ((1 << size) - 1), size);
            *ended = 0;
        }
    };
    for_each_mcu(kind, planes, &[component], &mut bits, |bits, step| match step {
        Step::Restart => flush(bits, &mut ended),
        Step::Block { block, .. } => {
            let values = block[usize::from(from)..=usize::from(to)].iter();
            let values = values.map(|&value| shifted(value, low));
            if put_ac(bits, codes, values, |bits| flush(bits, &mut ended)) {
                ended += 1;
            }
        }
    });
    Scan { components: vec![component], from, to, high: 0, low, data: bits.bytes }
}

fn refined_ac(kind: &JpegKind, planes: &[Plane], component: usize, codes: HuffmanCodes) -> Scan {
    let mut bits = Bits::default();
    for_each_mcu(kind, planes, &[component], &mut bits, |bits, step| {
        let Step::Block { block, .. } = step else { return };
        let last_new = (6..64).rev().find(|&at| block[at].abs() == 1);
        let mut run = 0;
        let mut corrections = Vec::new();
        for (at, value) in block.iter().enumerate().skip(6) {
            let magnitude = value.abs();
            if magnitude == 0 {
                run += 1;
                continue;
            }
            while run > 15 && last_new.is_some_and(|last| at <= last) {
                codes.put(bits, 1, 0xF0);
                corrections.drain(..).for_each(|bit| bits.put(bit, 1));
                run -= 16;
            }
            if magnitude > 1 {
                corrections.push(magnitude as u32 & 1);
                continue;
            }
            codes.put(bits, 1, (run << 4) as u8 | 1);
            bits.put(u32::from(*value > 0), 1);
            corrections.drain(..).for_each(|bit| bits.put(bit, 1));
            run = 0;
        }
        if run > 0 || !corrections.is_empty() {
            codes.put(bits, 1, 0);
            corrections.drain(..).for_each(|bit| bits.put(bit, 1));
        }
    });
    Scan { components: vec![component], from: 6, to: 63, high: 1, low: 0, data: bits.bytes }
}
