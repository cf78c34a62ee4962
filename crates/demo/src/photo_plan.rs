//! The plan of a data set: for every photo its product, kind and split.

use serde::{Deserialize, Serialize};

use crate::rng::Rng;

/// The kind of a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhotoKind {
    /// One product that covers half of the photo or more.
    Good,
    /// The product among clutter.
    Cluttered,
    /// The product covers less than half of the photo.
    Small,
    /// Out of focus, or with motion blur.
    Blurry,
    /// Strongly underexposed.
    Dark,
    /// Strongly overexposed.
    Bright,
    /// Two of the shop's products.
    TwoProducts,
    /// The same file as another photo of the product.
    Duplicate,
    /// Another photo of the product, encoded again, cropped a little or made brighter.
    NearDuplicate,
}

/// The fraction of each kind among all photos.
const KIND_FRACTIONS: [(PhotoKind, f64); 9] = [
    (PhotoKind::Good, 0.70),
    (PhotoKind::Cluttered, 0.04),
    (PhotoKind::Small, 0.06),
    (PhotoKind::Blurry, 0.04),
    (PhotoKind::Dark, 0.03),
    (PhotoKind::Bright, 0.03),
    (PhotoKind::TwoProducts, 0.04),
    (PhotoKind::Duplicate, 0.03),
    (PhotoKind::NearDuplicate, 0.03),
];

/// The fraction of each split among a product's photos.
const SPLIT_FRACTIONS: [(Split, f64); 3] =
    [(Split::Train, 0.70), (Split::Val, 0.10), (Split::Test, 0.20)];

/// A split of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Indexed, and trained on.
    Train,
    /// For choosing settings.
    Val,
    /// For final figures only.
    Test,
}

/// A photo to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedPhoto {
    /// From 1, over all products.
    pub(crate) number: u32,
    pub(crate) product: usize,
    pub(crate) kind: PhotoKind,
    pub(crate) split: Split,
    /// Number of the original, of a duplicate or near-duplicate.
    pub(crate) original: Option<u32>,
}

/// A plan of so many photos, product by product; deterministic for a seed.
pub(crate) fn plan(seed: u64, photos: u32, products: usize) -> Vec<PlannedPhoto> {
    let mut rng = Rng::new(seed, 1 << 41);
    let mut kinds = kinds_by_fraction(photos as usize);
    rng.shuffle(&mut kinds);
    let mut planned = Vec::with_capacity(photos as usize);
    let mut deficits = [0.0; 3];
    let mut kinds = kinds.into_iter();
    let mut next = 1;
    for product in 0..products {
        let count = photos as usize / products + usize::from(product < photos as usize % products);
        let mut own: Vec<PhotoKind> = kinds.by_ref().take(count).collect();
        // Every product has a good photo, which can be indexed and duplicated.
        if !own.contains(&PhotoKind::Good)
            && let Some(first) = own.first_mut()
        {
            *first = PhotoKind::Good;
        }
        let good: Vec<usize> = (0..count).filter(|&slot| own[slot] == PhotoKind::Good).collect();
        let originals: Vec<usize> = own
            .iter()
            .enumerate()
            .map(|(slot, kind)| match kind {
                PhotoKind::Duplicate | PhotoKind::NearDuplicate => rng.pick(&good),
                _ => slot,
            })
            .collect();
        let splits = splits(&originals, &mut deficits, &mut rng);
        for slot in 0..count {
            let original = originals[slot];
            planned.push(PlannedPhoto {
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

/// The kinds of all photos, in their order; rounding errors go to good photos.
fn kinds_by_fraction(photos: usize) -> Vec<PhotoKind> {
    let mut kinds = Vec::with_capacity(photos);
    for (kind, fraction) in KIND_FRACTIONS.iter().skip(1) {
        let count = (fraction * photos as f64).round() as usize;
        kinds.extend(std::iter::repeat_n(*kind, count));
    }
    kinds.truncate(photos);
    kinds.resize(photos, PhotoKind::Good);
    kinds
}

/// A split for every slot that is an original; its duplicates are in the same split. `deficits` carries the photos that
/// each split lacks from product to product.
fn splits(originals: &[usize], deficits: &mut [f64; 3], rng: &mut Rng) -> Vec<Split> {
    for (deficit, (_, fraction)) in deficits.iter_mut().zip(SPLIT_FRACTIONS) {
        *deficit += fraction * originals.len() as f64;
    }
    let mut splits = vec![Split::Train; originals.len()];
    let mut order: Vec<usize> =
        (0..originals.len()).filter(|&slot| originals[slot] == slot).collect();
    rng.shuffle(&mut order);
    for (turn, slot) in order.into_iter().enumerate() {
        let size = originals.iter().filter(|&&original| original == slot).count() as f64;
        // A product without training photos could never be found.
        let neediest = if turn == 0 {
            0
        } else {
            (0..3).fold(0, |a, b| if deficits[b] > deficits[a] { b } else { a })
        };
        deficits[neediest] -= size;
        splits[slot] = SPLIT_FRACTIONS[neediest].0;
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_splits_have_their_fractions() {
        for seed in [1, 2, 3] {
            let planned = plan(seed, 648, 54);
            assert_eq!(planned.len(), 648);
            for (kind, fraction) in KIND_FRACTIONS {
                let found = planned.iter().filter(|p| p.kind == kind).count() as f64 / 648.0;
                assert!((found - fraction).abs() < 0.01, "seed {seed}, {kind:?}: {found}");
            }
            for (split, fraction) in SPLIT_FRACTIONS {
                let found = planned.iter().filter(|p| p.split == split).count() as f64 / 648.0;
                assert!((found - fraction).abs() < 0.02, "seed {seed}, {split:?}: {found}");
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
                let repeats = matches!(photo.kind, PhotoKind::Duplicate | PhotoKind::NearDuplicate);
                assert_eq!(photo.original.is_some(), repeats);
                if let Some(original) = photo.original {
                    let original = &planned[original as usize - 1];
                    assert_eq!((original.product, original.split), (photo.product, photo.split));
                    assert_eq!(original.kind, PhotoKind::Good);
                }
            }
        }
    }

    #[test]
    fn every_product_has_as_many_photos_and_one_to_train_on() {
        let planned = plan(1, 648, 54);
        for product in 0..54 {
            let own: Vec<_> = planned.iter().filter(|p| p.product == product).collect();
            assert_eq!(own.len(), 12);
            assert!(own.iter().any(|p| p.split == Split::Train));
        }
    }
}
