//! Catalogue pictures as photos of their products.

use std::collections::HashSet;

use crate::{Catalog, Photo, PhotoSource, Product, Skipped};

/// Whether the products' catalogue pictures are photos, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CataloguePictures {
    /// They are only shown.
    #[default]
    Shown,
    /// They are, along with customers' photos.
    Along,
    /// They are, and customers' photos are not.
    Only,
}

impl Catalog {
    /// Whether products have catalogue pictures, in files or elsewhere.
    pub fn has_pictures(&self) -> bool {
        self.products.iter().any(|product| product.image.is_some())
    }

    /// With the products' [catalogue pictures](Product::image) among the photos, or in their place. They have no split, so
    /// they are always indexed. A picture at a web address is reported as skipped.
    pub fn with_catalogue_pictures(mut self, pictures: CataloguePictures) -> Self {
        match pictures {
            CataloguePictures::Shown => return self,
            CataloguePictures::Along => {}
            CataloguePictures::Only => self.photos.clear(),
        }
        let listed: HashSet<(u32, String)> =
            self.photos.iter().map(|photo| (photo.product, photo.path.clone())).collect();
        for (product, Product { image, .. }) in (0u32..).zip(&self.products) {
            let Some(image) = image else { continue };
            if image.contains("://") {
                let reason = "a catalogue picture at a web address: save it to a file, and name \
                              that as `image`";
                let skipped = Skipped { path: image.clone(), reason: reason.to_owned() };
                self.skipped.push(skipped);
                continue;
            }
            // A customers' photo may be named as the picture; it is one photo then, and not a shop's.
            if !listed.contains(&(product, image.clone())) {
                let (path, source) = (image.clone(), PhotoSource::Catalogue);
                self.photos.push(Photo { product, path, split: None, source });
            }
        }
        self.photos.sort_by_key(|photo| photo.product);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_photos_of_another_source() {
        let image = |id: &str, image: &str| Product {
            id: id.to_owned(),
            image: Some(image.to_owned()),
            ..Product::default()
        };
        let photo = |product, path: &str| Photo {
            product,
            path: path.to_owned(),
            split: None,
            source: PhotoSource::Review,
        };
        let catalog = Catalog {
            root: "shop".into(),
            products: vec![
                image("a", "a.jpg"),
                image("b", "https://shop.example/b.jpg"),
                image("c", "c/1.jpg"),
                Product::default(),
            ],
            photos: vec![photo(0, "a/1.jpg"), photo(2, "c/1.jpg")],
            skipped: Vec::new(),
        };
        assert_eq!(catalog.clone().with_catalogue_pictures(CataloguePictures::Shown), catalog);
        let sources = |pictures| {
            let catalog = catalog.clone().with_catalogue_pictures(pictures);
            assert_eq!(catalog.skipped[0].path, "https://shop.example/b.jpg");
            let source = |photo: Photo| (photo.product, photo.path, photo.source);
            catalog.photos.into_iter().map(source).collect::<Vec<_>>()
        };
        let (review, shop) = (PhotoSource::Review, PhotoSource::Catalogue);
        let named = |product, path: &str, source| (product, path.to_owned(), source);
        assert_eq!(
            sources(CataloguePictures::Along),
            [named(0, "a/1.jpg", review), named(0, "a.jpg", shop), named(2, "c/1.jpg", review)]
        );
        assert_eq!(
            sources(CataloguePictures::Only),
            [named(0, "a.jpg", shop), named(2, "c/1.jpg", shop)]
        );
    }
}
