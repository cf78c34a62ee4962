//! The products of an index before and after a change.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use lookalike_catalog::{Catalog, Product, is_web_address};

use super::paths::relative_to_root;
use crate::encode::absolute;
use crate::index::Index;

/// Products before and after a change.
pub(super) struct Products {
    pub(super) now: Vec<Product>,
    /// The position now of each of the index's products, if it stays.
    pub(super) of_index: Vec<Option<u32>>,
    /// Of each of the catalogue's products, the position in the index before and now.
    of_catalog: Vec<(Option<u32>, u32)>,
    pub(super) added: u64,
    pub(super) removed: u64,
}

impl Products {
    pub(super) fn new(index: &Index, catalog: &Catalog, remove_others: bool) -> Self {
        let ids = |products: &[Product]| -> HashMap<String, u32> {
            products.iter().map(|product| product.id.clone()).zip(0..).collect()
        };
        let before = ids(index.products());
        let mut now =
            if remove_others { catalog.products.clone() } else { index.products().to_vec() };
        let mut positions = ids(&now);
        for product in &catalog.products {
            match positions.get(&product.id) {
                Some(&position) => now[position as usize] = product.clone(),
                None => {
                    positions.insert(product.id.clone(), now.len() as u32);
                    now.push(product.clone());
                }
            }
        }
        let position = |id: &String| positions.get(id).copied();
        let of_index: Vec<_> = index.products().iter().map(|p| position(&p.id)).collect();
        let both = |p: &Product| (before.get(&p.id).copied(), positions[&p.id]);
        let of_catalog: Vec<_> = catalog.products.iter().map(both).collect();
        Self {
            added: of_catalog.iter().filter(|(before, _)| before.is_none()).count() as u64,
            removed: of_index.iter().filter(|now| now.is_none()).count() as u64,
            now,
            of_index,
            of_catalog,
        }
    }

    /// Makes the paths of the catalogue's pictures relative to a folder, as those of photos are.
    pub(super) fn images_below(&mut self, catalog: &Catalog, root: &Path) {
        if absolute(&catalog.root) == root {
            return;
        }
        for (_, position) in &self.of_catalog {
            if let Some(image) = &mut self.now[*position as usize].image
                && !is_web_address(image)
            {
                *image = relative_to_root(&catalog.root, root, image);
            }
        }
    }

    pub(super) fn without(index: &Index, gone: &HashSet<u32>) -> Self {
        let mut now = Vec::new();
        let of_index = index.products().iter().zip(0..).map(|(product, number)| {
            (!gone.contains(&number)).then(|| {
                now.push(product.clone());
                now.len() as u32 - 1
            })
        });
        let of_index = of_index.collect();
        Self { now, of_index, of_catalog: Vec::new(), added: 0, removed: gone.len() as u64 }
    }

    pub(super) fn now(&self, of_catalog: u32) -> u32 {
        self.of_catalog[of_catalog as usize].1
    }

    pub(super) fn before(&self, of_catalog: u32) -> Option<u32> {
        self.of_catalog[of_catalog as usize].0
    }
}
