//! The shop's manifest, in the format that `lookalike index build` reads.

use serde_json::json;

use super::paths::{catalogue_path, photo_path};
use crate::photo_plan::{PlannedPhoto, Split};
use crate::shop::Shop;

/// JSON Lines: a product a line, sorted by id.
pub(super) fn manifest(shop: &Shop, plan: &[PlannedPhoto]) -> String {
    let mut lines = String::new();
    for (number, product) in shop.products().iter().enumerate() {
        let of = |split: Split| -> Vec<String> {
            let own = plan.iter().filter(|p| p.product == number && p.split == split);
            own.map(|planned| photo_path(shop, planned)).collect()
        };
        let line = json!({
            "id": product.id,
            "name": product.name,
            "name_en": product.name_en,
            "name_ko": product.name_ko,
            "category": product.category.name(),
            "price": product.price,
            "list_price": product.list_price,
            "currency": "KRW",
            "discount": product.discount,
            "rating": product.rating,
            "review_count": product.review_count,
            "delivery": product.delivery,
            "image": catalogue_path(shop, number),
            "url": format!("https://shop.example/products/{}", product.id),
            "photos_train": of(Split::Train),
            "photos_val": of(Split::Val),
            "photos_test": of(Split::Test),
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    lines
}
