//! Errors of catalogues and manifests.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

/// Why a catalogue cannot be read. Each message says what to do, in one line but for [`Self::Rows`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The folder or manifest cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The folder or manifest.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// A file of no known format.
    #[error(
        "{} is neither a folder of photos nor a manifest: give a folder with one folder per \
         product, or a file that ends in .jsonl, .csv, .tsv or .xml (of a spreadsheet, save a .csv)",
        path.display()
    )]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// No photos of products in a folder.
    #[error(
        "no photos of products in {}: put the photos of each product into a folder of its own, or give \
         a .jsonl or .csv manifest",
        path.display()
    )]
    NoPhotos {
        /// The folder.
        path: PathBuf,
    },
    /// No product of a manifest has a photo.
    #[error("no product of {} has a photo: name them in the column `photos`", path.display())]
    NoPhotosNamed {
        /// The manifest.
        path: PathBuf,
    },
    /// No catalogue pictures, though they were asked for.
    #[error(
        "no product of {} has a catalogue picture: a manifest names its file in the column `image`",
        path.display()
    )]
    NoCataloguePictures {
        /// The folder or manifest.
        path: PathBuf,
    },
    /// No photos at all.
    #[error("no photos in {} or below it", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A manifest without a line.
    #[error("{} is empty: a manifest has a line for each product", path.display())]
    EmptyManifest {
        /// The manifest.
        path: PathBuf,
    },
    /// A table that ends behind its header.
    #[error("{} has a header and no products below it", path.display())]
    NoProducts {
        /// The manifest.
        path: PathBuf,
    },
    /// An XML file that is no feed of products.
    #[error("{} has no products: a feed has an <item> or <entry> for each", path.display())]
    NoItems {
        /// The feed.
        path: PathBuf,
    },
    /// A manifest has wrong lines.
    #[error("{}", rows(path, problems, *more))]
    Rows {
        /// The manifest.
        path: PathBuf,
        /// The first 20 of the wrong lines, or fewer, and at least one.
        problems: Vec<WrongLine>,
        /// How many more lines are wrong.
        more: u64,
    },
}

/// A wrong line of a manifest.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongLine {
    /// Counted from 1; a product on several lines has the number of its first.
    pub line: u64,
    /// What is wrong with it.
    pub problem: RowProblem,
}

impl fmt::Display for WrongLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// What is wrong with a line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum RowProblem {
    #[error("not valid JSON ({0})")]
    Json(String),
    #[error("not valid CSV ({0})")]
    Csv(String),
    #[error("not valid XML ({0})")]
    Xml(String),
    #[error("not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\")")]
    NotUtf8,
    #[error(
        "not valid text, neither UTF-8 nor CP949: save the file as UTF-8 (in Excel: \"CSV UTF-8\")"
    )]
    NotText,
    #[error("a NUL byte: this is no text")]
    Nul,
    #[error("a quotation mark opens a cell here and is never closed")]
    OpenQuote,
    #[error("the column '{0}' is missing or empty")]
    Missing(String),
    #[error("the column '{column}' is missing: there are {there}")]
    MissingColumn { column: &'static str, there: String },
    #[error("no column names photos: it is one of photos, photos_train, photos_val, photos_test")]
    NoPhotosColumn,
    #[error("'{column}' must be {wanted}, not '{value}'")]
    BadValue { column: String, wanted: &'static str, value: String },
    #[error("'{column}' is in {found}, but '{other}' in {wanted}")]
    TwoCurrencies { column: String, found: String, other: String, wanted: String },
    #[error("the product id '{id}' is already on line {first}: give each product one line")]
    DuplicateId { id: String, first: u64 },
    #[error("there are two columns '{0}': rename one")]
    DuplicateColumn(String),
    #[error("'{pattern}' is no file pattern ({reason})")]
    BadPattern { pattern: String, reason: String },
    #[error("the photo '{path}' is in two splits ({first} and {second}): keep it in one")]
    TwoSplits { path: String, first: &'static str, second: &'static str },
}

impl RowProblem {
    /// Itself, with columns called as they are in the file.
    pub(crate) fn with_names(mut self, given: &HashMap<String, String>) -> Self {
        let rename = |column: &mut String| {
            if let Some(name) = given.get(column) {
                column.clone_from(name);
            }
        };
        match &mut self {
            Self::Missing(column) | Self::BadValue { column, .. } => rename(column),
            Self::TwoCurrencies { column, other, .. } => {
                rename(column);
                rename(other);
            }
            _ => {}
        }
        self
    }
}

fn rows(path: &std::path::Path, problems: &[WrongLine], more: u64) -> String {
    let path = path.display();
    if let ([only], 0) = (problems, more) {
        return format!("{path}, {only}");
    }
    let lines = problems.len() as u64 + more;
    let mut text = format!("{path}: {lines} lines are wrong:");
    for problem in problems {
        text += &format!("\n  {problem}");
    }
    if more > 0 {
        text += &format!("\n  … and {more} more");
    }
    text
}

/// A value as a message shows it: one line, and not all of a long one.
pub(crate) fn shown(value: &str) -> String {
    cut(value, 60)
}

/// A text as one line of at most so many characters.
pub(crate) fn cut(value: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    match value.char_indices().nth(most) {
        Some((end, _)) => value[..end].chars().map(plain).chain(['…']).collect(),
        None => value.chars().map(plain).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(line: u64) -> WrongLine {
        WrongLine { line, problem: RowProblem::Missing("상품명".to_owned()) }
    }

    #[test]
    fn one_wrong_line_is_one_line_and_more_are_listed() {
        let text = |problems, more| {
            CatalogError::Rows { path: "m.csv".into(), problems, more }.to_string()
        };
        let missing = "the column '상품명' is missing or empty";
        assert_eq!(text(vec![wrong(3)], 0), format!("m.csv, line 3: {missing}"));
        assert_eq!(
            text(vec![wrong(3), wrong(7)], 12),
            format!(
                "m.csv: 14 lines are wrong:\n  line 3: {missing}\n  line 7: {missing}\n  … and 12 more"
            )
        );
        assert_eq!(text(vec![wrong(3)], 1).lines().count(), 3);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(shown("두\n줄"), "두 줄");
        let long = shown(&"가".repeat(1_000_000));
        assert_eq!(long.chars().count(), 61);
    }
}
