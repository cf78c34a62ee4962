//! The shop and its products.

mod category;
pub(crate) mod furniture;

pub use self::category::Category;

use self::furniture::ProductSpec;
use crate::rng::Rng;

/// A product, with what its card shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Lower-case ASCII letters and hyphens; unique.
    pub id: String,
    /// Korean and English: `참나무 의자 / Oak chair`.
    pub name: String,
    /// The English half.
    pub name_en: String,
    /// The Korean half.
    pub name_ko: String,
    /// Its category.
    pub category: Category,
    /// Price in KRW.
    pub price: u32,
    /// Price without the discount, in KRW.
    pub list_price: u32,
    /// Percent off the list price.
    pub discount: u32,
    /// Mean stars, 3.9 to 4.9.
    pub rating: f64,
    /// Number of reviews.
    pub review_count: u32,
    /// Delivery options.
    pub delivery: String,
}

/// 54 products of ten categories, with their 3D models.
#[derive(Debug, Clone)]
pub struct Shop {
    products: Vec<Product>,
    specs: Vec<ProductSpec>,
}

const DELIVERIES: [&str; 4] = [
    "무료배송, 내일 도착 / free, tomorrow",
    "무료배송, 2-3일 / free, 2 to 3 days",
    "배송비 3,000원 / 3,000 KRW, 2 days",
    "설치배송, 날짜 지정 / delivered and set up on a day you choose",
];

impl Shop {
    /// The products are always the same; prices, ratings and deliveries follow from the seed.
    pub fn new(seed: u64) -> Self {
        let mut specs = furniture::specs();
        specs.sort_by_key(|spec| spec.id);
        let products = specs.iter().enumerate().map(|(number, spec)| product(spec, seed, number));
        Self { products: products.collect(), specs }
    }

    /// Sorted by id.
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    pub(crate) fn specs(&self) -> &[ProductSpec] {
        &self.specs
    }
}

fn product(spec: &ProductSpec, seed: u64, number: usize) -> Product {
    let mut rng = Rng::new(seed, (1 << 40) | number as u64);
    let discount = rng.pick(&[0, 0, 5, 10, 10, 15, 20, 25, 30]);
    // In whole hundreds.
    let price = spec.list_price * (100 - discount) / 100 / 100 * 100;
    let large = spec.list_price >= 200_000;
    let delivery = DELIVERIES[if large { 3 } else { rng.below(3) }];
    Product {
        id: spec.id.to_owned(),
        name: format!("{} / {}", spec.korean, spec.english),
        name_en: spec.english.to_owned(),
        name_ko: spec.korean.to_owned(),
        category: spec.category,
        price,
        list_price: spec.list_price,
        discount,
        rating: f64::from(39 + rng.below(11) as u32) / 10.0,
        review_count: 40 + rng.below(1900) as u32,
        delivery: delivery.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::furniture::Placement;
    use super::*;
    use crate::renderer::vector::{Vec3, v};

    #[test]
    fn products_are_54_and_each_has_an_id_and_names_of_its_own() {
        let shop = Shop::new(1);
        let products = shop.products();
        assert_eq!(products.len(), 54);
        let unique =
            |of: fn(&Product) -> &str| products.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(unique(|p| &p.id), 54);
        assert_eq!(unique(|p| &p.name_en), 54);
        assert_eq!(unique(|p| &p.name_ko), 54);
        let categories: HashSet<_> = products.iter().map(|p| p.category).collect();
        assert_eq!(categories.len(), 10);
        for p in products {
            assert!(p.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", p.id);
            assert!(p.name_ko.chars().any(|c| ('가'..='힣').contains(&c)), "{}", p.name_ko);
            assert!(p.name.contains(&p.name_en) && p.name.contains(&p.name_ko));
            assert!(p.price <= p.list_price && p.price > 0);
        }
    }

    #[test]
    fn prices_follow_from_the_seed() {
        let (a, b, other) = (Shop::new(5), Shop::new(5), Shop::new(6));
        assert_eq!(a.products(), b.products());
        assert_ne!(a.products(), other.products());
    }

    #[test]
    fn every_model_stands_on_the_floor() {
        for spec in Shop::new(1).specs() {
            let (low, high) = (spec.model.low(), spec.model.high());
            let mut lowest = f32::INFINITY;
            for step in 0..10_000 {
                let (x, z) = ((step % 100) as f32 / 99.0, (step / 100) as f32 / 99.0);
                let from = v(low.x + (high.x - low.x) * x, -1.0, low.z + (high.z - low.z) * z);
                for part in &spec.model.parts {
                    lowest =
                        lowest.min(part.intersect(from, Vec3::UP, 4.0).unwrap_or(f32::INFINITY));
                }
            }
            let lowest = lowest - 1.0;
            // Bedding lies on a bed, curtains do not reach the floor.
            let max = if matches!(spec.placement, Placement::Bed | Placement::Window) {
                0.35
            } else {
                0.03
            };
            assert!((-0.02..max).contains(&lowest), "{}: {lowest}", spec.id);
        }
    }
}
