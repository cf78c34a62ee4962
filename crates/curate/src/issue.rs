//! Issues of photos, in the words of data-curation tools such as cleanvision and fastdup.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IssueKind {
    /// The file is no photo that can be read.
    Unreadable,
    /// Too few pixels.
    LowResolution,
    /// Nothing in it has an edge.
    Blurry,
    /// Underexposed: nothing in it is light.
    Dark,
    /// Overexposed: nothing in it is dark.
    Bright,
    /// A picture of text.
    Screenshot,
    /// Another photo is the same or nearly the same, and better.
    Duplicate,
    /// The product covers too little of it.
    SmallObject,
    /// It shows several products.
    MultipleObjects,
}

impl IssueKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unreadable,
        Self::LowResolution,
        Self::Blurry,
        Self::Dark,
        Self::Bright,
        Self::Screenshot,
        Self::Duplicate,
        Self::SmallObject,
        Self::MultipleObjects,
    ];

    /// As in JSON: `unreadable`, `low_resolution` and the like.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::LowResolution => "low_resolution",
            Self::Blurry => "blurry",
            Self::Dark => "dark",
            Self::Bright => "bright",
            Self::Screenshot => "screenshot",
            Self::Duplicate => "duplicate",
            Self::SmallObject => "small_object",
            Self::MultipleObjects => "multiple_objects",
        }
    }
}

impl fmt::Display for IssueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An issue of one photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    /// Its kind.
    pub kind: IssueKind,
    /// A sentence for people.
    pub message: String,
    /// The measured value, where the issue has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<f64>,
    /// The threshold that the value missed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub threshold: Option<f64>,
    /// The photo that is kept instead, of a duplicate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duplicate_of: Option<String>,
}

impl Issue {
    /// An issue without a measured value.
    pub(crate) fn new(kind: IssueKind, message: String) -> Self {
        Self { kind, message, value: None, threshold: None, duplicate_of: None }
    }
}
