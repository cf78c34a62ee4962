//! The index that is served, and what requests need of it beside a search.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use lookalike_catalog::Product;
use lookalike_engine::{Both, Detector, EngineError, ItemFinder, Searcher};
use sha2::{Digest, Sha256};

use crate::api::{Category, IndexIdentity, ModelIdentity, ModelPart, Prices};

/// A best match below the similarity that this share of the index's own photos have to their nearest
/// is called weak.
const WEAK_SHARE: f64 = 0.02;

/// Sites with product pictures that a page is told one by one.
const SITES: usize = 16;

/// Bytes of a photo's checksum that are its id.
const ID_BYTES: usize = 12;

pub(crate) struct Served {
    pub(crate) searcher: Searcher,
    pub(crate) finder: Arc<dyn ItemFinder>,
    pub(crate) index: IndexIdentity,
    pub(crate) model: ModelIdentity,
    pub(crate) categories: Vec<Category>,
    pub(crate) prices: Option<Prices>,
    /// A best match that is less similar is no good one; unknown of an index with one photo.
    pub(crate) weak_below: Option<f32>,
    /// Where product pictures are on the web, for the page's content security policy.
    pub(crate) picture_sites: Vec<String>,
    products: HashMap<String, u32>,
    photos: HashMap<String, u32>,
}

impl Served {
    /// Of an index; things in photos are found by its network's map, and by a detector if there is one.
    pub(crate) fn new(
        searcher: Searcher,
        detector: Option<Arc<Detector>>,
    ) -> Result<Self, EngineError> {
        let map = searcher.activation_finder();
        let finder: Arc<dyn ItemFinder> = match detector {
            Some(detector) => Arc::new(Both::new(detector, map)),
            None => Arc::new(map),
        };
        let index = searcher.index();
        let mut checksum = Sha256::new();
        checksum.update(index.created().to_le_bytes());
        for photo in index.photos() {
            checksum.update(photo.product.to_le_bytes());
            checksum.update(photo.sha256);
        }
        for product in index.products() {
            checksum.update(format!("{product:?}"));
        }
        let parts = index.model().parts.iter().map(|part| ModelPart {
            backbone: part.identity.backbone.clone(),
            weights_sha256: part.identity.weights_sha256.clone(),
            preprocess: part.identity.preprocess.clone(),
            share: part.share,
        });
        let model = ModelIdentity {
            name: index.model().name(),
            embedding_dim: index.model().embedding_dim(),
            parts: parts.collect(),
        };
        for part in &model.parts {
            checksum.update(part.weights_sha256.as_bytes());
        }
        let identity = IndexIdentity {
            id: hex(&checksum.finalize()[..6]),
            created: index.created(),
            products: index.products_shown(),
            photos: index.photos().len(),
        };
        let products = (0u32..).zip(index.products());
        let photos = (0u32..).zip(index.photos());
        Ok(Self {
            categories: categories(&searcher),
            prices: prices(shown(&searcher)),
            weak_below: searcher.usual_similarity(WEAK_SHARE)?,
            picture_sites: picture_sites(&searcher),
            products: products.map(|(at, product)| (product.id.clone(), at)).collect(),
            photos: photos.map(|(row, photo)| (photo_id(&photo.sha256), row)).collect(),
            index: identity,
            model,
            finder,
            searcher,
        })
    }

    /// Position of a product, by its id.
    pub(crate) fn product(&self, id: &str) -> Option<u32> {
        self.products.get(id).copied()
    }

    /// Row of a photo, by its id.
    pub(crate) fn photo(&self, id: &str) -> Option<u32> {
        self.photos.get(id).copied()
    }
}

