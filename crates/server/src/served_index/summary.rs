//! Summaries of an index: categories, the range of prices, origins of product images.

use std::collections::{BTreeMap, BTreeSet};

use lookalike_catalog::{Product, is_web_address};
use lookalike_engine::Searcher;

use crate::api::{Category, PriceRange};
use crate::urls::origin;

/// Origins of product images that the content security policy lists one by one; more become a whole scheme.
const MAX_ORIGINS: usize = 16;

/// The products with photos, which a search can return.
pub(super) fn searchable(searcher: &Searcher) -> impl Iterator<Item = &Product> {
    let index = searcher.index();
    let products: BTreeSet<u32> = index.photos().iter().map(|photo| photo.product).collect();
    products.into_iter().map(|product| &index.products()[product as usize])
}

/// The lowest and the highest price; none where there are no prices, or several currencies.
pub(super) fn price_range<'a>(products: impl Iterator<Item = &'a Product>) -> Option<PriceRange> {
    let mut range: Option<PriceRange> = None;
    for product in products {
        let Some(price) = product.price else { continue };
        let currency = &product.currency;
        let range = range.get_or_insert_with(|| PriceRange {
            min: price,
            max: price,
            currency: currency.clone(),
        });
        if range.currency != *currency {
            return None;
        }
        range.min = range.min.min(price);
        range.max = range.max.max(price);
    }
    range
}

/// All categories with searchable products, and their parents.
pub(super) fn categories(searcher: &Searcher) -> Vec<Category> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for product in searchable(searcher) {
        let Some(category) = &product.category else { continue };
        let parents = category.match_indices('/').map(|(at, _)| &category[..at]);
        for name in parents.chain([category.as_str()]).filter(|name| !name.is_empty()) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let category = |(name, products): (&str, usize)| Category { name: name.to_owned(), products };
    counts.into_iter().map(category).collect()
}

/// Where product images are on the web.
pub(super) fn image_origins(searcher: &Searcher) -> Vec<String> {
    let images = searcher.index().products().iter().filter_map(|p| p.image.as_deref());
    let origins: BTreeSet<String> =
        images.filter(|i| is_web_address(i)).filter_map(origin).collect();
    if origins.len() > MAX_ORIGINS {
        return vec!["https:".to_owned(), "http:".to_owned()];
    }
    origins.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_in_one_currency_have_a_range() {
        let product = |price: Option<f64>, currency: Option<&str>| Product {
            price,
            currency: currency.map(str::to_owned),
            ..Product::default()
        };
        let won = |price| product(Some(price), Some("KRW"));
        let some = [won(9900.0), product(None, None), won(129000.0), won(45000.0)];
        let range = PriceRange { min: 9900.0, max: 129000.0, currency: Some("KRW".into()) };
        assert_eq!(price_range(some.iter()), Some(range));
        assert_eq!(price_range([won(1.0), product(Some(2.0), Some("EUR"))].iter()), None);
        assert_eq!(price_range([product(None, Some("EUR"))].iter()), None);
    }
}
