//! Whether a product is in stock, in the words of shops and of merchants' feeds.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::Product;

/// What a product's columns say of its stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stock {
    /// It can be bought now.
    InStock,
    /// It cannot be bought now: sold out, discontinued, or not delivered yet.
    OutOfStock,
    /// The column's value, of no known meaning.
    NotUnderstood(String),
}

impl Stock {
    /// The columns that say it, in [`Product::extra`]: a flag, a count, or words.
    pub const COLUMNS: [&str; 3] = ["in_stock", "stock", "availability"];

    /// The meaning of one value; `None` of an empty one.
    ///
    /// Numbers, also in a text such as `12개`, are counts: 0 and negative ones are out of stock. Words are understood
    /// in Korean and English, whatever their case, spaces and punctuation. What is on pre-order or back-order is out
    /// of stock.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(is) => Some(Self::when(*is)),
            Value::Number(count) => Some(Self::when(count.as_f64().is_some_and(|n| n > 0.0))),
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => {
                Some(Self::of_words(text).unwrap_or_else(|| Self::NotUnderstood(text.clone())))
            }
            other => Some(Self::NotUnderstood(other.to_string())),
        }
    }

    fn when(is: bool) -> Self {
        if is { Self::InStock } else { Self::OutOfStock }
    }

    fn of_words(text: &str) -> Option<Self> {
        // Nothing so long is a word of stock.
        if text.len() > 200 {
            return None;
        }
        let text = text.nfkc().collect::<String>().to_lowercase();
        let plain: String =
            text.chars().filter(|c| c.is_alphanumeric() || SIGNS.contains(c)).collect();
        let schema = ["httpsschemaorg", "httpschemaorg", "schemaorg"];
        let plain = schema.iter().find_map(|start| plain.strip_prefix(start)).unwrap_or(&plain);
        match plain {
            _ if IN_STOCK.contains(&plain) => Some(Self::InStock),
            _ if OUT_OF_STOCK.contains(&plain) => Some(Self::OutOfStock),
            _ => number(&text).map(|count| Self::when(count > 0.0)),
        }
    }
}

impl Product {
    /// Whether it is in stock, by its [columns](Stock::COLUMNS); `None` if they say nothing.
    ///
    /// Where they disagree, it is out of stock. One column of no known meaning matters only if no other is understood.
    pub fn stock(&self) -> Option<Stock> {
        let said = Stock::COLUMNS.iter().filter_map(|column| Stock::of(self.extra.get(*column)?));
        said.min_by_key(|stock| match stock {
            Stock::OutOfStock => 0,
            Stock::InStock => 1,
            Stock::NotUnderstood(_) => 2,
        })
    }
}

/// A count in a text: `12`, `12개`, `1,200 EA`, `10+`, `-2`.
fn number(text: &str) -> Option<f64> {
    const UNITS: &[&str] =
        &["개", "개남음", "개이상", "ea", "pcs", "units", "점", "장", "벌", "instock", "left", "+"];
    let text: String = text.split_whitespace().collect();
    let text = text.strip_prefix('+').unwrap_or(&text);
    let (is_negative, text) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (digits, unit) = text.split_at(end);
    if !unit.is_empty() && !UNITS.contains(&unit) {
        return None;
    }
    let amount = crate::values::amount(digits)?;
    Some(if is_negative { -amount.value } else { amount.value })
}

/// Signs that are words.
const SIGNS: &[char] = &['○', '◯', '●', '⭕', '×', '✗', '✕', '❌', '✓', '✔'];

const IN_STOCK: &[&str] = &[
    "instock",
    "stocked",
    "available",
    "availablenow",
    "limitedavailability",
    "limitedstock",
    "lowstock",
    "instoreonly",
    "onlineonly",
    "yes",
    "y",
    "true",
    "t",
    "o",
    "○",
    "◯",
    "●",
    "⭕",
    "✓",
    "✔",
    "판매중",
    "판매",
    "판매가능",
    "정상",
    "정상판매",
    "재고있음",
    "재고유",
    "재고여유",
    "있음",
    "유",
    "여유",
    "충분",
    "구매가능",
    "주문가능",
    "품절임박",
    "소량",
    "소량남음",
    "예",
    "네",
];