/// What a photo is called in addresses: says nothing of where it is, and means the same photo in
/// every index.
pub(crate) fn photo_id(sha256: &[u8; 32]) -> String {
    hex(&sha256[..ID_BYTES])
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether an address is on the web. Anything else, such as `javascript:`, would run when clicked.
pub(crate) fn is_web(address: &str) -> bool {
    let begins = |scheme: &str| {
        address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    begins("https://") || begins("http://")
}

/// Only the names of files outside the catalogue's root, which are whole paths: clients need not know
/// the machine's folders.
pub(crate) fn without_folders(path: &str) -> String {
    if !Path::new(path).is_absolute() {
        return path.to_owned();
    }
    let name = Path::new(path).file_name();
    name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The products that can be found.
fn shown(searcher: &Searcher) -> impl Iterator<Item = &Product> {
    let index = searcher.index();
    let shown: BTreeSet<u32> = index.photos().iter().map(|photo| photo.product).collect();
    shown.into_iter().map(|product| &index.products()[product as usize])
}

/// What products cost, if that can be compared.
fn prices<'a>(products: impl Iterator<Item = &'a Product>) -> Option<Prices> {
    let mut found: Option<Prices> = None;
    for product in products {
        let Some(price) = product.price else { continue };
        let currency = &product.currency;
        let prices = found.get_or_insert_with(|| Prices {
            lowest: price,
            highest: price,
            currency: currency.clone(),
        });
        if prices.currency != *currency {
            return None;
        }
        prices.lowest = prices.lowest.min(price);
        prices.highest = prices.highest.max(price);
    }
    found
}

/// All categories with products that can be found, and those above them.
fn categories(searcher: &Searcher) -> Vec<Category> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for product in shown(searcher) {
        let Some(category) = &product.category else { continue };
        let above = category.match_indices('/').map(|(at, _)| &category[..at]);
        for name in above.chain([category.as_str()]).filter(|name| !name.is_empty()) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let category = |(name, products): (&str, usize)| Category { name: name.to_owned(), products };
    counts.into_iter().map(category).collect()
}

fn picture_sites(searcher: &Searcher) -> Vec<String> {
    let images = searcher.index().products().iter().filter_map(|p| p.image.as_deref());
    let sites: BTreeSet<String> = images.filter(|i| is_web(i)).filter_map(site).collect();
    if sites.len() > SITES {
        return vec!["https:".to_owned(), "http:".to_owned()];
    }
    sites.into_iter().collect()
}

/// Scheme and host of an address; none if there is more in them than a policy may hold.
fn site(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let good = !host.is_empty() && host.chars().all(plain);
    good.then(|| format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_cannot_add_to_the_policy() {
        let known = |address: &str| site(address).unwrap_or_default();
        assert_eq!(known("https://Img.shop.example/a.jpg"), "https://img.shop.example");
        assert_eq!(known("http://localhost:8000?x"), "http://localhost:8000");
        assert_eq!(known("https://x; script-src *"), "");
        assert_eq!(known("https://'unsafe-inline'/"), "");
    }

    #[test]
    fn only_the_web_is_linked() {
        assert!(is_web("HTTPS://shop.example") && is_web("http://x"));
        assert!(!is_web("javascript:alert(1)") && !is_web("ht") && !is_web("//x"));
    }

    #[test]
    fn prices_in_one_currency_have_a_range() {
        let product = |price: Option<f64>, currency: Option<&str>| Product {
            price,
            currency: currency.map(str::to_owned),
            ..Product::default()
        };
        let won = |price| product(Some(price), Some("KRW"));
        let some = [won(9900.0), product(None, None), won(129000.0), won(45000.0)];
        let range = Prices { lowest: 9900.0, highest: 129000.0, currency: Some("KRW".into()) };
        assert_eq!(prices(some.iter()), Some(range));
        assert_eq!(prices([won(1.0), product(Some(2.0), Some("EUR"))].iter()), None);
        assert_eq!(prices([product(None, Some("EUR"))].iter()), None);
    }

    #[test]
    fn folders_stay_here() {
        assert_eq!(without_folders("chairs/1.jpg"), "chairs/1.jpg");
        #[cfg(unix)]
        assert_eq!(without_folders("/srv/photos/1.jpg"), "1.jpg");
    }
}
