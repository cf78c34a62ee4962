//! The dataset: decoded photos with the products that they show.

use std::collections::{BTreeSet, HashMap};

use image::RgbImage;
use lookalike_backbone::parallel::map_on_cores;
use lookalike_catalog::{Catalog, Photo, Skipped, Split};
use lookalike_photo::{DecodeLimits, decode_scaled, downscale, read};

use crate::TrainError;

/// Photos are kept at this multiple of the network's input, so that crops of half their width are sharp.
const KEPT: f32 = 2.25;

/// Photos with the products that they show, decoded.
pub struct Dataset {
    pub(crate) pictures: Vec<RgbImage>,
    /// The class of each picture.
    pub(crate) classes: Vec<u32>,
    /// Photos that cannot be used, with the reason.
    pub skipped: Vec<Skipped>,
}

impl Dataset {
    /// The ids of the products that have photos in a split, or at all in a catalogue without splits:
    /// the classes, in the catalogue's order.
    pub fn classes(catalog: &Catalog, split: Split) -> Vec<String> {
        let is_split = catalog.photos.iter().any(|photo| photo.split.is_some());
        let of_split = catalog.photos.iter().filter(|p| !is_split || p.split == Some(split));
        let shown: BTreeSet<u32> = of_split.map(|photo| photo.product).collect();
        shown.into_iter().map(|product| catalog.products[product as usize].id.clone()).collect()
    }

    /// Decodes the photos of a split (of those without one, for `None`) that show one of the classes,
    /// on all cores. Photos much larger than a square of `side` pixels are kept smaller.
    ///
    /// OptimiserState: up to `15 * side * side` bytes a photo.
    ///
    /// # Errors
    /// [`TrainError::TooFew`] when not one can be used.
    pub fn load(
        catalog: &Catalog,
        split: Option<Split>,
        classes: &[String],
        side: u32,
    ) -> Result<Self, TrainError> {
        let numbers: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let class = |photo: &Photo| {
            numbers.get(catalog.products[photo.product as usize].id.as_str()).copied()
        };
        let wanted: Vec<(&Photo, u32)> = catalog
            .photos
            .iter()
            .filter(|photo| photo.split == split)
            .filter_map(|photo| Some((photo, class(photo)?)))
            .collect();
        let photos = Self::read(catalog, wanted, side);
        if photos.pictures.is_empty() {
            let split = split.map_or("without a split".to_owned(), |s| format!("of the split {s}"));
            return Err(TrainError::TooFew { found: format!("no usable photos {split}") });
        }
        Ok(photos)
    }

    /// Decodes photos of other objects, for [`Settings::distil_fraction`](crate::Settings::distil_fraction): those of the
    /// split `train`, or all of a catalogue without splits.
    ///
    /// # Errors
    /// [`TrainError::TooFew`] when not one can be used.
    pub fn load_unlabelled(catalog: &Catalog, side: u32) -> Result<Self, TrainError> {
        let is_split = catalog.photos.iter().any(|photo| photo.split.is_some());
        let taken = |photo: &&Photo| !is_split || photo.split == Some(Split::Train);
        let wanted = catalog.photos.iter().filter(taken).map(|photo| (photo, 0)).collect();
        let photos = Self::read(catalog, wanted, side);
        if photos.is_empty() {
            return Err(TrainError::TooFew { found: "no usable photos of other objects".into() });
        }
        Ok(photos)
    }

    fn read(catalog: &Catalog, wanted: Vec<(&Photo, u32)>, side: u32) -> Self {
        let limits = DecodeLimits::default();
        let longest = (side as f32 * KEPT) as u32;
        let decoded = map_on_cores(&wanted, |(photo, _)| {
            let bytes = read(&catalog.file(photo), &limits)?;
            Ok(downscale(decode_scaled(&bytes, &limits, longest)?.pixels, longest))
        });
        let mut photos = Self {
            pictures: Vec::with_capacity(wanted.len()),
            classes: Vec::with_capacity(wanted.len()),
            skipped: catalog.skipped.clone(),
        };
        for ((photo, class), picture) in wanted.into_iter().zip(decoded) {
            match picture {
                Ok(picture) => {
                    photos.pictures.push(picture);
                    photos.classes.push(class);
                }
                Err(error) => {
                    let error: lookalike_photo::PhotoError = error;
                    let reason = error.to_string();
                    photos.skipped.push(Skipped { path: photo.path.clone(), reason });
                }
            }
        }
        photos
    }

    /// Moves every `every`-th photo of each product into a validation set; of products with fewer photos, but
    /// three or more, the last one.
    pub fn hold_out(&mut self, every: usize) -> Self {
        let mut held = Self { pictures: Vec::new(), classes: Vec::new(), skipped: Vec::new() };
        let (mut sizes, mut counts) = (HashMap::new(), HashMap::new());
        for &class in &self.classes {
            *sizes.entry(class).or_insert(0usize) += 1;
        }
        let pictures = std::mem::take(&mut self.pictures);
        let classes = std::mem::take(&mut self.classes);
        for (picture, class) in pictures.into_iter().zip(classes) {
            let count = counts.entry(class).or_insert(0usize);
            *count += 1;
            let (every, size) = (every.max(2), sizes[&class]);
            let is_last_of_few = (3..every).contains(&size) && *count == size;
            let is_held = count.is_multiple_of(every) || is_last_of_few;
            let to = if is_held { &mut held } else { &mut *self };
            to.pictures.push(picture);
            to.classes.push(class);
        }
        held
    }

    /// Number of photos.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Whether there are none; never after [`Self::load`].
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }
}
