//! How much of a JPEG's picture its data gives. Decoders fill what is missing with a flat colour and say nothing; so
//! this walks all codes of all scans, without decoding pixels, and counts blocks.

use super::structure::Structure;
use super::walker::Walker;

/// What of a picture there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Coverage {
    /// All.
    Whole,
    /// The data ends, or is damaged, after about this share of the picture, 0 to 1.
    Damaged(f32),
}

impl Structure {
    /// How much of the picture there is. Takes about as long as half of decoding it.
    pub(crate) fn coverage(&self, bytes: &[u8]) -> Coverage {
        self.coverage_by(&mut Walker::new(self, &[]), bytes)
    }

    /// How much of the picture there is, by a walk of all scans.
    pub(super) fn coverage_by(&self, walker: &mut Walker<'_>, bytes: &[u8]) -> Coverage {
        let mut least = 1f32;
        let mut lowest_bits = vec![[u8::MAX; 64]; self.components.len()];
        for scan in &self.scans {
            let share = walker.walk(scan, &bytes[scan.data.clone()]);
            // The first scans are the whole picture; a later one only makes it sharper.
            let is_first = scan.spectrum.0 == 0 && scan.bits.0 == 0;
            if share < 1.0 {
                least = least.min(if is_first { share } else { 0.99 });
            }
            for component in &scan.components {
                let (from, to) = scan.spectrum;
                lowest_bits[component.number][usize::from(from)..=usize::from(to)]
                    .fill(scan.bits.1);
            }
        }
        let all = lowest_bits.len() as f32;
        let shown = lowest_bits.iter().filter(|bits| bits[0] != u8::MAX).count() as f32;
        least = least.min(shown / all);
        let is_sharp = lowest_bits.iter().flatten().all(|bit| *bit == 0);
        if least < 1.0 {
            Coverage::Damaged(least)
        } else if is_sharp || self.has_end_marker() {
            Coverage::Whole
        } else {
            Coverage::Damaged(0.99)
        }
    }
}