const OUT_OF_STOCK: &[&str] = &[
    "outofstock",
    "oos",
    "soldout",
    "unavailable",
    "notavailable",
    "notinstock",
    "none",
    "no",
    "n",
    "false",
    "f",
    "x",
    "×",
    "✗",
    "✕",
    "❌",
    "discontinued",
    "preorder",
    "backorder",
    "backordered",
    "품절",
    "일시품절",
    "임시품절",
    "완전품절",
    "품절됨",
    "매진",
    "재고없음",
    "재고무",
    "재고부족",
    "없음",
    "무",
    "판매중지",
    "판매중단",
    "판매종료",
    "판매불가",
    "판매대기",
    "판매안함",
    "미판매",
    "단종",
    "절판",
    "구매불가",
    "주문불가",
    "예약",
    "예약판매",
    "예약주문",
    "입고예정",
    "입고대기",
    "재입고예정",
    "아니오",
    "아니요",
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_stock() {
        let (yes, no) = (Some(Stock::InStock), Some(Stock::OutOfStock));
        for (value, want) in [
            (json!(true), yes.clone()),
            (json!(false), no.clone()),
            (json!(3), yes.clone()),
            (json!(0), no.clone()),
            (json!(-2), no.clone()),
            (json!("12"), yes.clone()),
            (json!("12개"), yes.clone()),
            (json!("1,200 EA"), yes.clone()),
            (json!("10+"), yes.clone()),
            (json!("0 개"), no.clone()),
            (json!("-2"), no.clone()),
            (json!("0.0"), no.clone()),
            (json!("In Stock"), yes.clone()),
            (json!("in_stock"), yes.clone()),
            (json!("https://schema.org/InStock"), yes.clone()),
            (json!("available"), yes.clone()),
            (json!("limited availability"), yes.clone()),
            (json!(" Y "), yes.clone()),
            (json!("O"), yes.clone()),
            (json!("○"), yes.clone()),
            (json!("판매 중"), yes.clone()),
            // "판매중" as a Mac writes it.
            (json!("판매중".nfd().collect::<String>()), yes.clone()),
            (json!("재고있음"), yes.clone()),
            (json!("여유"), yes),
            (json!("out-of-stock"), no.clone()),
            (json!("Sold Out!"), no.clone()),
            (json!("preorder"), no.clone()),
            (json!("BackOrder"), no.clone()),
            (json!("http://schema.org/OutOfStock"), no.clone()),
            (json!("X"), no.clone()),
            (json!("×"), no.clone()),
            (json!("품절"), no.clone()),
            (json!("(일시 품절)"), no.clone()),
            (json!("매진"), no.clone()),
            (json!("단종"), no),
            (json!(null), None),
            (json!("  "), None),
            (json!("다음 주"), Some(Stock::NotUnderstood("다음 주".into()))),
            (json!("12박스"), Some(Stock::NotUnderstood("12박스".into()))),
            (json!("?"), Some(Stock::NotUnderstood("?".into()))),
            (json!([1]), Some(Stock::NotUnderstood("[1]".into()))),
        ] {
            assert_eq!(Stock::of(&value), want, "{value}");
        }
    }

    #[test]
    fn the_document_lists_all_words() {
        let document = include_str!("../../../docs/catalogues.md");
        for (is, words) in [("in stock", IN_STOCK), ("out of stock", OUT_OF_STOCK)] {
            let row = format!("| {is} | {} |", words.join(", "));
            assert!(document.contains(&row), "docs/catalogues.md lacks {row}");
        }
    }

    #[test]
    fn columns_that_disagree_are_out_of_stock() {
        let stock = |extra: Value| {
            let Value::Object(extra) = extra else { panic!("an object") };
            Product { extra: extra.into_iter().collect(), ..Product::default() }.stock()
        };
        assert_eq!(stock(json!({"colour": "red"})), None);
        assert_eq!(stock(json!({"stock": ""})), None);
        assert_eq!(stock(json!({"in_stock": "", "stock": 3})), Some(Stock::InStock));
        let preorder = json!({"stock": 5, "availability": "preorder"});
        assert_eq!(stock(preorder), Some(Stock::OutOfStock));
        assert_eq!(stock(json!({"in_stock": "?", "stock": 3})), Some(Stock::InStock));
        assert_eq!(stock(json!({"stock": "?"})), Some(Stock::NotUnderstood("?".into())));
    }
}
