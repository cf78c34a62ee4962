//! Which photos of a catalogue are indexed.

use std::collections::{BTreeSet, HashSet};

use lookalike_catalog::{Catalog, Product, Split};

use crate::error::EngineError;
use crate::index::IndexedPhoto;

/// Whether photos of a split are indexed: by default, those of `train` and those without a split.
pub(super) fn is_selected(split: Option<Split>, splits: &[Split]) -> bool {
    match split {
        None => true,
        Some(split) if splits.is_empty() => split == Split::Train,
        Some(split) => splits.contains(&split),
    }
}

/// The error that no photo is in the wanted splits.
pub(crate) fn empty_split(catalog: &Catalog, wanted: &[Split]) -> EngineError {
    let names = |splits: &mut dyn Iterator<Item = Split>| {
        splits.map(Split::name).collect::<Vec<_>>().join(", ")
    };
    let found: BTreeSet<Split> = catalog.photos.iter().filter_map(|photo| photo.split).collect();
    let default = [Split::Train];
    let wanted = if wanted.is_empty() { &default[..] } else { wanted };
    EngineError::EmptySplit {
        wanted: names(&mut wanted.iter().copied()),
        found: names(&mut found.into_iter()),
    }
}

/// Ids of products that have no photo.
pub(super) fn without_photos(products: &[Product], photos: &[IndexedPhoto]) -> Vec<String> {
    let with_photos: HashSet<u32> = photos.iter().map(|photo| photo.product).collect();
    let products = (0u32..).zip(products);
    products
        .filter(|(number, _)| !with_photos.contains(number))
        .map(|(_, product)| product.id.clone())
        .collect()
}
