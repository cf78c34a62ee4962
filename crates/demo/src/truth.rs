//! What each photo shows, as one line of JSON.

use serde::{Deserialize, Serialize};

use crate::plan::{Kind, Split};
use crate::render::Shown;

/// A rectangle in shares of a photo's width and height, 0 to 1, from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// A product of the shop in a photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The product's id.
    pub id: String,
    /// The smallest rectangle around its pixels.
    #[serde(rename = "box")]
    pub area: Area,
    /// The share of the photo's pixels that show it, 0 to 1.
    pub share: f64,
}

/// What is known of a photo: a line of `truth.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Path relative to the shop's folder, parts separated by `/`.
    pub photo: String,
    /// Id of the product that it was handed in as a review of.
    pub product: String,
    /// The part of the data it is kept for.
    pub split: Split,
    /// What it is like.
    pub kind: Kind,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Every product of the shop in it, the largest first.
    pub shown: Vec<Seen>,
    /// Out of focus, or shaken.
    pub blurred: bool,
    /// Far too dark.
    pub dark: bool,
    /// Far too bright.
    pub bright: bool,
    /// The photo of which it is the same file.
    pub duplicate_of: Option<String>,
    /// The photo that it was made from, with small changes.
    pub near_duplicate_of: Option<String>,
}

/// Products and where they are, the largest first; `ids` are those of all products.
pub(crate) fn seen(shown: &Shown, ids: &[String]) -> Vec<Seen> {
    let mut numbers: Vec<u16> = shown.products.iter().flatten().copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    // Millionths are more than a photo can show, and the same in every JSON reader.
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    let (width, height) = (f64::from(shown.width), f64::from(shown.height));
    let mut seen: Vec<Seen> = numbers
        .into_iter()
        .filter_map(|number| {
            let (left, top, right, bottom) = shown.bounds(number)?;
            let id = ids.get(usize::from(number))?.clone();
            let area = Area {
                x: rounded(f64::from(left) / width),
                y: rounded(f64::from(top) / height),
                w: rounded(f64::from(right - left) / width),
                h: rounded(f64::from(bottom - top) / height),
            };
            Some(Seen { id, area, share: rounded(f64::from(shown.share(number))) })
        })
        .collect();
    seen.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.id.cmp(&b.id)));
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_around_their_pixels() {
        let mut products = vec![None; 10 * 5];
        for (x, y) in [(2, 1), (3, 1), (3, 3)] {
            products[y * 10 + x] = Some(1);
        }
        products[0] = Some(0);
        let shown = Shown { width: 10, height: 5, products };
        let seen = seen(&shown, &["a".to_owned(), "b".to_owned()]);
        assert_eq!((seen[0].id.as_str(), seen[1].id.as_str()), ("b", "a"));
        assert_eq!(seen[0].area, Area { x: 0.2, y: 0.2, w: 0.2, h: 0.6 });
        assert!((seen[0].share - 0.06).abs() < 1e-6);
    }
}
