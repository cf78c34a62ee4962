//! Photos at web addresses, and the files that they are downloaded to.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use crate::patterns::{not_utf8, relative};
use crate::{Catalog, Photo, Skipped};

/// Whether a text is a web address: it begins with `http://` or `https://`.
pub fn is_web_address(text: &str) -> bool {
    let starts = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    starts("http://") || starts("https://")
}

impl Photo {
    /// Whether its path is a web address: it has to be downloaded before it can be read.
    pub fn is_web_address(&self) -> bool {
        is_web_address(&self.path)
    }
}

impl Catalog {
    /// The web addresses among the photos' paths, each once, in the photos' order.
    pub fn addresses(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let paths = self.photos.iter().filter(|photo| photo.is_web_address());
        paths.map(|photo| photo.path.as_str()).filter(|address| seen.insert(*address)).collect()
    }

    /// Puts files in the place of photos' web addresses.
    ///
    /// Addresses without a file, those of `Err`, become [skipped](Catalog::skipped) with that reason. Others that
    /// `files` lacks stay as they are, and so do the products' [images](crate::Product::image), which pages show.
    pub fn replace_addresses(&mut self, files: &HashMap<String, Result<PathBuf, String>>) {
        // Several photos may be at one address.
        let mut told = HashSet::new();
        let mut listed: HashSet<(u32, String)> =
            self.photos.iter().map(|photo| (photo.product, photo.path.clone())).collect();
        let (root, skipped) = (&self.root, &mut self.skipped);
        self.photos.retain_mut(|photo| {
            let file = match files.get(&photo.path) {
                Some(file) if photo.is_web_address() => file,
                _ => return true,
            };
            let file = match file {
                Ok(path) => relative(path, root).ok_or_else(|| not_utf8(path, root).reason),
                Err(reason) => Err(reason.clone()),
            };
            match file {
                Ok(path) => {
                    // Two addresses of a product may have led to one file.
                    let is_new = listed.insert((photo.product, path.clone()));
                    photo.path = path;
                    is_new
                }
                Err(reason) => {
                    if told.insert(photo.path.clone()) {
                        skipped.push(Skipped { path: photo.path.clone(), reason });
                    }
                    false
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Product;

    #[test]
    fn addresses_are_listed_once_and_replaced() {
        let photo = |product, path: &str| Photo {
            product,
            path: path.to_owned(),
            split: None,
            source: crate::PhotoSource::Review,
        };
        let [a, b, c] =
            ["https://shop.example/1.jpg", "HTTP://shop.example/의자.jpg", "http://x/c"];
        let image = Some(a.to_owned());
        let mut catalog = Catalog {
            root: "/shop".into(),
            products: vec![Product { image, ..Product::default() }, Product::default()],
            photos: vec![
                photo(0, a),
                photo(0, b),
                photo(0, "의자/1.jpg"),
                photo(1, a),
                photo(1, c),
                photo(1, "http://x/same"),
                photo(1, "http://x/not asked for"),
            ],
            ..Catalog::default()
        };
        let all = [a, b, c, "http://x/same", "http://x/not asked for"];
        assert_eq!(catalog.addresses(), all);
        let file = |path: &str| Ok(PathBuf::from(path));
        let files = [
            (a, file("/shop/downloads/1.jpg")),
            (b, Err("404 Not Found".to_owned())),
            (c, file("/elsewhere/c.jpg")),
            ("http://x/same", file("/elsewhere/c.jpg")),
            ("의자/1.jpg", file("/no/address")),
        ];
        let files = files.into_iter().map(|(address, file)| (address.to_owned(), file)).collect();
        catalog.replace_addresses(&files);
        let paths: Vec<_> = catalog.photos.iter().map(|p| (p.product, p.path.as_str())).collect();
        let want = [
            (0, "downloads/1.jpg"),
            (0, "의자/1.jpg"),
            (1, "downloads/1.jpg"),
            (1, "/elsewhere/c.jpg"),
            (1, "http://x/not asked for"),
        ];
        assert_eq!(paths, want);
        assert_eq!(catalog.products[0].image.as_deref(), Some(a));
        let skipped = Skipped { path: b.to_owned(), reason: "404 Not Found".to_owned() };
        assert_eq!(catalog.skipped, [skipped]);
    }

    #[test]
    fn what_begins_like_an_address() {
        for (text, is) in [
            ("https://a", true),
            ("HTTP://a", true),
            ("httpx", false),
            ("의자", false),
            ("", false),
        ] {
            assert_eq!(is_web_address(text), is, "{text}");
        }
    }
}
