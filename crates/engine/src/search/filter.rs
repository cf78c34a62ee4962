//! Filters on the products that a search may find.

use lookalike_catalog::{Product, Stock, nfc};
use serde_json::Value;

use crate::error::EngineError;

/// Most column conditions of a filter.
const COLUMNS: usize = 16;

/// Which products a search may find. By default, all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Of this category, or of one below it.
    pub category: Option<String>,
    /// At this price or above it.
    pub price_min: Option<f64>,
    /// At this price or below it.
    pub price_max: Option<f64>,
    /// With these values in these columns of the manifest. Case is ignored; of a list, one value is enough.
    pub columns: Vec<(String, String)>,
    /// In stock, by a column `in_stock`, `stock` or `availability`.
    pub in_stock: bool,
}

impl Filter {
    /// Whether all products pass: the filter has no condition.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a product passes. One without a price passes no condition on prices.
    pub fn admits(&self, product: &Product) -> bool {
        let category = self.category.as_deref().is_none_or(|wanted| {
            product.category.as_deref().is_some_and(|own| is_within(own, wanted))
        });
        let price = |holds: &dyn Fn(f64) -> bool| product.price.is_some_and(holds);
        category
            && self.price_min.is_none_or(|least| price(&|price| price >= least))
            && self.price_max.is_none_or(|most| price(&|price| price <= most))
            && self.columns.iter().all(|(column, wanted)| has(product, column, wanted))
            && (!self.in_stock || product.stock() == Some(Stock::InStock))
    }

    /// Checks that the products have what the filter compares.
    ///
    /// # Errors
    /// [`EngineError::UnknownColumn`]; [`EngineError::Filter`] for a price that no product has, for more than 16 columns, for a
    /// price that is no number, or a least price above the most.
    pub fn check(&self, products: &[Product]) -> Result<(), EngineError> {
        let refused = |reason: String| Err(EngineError::Filter { reason });
        if self.columns.len() > COLUMNS {
            return refused(format!("more than {COLUMNS} columns at once"));
        }
        for (column, _) in &self.columns {
            if !products.iter().any(|product| value(product, column).is_some()) {
                let mut known: Vec<&str> =
                    products.iter().flat_map(|p| p.extra.keys()).map(String::as_str).collect();
                known.sort_unstable();
                known.dedup();
                known.truncate(20);
                let there = match known.is_empty() {
                    true => "the index has no columns of its own".to_owned(),
                    false => format!("there are {}", known.join(", ")),
                };
                return Err(EngineError::UnknownColumn { column: column.clone(), there });
            }
        }
        if self.in_stock {
            self.check_stock(products)?;
        }
        let bounds = [self.price_min, self.price_max];
        if bounds != [None, None] && products.iter().all(|product| product.price.is_none()) {
            return refused("no product has a price".to_owned());
        }
        if bounds.into_iter().flatten().any(|price| !price.is_finite()) {
            return refused("a price must be a number".to_owned());
        }
        if let (Some(least), Some(most)) = (self.price_min, self.price_max)
            && least > most
        {
            return refused(format!("no price is both at least {least} and at most {most}"));
        }
        Ok(())
    }

    /// Checks that products say whether they are in stock, and that it is understood.
    fn check_stock(&self, products: &[Product]) -> Result<(), EngineError> {
        let refused = |reason: String| Err(EngineError::Filter { reason });
        let mut is_known = false;
        for product in products {
            match product.stock() {
                Some(Stock::NotUnderstood(value)) => {
                    return refused(format!(
                        "the stock of '{}' is '{value}': write a number, or words such as in stock, sold out, 판매중, 품절",
                        product.id
                    ));
                }
                stock => is_known |= stock.is_some(),
            }
        }
        if !is_known {
            let columns = Stock::COLUMNS.join(", ");
            return refused(format!(
                "no product says whether it is in stock: give the manifest one of the columns {columns}"
            ));
        }
        Ok(())
    }
}

