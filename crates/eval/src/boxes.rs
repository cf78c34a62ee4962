//! How well boxes agree with those that are known.

use lookalike_photo::BBox;
use serde::Serialize;

/// The least intersection over union of two boxes around one thing.
pub const SAME_BOX: f32 = 0.5;

/// Boxes counted over photos.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BoxCounts {
    /// Boxes that are known.
    pub known: u64,
    /// Boxes that were found.
    pub found: u64,
    /// Pairs of a known one and a found one around the same thing.
    pub right: u64,
}

impl BoxCounts {
    /// Counts a photo's boxes, found ones with the surest first.
    pub fn add(&mut self, known: &[BBox], found: &[BBox]) {
        self.known += known.len() as u64;
        self.found += found.len() as u64;
        self.right += pairs(known, found).iter().flatten().count() as u64;
    }

    /// Share of the known boxes that were found, 0 to 1; 0 of none.
    pub fn recall(&self) -> f64 {
        share(self.right, self.known)
    }

    /// Share of the found boxes that are around a known thing, 0 to 1; 0 of none.
    pub fn precision(&self) -> f64 {
        share(self.right, self.found)
    }
}

/// For each known box, the found one around the same thing: in their order, each found one takes the
/// known one that it agrees with most, of those that nobody has taken, if its intersection over union is
/// [`SAME_BOX`] or more.
pub fn pairs(known: &[BBox], found: &[BBox]) -> Vec<Option<usize>> {
    let mut taken = vec![None; known.len()];
    for (number, one) in found.iter().enumerate() {
        let free = known.iter().enumerate().filter(|(at, _)| taken[*at].is_none());
        let best = free.map(|(at, known)| (at, known.iou(one)));
        let best = best.filter(|(_, iou)| *iou >= SAME_BOX).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((at, _)) = best {
            taken[at] = Some(number);
        }
    }
    taken
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(left: f32, right: f32) -> BBox {
        BBox { left, top: 0.0, right, bottom: 1.0 }
    }

    #[test]
    fn each_box_counts_once() {
        let known = [area(0.0, 0.4), area(0.5, 0.9)];
        let found = [area(0.02, 0.4), area(0.0, 0.38), area(0.1, 0.9)];
        assert_eq!(pairs(&known, &found), [Some(0), Some(2)]);
        assert_eq!(pairs(&known, &found[1..2]), [Some(0), None]);
        let mut counts = BoxCounts::default();
        counts.add(&known, &found);
        counts.add(&[], &found[..1]);
        assert_eq!(counts, BoxCounts { known: 2, found: 4, right: 2 });
        assert_eq!((counts.recall(), counts.precision()), (1.0, 0.5));
        assert_eq!(BoxCounts::default().recall(), 0.0);
    }
}
