//! Which photos there are: of which product, of what kind, in which split.

use serde::{Deserialize, Serialize};

use crate::rng::Rng;

/// What a photo is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One product that fills half of the photo or more.
    Good,
    /// The product among many other things.
    Cluttered,
    /// The product fills less than half of the photo.
    Small,
    /// Out of focus, or shaken.
    Blurred,
    /// Far too dark.
    Dark,
    /// Far too bright.
    Bright,
    /// Two of the shop's products.
    Two,
    /// The same file as another photo of the product.
    Duplicate,
    /// Another photo of the product, encoded again, cropped a little or made brighter.
    NearDuplicate,
}

/// The share of all photos that each kind has.
pub(crate) const SHARES: [(Kind, f64); 9] = [
    (Kind::Good, 0.70),
    (Kind::Cluttered, 0.04),
    (Kind::Small, 0.06),
    (Kind::Blurred, 0.04),
    (Kind::Dark, 0.03),
    (Kind::Bright, 0.03),
    (Kind::Two, 0.04),
    (Kind::Duplicate, 0.03),
    (Kind::NearDuplicate, 0.03),
];

/// The share of a product's photos that each split has.
const SPLIT_SHARES: [(Split, f64); 3] =
    [(Split::Train, 0.70), (Split::Val, 0.10), (Split::Test, 0.20)];

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Indexed and trained on.
    Train,
    /// For choosing settings.
    Val,
    /// For the final figure only.
    Test,
}

/// A photo to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Counted from 1 over all products.
    pub(crate) number: u32,
    pub(crate) product: usize,
    pub(crate) kind: Kind,
    pub(crate) split: Split,
    /// Number of the photo that it is a duplicate or near-duplicate of.
    pub(crate) original: Option<u32>,
}

/// As many photos as asked for, product by product, the same for a seed.
pub(crate) fn plan(seed: u64, photos: u32, products: usize) -> Vec<Planned> {
    let mut rng = Rng::new(seed, 1 << 41);
    let mut kinds = quotas(photos as usize);
    rng.shuffle(&mut kinds);
    let mut planned = Vec::with_capacity(photos as usize);
    let mut owed = [0.0; 3];
    let mut kinds = kinds.into_iter();
    let mut next = 1;
    for product in 0..products {
        let count = photos as usize / products + usize::from(product < photos as usize % products);
        let mut own: Vec<Kind> = kinds.by_ref().take(count).collect();
        // Every product has a good photo, to be found by and to be repeated.
        if !own.contains(&Kind::Good)
            && let Some(first) = own.first_mut()
        {
            *first = Kind::Good;
        }
        let good: Vec<usize> = (0..count).filter(|&slot| own[slot] == Kind::Good).collect();
        let originals: Vec<usize> = own
            .iter()
            .enumerate()
            .map(|(slot, kind)| match kind {
                Kind::Duplicate | Kind::NearDuplicate => rng.pick(&good),
                _ => slot,
            })
            .collect();
        let splits = splits(&originals, &mut owed, &mut rng);
        for slot in 0..count {
            let original = originals[slot];
            planned.push(Planned {
                number: next + slot as u32,
                product,
                kind: own[slot],
                split: splits[original],
                original: (original != slot).then(|| next + original as u32),
            });
        }
        next += count as u32;
    }
    planned
}

/// So many of each kind, in order of kind; what rounding leaves over is good.
fn quotas(photos: usize) -> Vec<Kind> {
    let mut kinds = Vec::with_capacity(photos);
    for (kind, share) in SHARES.iter().skip(1) {
        let count = (share * photos as f64).round() as usize;
        kinds.extend(std::iter::repeat_n(*kind, count));
    }
    kinds.truncate(photos);
    kinds.resize(photos, Kind::Good);
    kinds
}

/// A split for every slot that is an original; what belongs to it goes along. `owed` carries what
/// rounding left over from product to product.
fn splits(originals: &[usize], owed: &mut [f64; 3], rng: &mut Rng) -> Vec<Split> {
    for (owed, (_, share)) in owed.iter_mut().zip(SPLIT_SHARES) {
        *owed += share * originals.len() as f64;
    }
    let mut splits = vec![Split::Train; originals.len()];
    let mut order: Vec<usize> =
        (0..originals.len()).filter(|&slot| originals[slot] == slot).collect();
    rng.shuffle(&mut order);
    for (turn, slot) in order.into_iter().enumerate() {
        let size = originals.iter().filter(|&&original| original == slot).count() as f64;
        // A product without a photo to train on could never be found.
        let most = if turn == 0 {
            0
        } else {
            (0..3).fold(0, |a, b| if owed[b] > owed[a] { b } else { a })
        };
        owed[most] -= size;
        splits[slot] = SPLIT_SHARES[most].0;
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_splits_have_their_shares() {
        for seed in [1, 2, 3] {
            let planned = plan(seed, 648, 54);
            assert_eq!(planned.len(), 648);
            for (kind, share) in SHARES {
                let found = planned.iter().filter(|p| p.kind == kind).count() as f64 / 648.0;
                assert!((found - share).abs() < 0.01, "seed {seed}, {kind:?}: {found}");
            }
            for (split, share) in SPLIT_SHARES {
                let found = planned.iter().filter(|p| p.split == split).count() as f64 / 648.0;
                assert!((found - share).abs() < 0.02, "seed {seed}, {split:?}: {found}");
            }
        }
    }

    #[test]
    fn duplicates_stay_with_their_original() {
        for photos in [1, 53, 60, 200, 648] {
            let planned = plan(7, photos, 54);
            assert_eq!(planned.len(), photos as usize);
            for (position, photo) in planned.iter().enumerate() {
                assert_eq!(photo.number as usize, position + 1);
                let repeats = matches!(photo.kind, Kind::Duplicate | Kind::NearDuplicate);
                assert_eq!(photo.original.is_some(), repeats);
                if let Some(original) = photo.original {
                    let original = &planned[original as usize - 1];
                    assert_eq!((original.product, original.split), (photo.product, photo.split));
                    assert_eq!(original.kind, Kind::Good);
                }
            }
        }
    }

    #[test]
    fn every_product_has_its_share_and_a_photo_to_train_on() {
        let planned = plan(1, 648, 54);
        for product in 0..54 {
            let own: Vec<_> = planned.iter().filter(|p| p.product == product).collect();
            assert_eq!(own.len(), 12);
            assert!(own.iter().any(|p| p.split == Split::Train));
        }
    }
}
