//! Whether a photo is kept or dropped, by whom, and why.

use lookalike_catalog::Split;
use lookalike_detect::Foreground;
use serde::{Deserialize, Serialize};

use crate::{ImageQuality, Issue};

/// Keep or drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The photo is in the curated catalogue.
    Keep,
    /// It is not.
    Drop,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// The [`crate::Thresholds`].
    Thresholds,
    /// A person, by [`crate::Overrides`], whatever the thresholds say.
    Person,
}

/// The decision about one photo: a line of `decisions.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhotoDecision {
    /// Path relative to the catalogue's root, as in the catalogue.
    pub photo: String,
    /// Id of its product; none of a file that the catalogue could not list.
    pub product: Option<String>,
    /// Its split in the catalogue, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub split: Option<Split>,
    /// Keep or drop.
    pub decision: Decision,
    /// Who decided.
    pub decided_by: DecidedBy,
    /// All issues; of a photo that a person keeps, those that would have dropped it.
    pub issues: Vec<Issue>,
    /// Measured from its pixels; none of a photo that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quality: Option<ImageQuality>,
    /// Its foreground; none without a network.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub foreground: Option<Foreground>,
    /// SHA-256 of its file, in hexadecimal; none of a photo that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
}
