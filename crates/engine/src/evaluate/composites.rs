//! Composites: photos of several products, made of a split's photos of one.

use std::collections::HashMap;
use std::path::PathBuf;

use lookalike_catalog::{Catalog, Skipped, Split};
use lookalike_eval::composite;
use lookalike_photo::{BBox, RgbImage};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Photos on one canvas.
const ON_ONE: std::ops::RangeInclusive<usize> = 2..=6;

/// Makes composites.
pub(super) struct Maker {
    /// Files of each product that is in the index, with the product's position there.
    files: Vec<(u32, Vec<PathBuf>)>,
    seed: u64,
}

impl Maker {
    pub(super) fn new(
        catalog: &Catalog,
        split: Split,
        seed: u64,
        known: &HashMap<&str, u32>,
    ) -> Self {
        let is_split = catalog.photos.iter().any(|photo| photo.split.is_some());
        let mut of: HashMap<u32, Vec<PathBuf>> = HashMap::new();
        for photo in &catalog.photos {
            let product = known.get(catalog.products[photo.product as usize].id.as_str());
            if let Some(product) = product.filter(|_| !is_split || photo.split == Some(split)) {
                of.entry(*product).or_default().push(catalog.file(photo));
            }
        }
        let mut files: Vec<_> = of.into_iter().collect();
        files.sort_unstable_by_key(|(product, _)| *product);
        Self { files, seed }
    }

    /// The composite of a number, and the products and boxes in it.
    pub(super) fn make(
        &self,
        number: u64,
        open: &dyn Fn(&PathBuf) -> Result<RgbImage, String>,
        skip: &mut Vec<Skipped>,
    ) -> (RgbImage, Vec<(Option<u32>, BBox)>) {
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(number);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut products: Vec<_> = self.files.iter().collect();
        products.shuffle(&mut rng);
        let (mut pictures, mut products_in_it) = (Vec::new(), Vec::new());
        let wanted = rng.random_range(ON_ONE);
        for (product, files) in products {
            if pictures.len() == wanted {
                break;
            }
            let Some(file) = files.choose(&mut rng) else { continue };
            match open(file) {
                Ok(picture) => {
                    pictures.push(picture);
                    products_in_it.push(Some(*product));
                }
                Err(reason) => skip.push(Skipped { path: file.display().to_string(), reason }),
            }
        }
        let made = composite(&pictures, seed);
        (
            made.image,
            made.annotations.into_iter().map(|(at, area)| (products_in_it[at], area)).collect(),
        )
    }
}
