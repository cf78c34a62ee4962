//! Whether a photo is kept, and why not.

use std::fmt;

use lookalike_catalog::Split;
use serde::{Deserialize, Serialize};

use lookalike_detect::Things;

use crate::{Measures, SameLimits};

/// Kept or dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// In the catalogue of kept photos.
    Keep,
    /// Not in it.
    Drop,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    /// The limits.
    Limits,
    /// A person, whatever the limits say.
    Person,
}

/// What a photo is dropped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// The file is no photo that can be read.
    Unreadable,
    /// Too few pixels.
    Small,
    /// Nothing in it has an edge.
    Blurred,
    /// Nothing in it is light.
    Dark,
    /// Nothing in it is dark.
    Bright,
    /// A picture of text.
    Screenshot,
    /// Another photo shows the same, better.
    Duplicate,
    /// The product is a small part of it.
    Share,
    /// Several products.
    Several,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unreadable,
        Self::Small,
        Self::Blurred,
        Self::Dark,
        Self::Bright,
        Self::Screenshot,
        Self::Duplicate,
        Self::Share,
        Self::Several,
    ];

    /// As in JSON: `unreadable`, `small` and the like.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Small => "small",
            Self::Blurred => "blurred",
            Self::Dark => "dark",
            Self::Bright => "bright",
            Self::Screenshot => "screenshot",
            Self::Duplicate => "duplicate",
            Self::Share => "share",
            Self::Several => "several",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One reason against a photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What it is.
    pub code: Code,
    /// In words.
    pub words: String,
    /// What was measured, where it is a number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub measured: Option<f64>,
    /// The limit that it missed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<f64>,
    /// The photo that is kept in its place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kept: Option<String>,
}

/// What became of a photo: a line of `decisions.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Path relative to the catalogue's root, as in the catalogue.
    pub photo: String,
    /// Id of its product; none of what the catalogue could not list.
    pub product: Option<String>,
    /// The part of the data it was kept for already.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub split: Option<Split>,
    /// Kept or dropped.
    pub decision: Verdict,
    /// Who decided.
    pub by: Judge,
    /// Everything that speaks against it; of a photo that a person keeps, what would have.
    pub reasons: Vec<Reason>,
    /// What its pixels say; none of a photo that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub measures: Option<Measures>,
    /// What is in it; none without a finder.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub things: Option<Things>,
    /// Of its file, in hexadecimal; none of a photo that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
}

impl Default for Limits {
    /// Far from what customers' photos have: of 5,421 of the Grocery Store data set, 3,042 of clothing and
    /// 128 of COCO, none has highlights below 0.36 or shadows above 0.63.
    ///
    /// What [`lookalike_detect::ActivationFinder`] finds drops no photo: the share that it estimates is off by as much as
    /// a guess (`examples/selection.rs`, `examples/coco_shares.rs`), and things it cannot count. A detector
    /// can be held to a share of a half and to one thing.
    fn default() -> Self {
        Self {
            min_side: 160,
            min_sharpness: 30.0,
            min_highlights: 0.33,
            max_shadows: 0.7,
            max_text: 0.6,
            min_share: 0.0,
            max_products: 0,
            same: SameLimits::COPIES,
        }
    }
}

/// What a photo must keep to. A photo exactly at a limit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Least pixels of the shorter side.
    pub min_side: u32,
    /// Least [`Measures::sharpness`].
    pub min_sharpness: f64,
    /// Least [`Measures::highlights`].
    pub min_highlights: f64,
    /// Most [`Measures::shadows`].
    pub max_shadows: f64,
    /// Most [`Measures::text`].
    pub max_text: f64,
    /// Least share of the photo that the product fills, 0 to 1; 0 for any.
    pub min_share: f64,
    /// Most things that stand apart; 0 for any number.
    pub max_products: usize,
    /// When photos are the same.
    pub same: SameLimits,
}

impl Limits {
    /// What speaks against a photo, by itself.
    pub(crate) fn reasons(&self, measures: &Measures, things: Option<&Things>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut check = |missed: bool, code: Code, measured: f64, limit: f64, words: String| {
            if missed {
                let (measured, limit) = (Some(measured), Some(limit));
                reasons.push(Reason { code, words, measured, limit, kept: None });
            }
        };
        let Measures { width, height, sharpness, shadows, highlights, text, .. } = *measures;
        let side = width.min(height);
        let (least, most) = (f64::from(self.min_side), f64::from(side));
        let words = format!("{width}x{height} pixels: too few to tell products apart");
        check(side < self.min_side, Code::Small, most, least, words);
        let words = format!("blurred: sharpness {sharpness:.0}");
        check(sharpness < self.min_sharpness, Code::Blurred, sharpness, self.min_sharpness, words);
        let least = self.min_highlights;
        let words = format!("dark: its highlights are at {:.0} % of white", 100.0 * highlights);
        check(highlights < least, Code::Dark, highlights, least, words);
        let words = format!("blown out: its shadows are at {:.0} % of white", 100.0 * shadows);
        check(shadows > self.max_shadows, Code::Bright, shadows, self.max_shadows, words);
        let words = format!("looks like a picture of text: {:.0} %", 100.0 * text);
        check(text > self.max_text, Code::Screenshot, text, self.max_text, words);
        if let Some(Things { items, share }) = things {
            let share = *share;
            let words = format!("the product fills about {:.0} % of it", 100.0 * share);
            check(share < self.min_share, Code::Share, share, self.min_share, words);
            let apart = items.len();
            let words = format!("{apart} things stand apart in it");
            let too_many = self.max_products > 0 && apart > self.max_products;
            check(too_many, Code::Several, apart as f64, self.max_products as f64, words);
        }
        reasons
    }
}
