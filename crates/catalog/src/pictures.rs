//! Catalogue pictures as photos of their products.

use std::collections::HashSet;

#[cfg(doc)]
use crate::Product;
use crate::{Catalog, Photo, PhotoSource};

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
    /// Whether products have catalogue pictures, in files or at web addresses.
    pub fn has_pictures(&self) -> bool {
        self.products.iter().any(|product| product.image.is_some())
            || !self.more_pictures.is_empty()
            || self.photos.iter().any(|photo| photo.source == PhotoSource::Catalogue)
    }

    /// With the products' [catalogue pictures](Product::image) and their [further ones](Catalog::more_pictures) among the
    /// photos, or in their place. They have no split, so they are always indexed.
    pub fn with_catalogue_pictures(mut self, pictures: CataloguePictures) -> Self {
        match pictures {
            CataloguePictures::Shown => return self,
            CataloguePictures::Along => {}
            CataloguePictures::Only => self.photos.clear(),
        }
        // A customers' photo may be named as the picture; it is one photo then, and not a shop's.
        let mut listed: HashSet<(u32, String)> =
            self.photos.iter().map(|photo| (photo.product, photo.path.clone())).collect();
        let picture = |product, path| {
            let source = PhotoSource::Catalogue;
            Photo { product, path, split: None, source }
        };
        let images = (0u32..).zip(&self.products).filter_map(|(number, product)| {
            product.image.as_ref().map(|image| picture(number, image.clone()))
        });
        let pictures = images.chain(self.more_pictures.drain(..));
        let new = pictures.filter(|photo| listed.insert((photo.product, photo.path.clone())));
        self.photos.extend(new);
        // A product's image stays before its further pictures.
        self.photos.sort_by_key(|photo| photo.product);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Product;

    #[test]
    fn pictures_are_photos_of_another_source() {
        let image = |id: &str, image: &str| Product {
            id: id.to_owned(),
            image: Some(image.to_owned()),
            ..Product::default()
        };
        let picture = |product, path: &str| Photo {
            product,
            path: path.to_owned(),
            split: None,
            source: PhotoSource::Catalogue,
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
            more_pictures: vec![picture(1, "b/back.jpg"), picture(1, "https://shop.example/b.jpg")],
            ..Catalog::default()
        };
        assert_eq!(catalog.clone().with_catalogue_pictures(CataloguePictures::Shown), catalog);
        let sources = |pictures| {
            let catalog = catalog.clone().with_catalogue_pictures(pictures);
            let source = |photo: Photo| (photo.product, photo.path, photo.source);
            catalog.photos.into_iter().map(source).collect::<Vec<_>>()
        };
        let (review, shop) = (PhotoSource::Review, PhotoSource::Catalogue);
        let named = |product, path: &str, source| (product, path.to_owned(), source);
        let of_b = ["https://shop.example/b.jpg", "b/back.jpg"].map(|path| named(1, path, shop));
        let [address, back] = &of_b;
        assert_eq!(
            sources(CataloguePictures::Along),
            [
                named(0, "a/1.jpg", review),
                named(0, "a.jpg", shop),
                address.clone(),
                back.clone(),
                named(2, "c/1.jpg", review)
            ]
        );
        assert_eq!(
            sources(CataloguePictures::Only),
            [named(0, "a.jpg", shop), address.clone(), back.clone(), named(2, "c/1.jpg", shop)]
        );
    }
}