/// Whether a category is another one or below it, however its letters are composed.
fn is_within(category: &str, other: &str) -> bool {
    let (category, other) = (nfc(category), nfc(other));
    let other: &str = &other;
    category.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a product has in a column.
fn value(product: &Product, column: &str) -> Option<Value> {
    if let Some(value) = product.extra.get(column) {
        return Some(value.clone());
    }
    let text = |text: &str| Some(Value::from(text));
    match column {
        "id" => text(&product.id),
        "name" => text(&product.name),
        "category" => product.category.as_deref().and_then(text),
        "price" => product.price.map(Value::from),
        "list_price" => product.list_price.map(Value::from),
        "currency" => product.currency.as_deref().and_then(text),
        "discount" => product.discount.map(Value::from),
        "rating" => product.rating.map(Value::from),
        "review_count" => product.review_count.map(Value::from),
        "delivery" => product.delivery.as_deref().and_then(text),
        "url" => product.url.as_deref().and_then(text),
        _ => None,
    }
}

fn has(product: &Product, column: &str, wanted: &str) -> bool {
    let is = |value: &Value| match value {
        Value::String(text) => nfc(text).to_lowercase() == nfc(wanted).to_lowercase(),
        Value::Number(number) => {
            let wanted: Option<f64> = wanted.parse().ok();
            wanted.is_some() && number.as_f64() == wanted
        }
        Value::Bool(is) => wanted.to_lowercase().parse() == Ok(*is),
        _ => false,
    };
    match value(product, column) {
        Some(Value::Array(values)) => values.iter().any(is),
        Some(value) => is(&value),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn product(extra: Value) -> Product {
        let Value::Object(extra) = extra else { panic!("an object") };
        Product {
            category: Some("가구/의자".into()),
            price: Some(129_000.0),
            extra: extra.into_iter().collect(),
            ..Product::default()
        }
    }

    #[test]
    fn a_category_holds_those_below_it() {
        assert!(is_within("가구/의자", "가구") && is_within("가구", "가구"));
        assert!(!is_within("가구점", "가구") && !is_within("가구", "가구/의자"));
        // As a Mac writes it.
        assert!(is_within("가구/의자", "\u{1100}\u{1161}\u{1100}\u{116e}"));
    }

    #[test]
    fn all_conditions_must_hold() {
        let chair = product(json!({"colour": ["Oak", "black"], "legs": 4, "new": true}));
        let admits = |filter: &Filter| filter.admits(&chair);
        assert!(Filter::default().is_open() && admits(&Filter::default()));
        let price = |price_min, price_max| Filter { price_min, price_max, ..Filter::default() };
        assert!(admits(&price(Some(129_000.0), Some(129_000.0))));
        assert!(!admits(&price(Some(129_001.0), None)) && !admits(&price(None, Some(1.0))));
        assert!(!price(Some(1.0), None).admits(&Product::default()), "its price is not known");
        let is = |column: &str, value: &str| {
            let columns = vec![(column.to_owned(), value.to_owned())];
            admits(&Filter { columns, ..Filter::default() })
        };
        assert!(is("colour", "oak") && is("colour", "BLACK") && !is("colour", "red"));
        assert!(is("legs", "4") && is("legs", "4.0") && !is("legs", "four"));
        assert!(is("new", "True") && is("category", "가구/의자") && !is("brand", "x"));
        let category = Some("가구".to_owned());
        let both = Filter { category, price_max: Some(1.0), ..Filter::default() };
        assert!(!admits(&both));
    }

    #[test]
    fn stock_has_several_spellings() {
        let filter = Filter { in_stock: true, ..Filter::default() };
        for (extra, is) in [
            (json!({"in_stock": true}), true),
            (json!({"in_stock": "no"}), false),
            (json!({"stock": 3}), true),
            (json!({"stock": "0"}), false),
            (json!({"availability": "in stock"}), true),
            (json!({"availability": "out_of_stock"}), false),
            (json!({}), false),
        ] {
            assert_eq!(filter.admits(&product(extra.clone())), is, "{extra}");
        }
    }

    #[test]
    fn columns_that_no_product_has_are_refused() {
        let products = [product(json!({"brand": "a"}))];
        let columns = vec![("colour".to_owned(), "red".to_owned())];
        let error = Filter { columns, ..Filter::default() }.check(&products).expect_err("refused");
        assert!(error.to_string().contains("there are brand"), "{error}");
        let stock = Filter { in_stock: true, ..Filter::default() };
        assert!(stock.check(&products).is_err());
        assert!(stock.check(&[product(json!({"stock": 1}))]).is_ok());
        let odd = [product(json!({"stock": 1})), product(json!({"stock": "곧 알려 드려요"}))];
        let error = stock.check(&odd).expect_err("not understood").to_string();
        assert!(error.contains("곧 알려 드려요"), "{error}");
        let columns = vec![("brand".to_owned(), "a".to_owned()); COLUMNS + 1];
        assert!(Filter { columns, ..Filter::default() }.check(&products).is_err());
        let price_min = Some(f64::NAN);
        assert!(Filter { price_min, ..Filter::default() }.check(&products).is_err());
        let (price_min, price_max) = (Some(2.0), Some(1.0));
        assert!(Filter { price_min, price_max, ..Filter::default() }.check(&products).is_err());
    }

    #[test]
    fn a_price_condition_needs_products_with_prices() {
        let with = [product(json!({}))];
        let without = [Product { price: None, ..product(json!({})) }];
        let filter = Filter { price_max: Some(5.0), ..Filter::default() };
        assert!(filter.check(&with).is_ok());
        let refused = filter.check(&without).expect_err("refused").to_string();
        assert!(refused.contains("no product has a price"), "{refused}");
        assert!(Filter::default().check(&without).is_ok());
    }
}
