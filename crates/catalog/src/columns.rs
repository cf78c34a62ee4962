//! The columns of a table, by the names that shops give them.

mod known;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use known::KNOWN;

use crate::names::nfc;
use crate::{ReadColumn, RowProblem};

/// Position of a column in [`KNOWN`] and rank of its name, by the name's [key](key).
static BY_KEY: LazyLock<HashMap<String, (usize, usize)>> = LazyLock::new(|| {
    let names = KNOWN.iter().enumerate().flat_map(|(column, known)| {
        let names = std::iter::once(known.name).chain(known.synonyms.iter().copied());
        names.enumerate().map(move |(rank, name)| (key(name), (column, rank)))
    });
    names.collect()
});

/// What a header's columns mean.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// The name of each column; none where it has no name.
    pub(crate) names: Vec<Option<String>>,
    /// The columns that have another name in the file.
    pub(crate) read: Vec<ReadColumn>,
    /// The names in the file of columns that are called differently here.
    pub(crate) given: HashMap<String, String>,
    /// The currency that the price's name has, as in `가격(원)`.
    pub(crate) currency: Option<&'static str>,
}

impl Header {
    pub(crate) fn has(&self, column: &str) -> bool {
        self.names.iter().flatten().any(|name| name == column)
    }

    pub(crate) fn has_photos(&self) -> bool {
        ["photos", "photos_train", "photos_val", "photos_test"].iter().any(|name| self.has(name))
    }

    /// [`RowProblem::MissingColumn`], if the header lacks a column.
    pub(crate) fn require(&self, column: &'static str) -> Result<(), RowProblem> {
        const MOST: usize = 20;
        if self.has(column) {
            return Ok(());
        }
        let given = |name: &String| crate::errors::shown(self.given.get(name).unwrap_or(name));
        let mut there: Vec<String> = self.names.iter().flatten().take(MOST).map(given).collect();
        let all = self.names.iter().flatten().count();
        if all > MOST {
            there.push(format!("… ({all})"));
        }
        Err(RowProblem::MissingColumn { column, there: there.join(", ") })
    }
}

/// A column's name, cleaned of what programs leave around it.
pub(crate) fn clean(name: &str) -> String {
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}');
    let words: Vec<&str> = name.split_whitespace().collect();
    nfc(&words.join(" ")).into_owned()
}

/// A name without its case, spaces and punctuation.
pub(crate) fn key(name: &str) -> String {
    nfc(name).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How many of some names mean something.
pub(crate) fn known_among<'n>(names: impl Iterator<Item = &'n str>) -> usize {
    names.filter(|name| find(&clean(name)).is_some()).count()
}

fn find(name: &str) -> Option<(usize, usize)> {
    // No known name is longer, and the key of a long one costs time.
    if name.len() > 100 {
        return None;
    }
    let by_key = |name: &str| BY_KEY.get(&key(name)).copied();
    by_key(name).or_else(|| by_key(name.split_once(['(', '[', '（'])?.0))
}

/// Finds out what columns mean. A column with its own name takes that meaning; otherwise the synonym that says most.
///
/// # Errors
/// [`RowProblem::DuplicateColumn`] where two columns have one name.
pub(crate) fn understand<'n>(names: impl Iterator<Item = &'n str>) -> Result<Header, RowProblem> {
    let names: Vec<String> = names.map(clean).collect();
    let mut taken: HashMap<usize, (usize, usize)> = HashMap::new();
    let mut found = Vec::with_capacity(names.len());
    let mut seen = HashSet::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let lower = name.to_lowercase();
        let own = KNOWN.iter().position(|known| known.name == lower);
        let unique = if own.is_some() { lower } else { name.clone() };
        if !name.is_empty() && !seen.insert(unique.clone()) {
            return Err(RowProblem::DuplicateColumn(crate::errors::shown(&unique)));
        }
        let meaning = match own {
            Some(column) => Some((column, 0)),
            // The key of a name, such as that of "List Price", is a synonym.
            None => find(name).map(|(column, rank)| (column, rank + 1)),
        };
        if let Some((column, rank)) = meaning {
            let best = taken.entry(column).or_insert((rank, at));
            if rank < best.0 {
                *best = (rank, at);
            }
        }
        found.push(meaning);
    }

    let mut header = Header::default();
    for (at, (name, meaning)) in names.iter().zip(&found).enumerate() {
        let Some((column, rank)) = *meaning else {
            header.names.push((!name.is_empty()).then(|| name.clone()));
            continue;
        };
        let (known, (best, taken_at)) = (&KNOWN[column], taken[&column]);
        if taken_at != at {
            header.names.push(Some(name.clone()));
            // Beside a column with its own name, nothing was chosen.
            if best > 0 {
                let (is, instead) = (known.is, Some(names[taken_at].clone()));
                header.read.push(ReadColumn { given: name.clone(), is, instead });
            }
            continue;
        }
        header.names.push(Some(known.name.to_owned()));
        if rank > 0 {
            header.given.insert(known.name.to_owned(), name.clone());
        }
        // "List Price" needs no explanation.
        if rank > 1 {
            header.read.push(ReadColumn { given: name.clone(), is: known.is, instead: None });
        }
        if known.name == "price" {
            header.currency = in_brackets(name).and_then(crate::values::currency);
        }
    }
    // What was chosen comes first, as in the table of known columns.
    let position = |is: &str| KNOWN.iter().position(|known| known.is == is);
    header.read.sort_by_key(|column| (column.instead.is_some(), position(column.is)));
    Ok(header)
}

fn in_brackets(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once(['(', '[', '（'])?;
    rest.split([')', ']', '）']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &[&str]) -> Vec<String> {
        let header = understand(header.iter().copied()).expect("a header");
        header.names.into_iter().map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn names_of_both_languages() {
        for (given, want) in [
            (
                &["상품코드", "상품명", "판매가", "리뷰사진"][..],
                &["id", "name", "price", "photos"][..],
            ),
            (&[" ID ", "Name", "PRICE", "Photos"], &["id", "name", "price", "photos"]),
            (&["SKU", "Product Name", "List-Price"], &["id", "name", "list_price"]),
            (&["품번", "제품명", "가격(원)", "상품명 *"], &["id", "제품명", "price", "name"]),
            (&["재고 수량", "판매상태", "판매여부"], &["stock", "availability", "in_stock"]),
            (&["id", "name", "title", "색상", ""], &["id", "name", "title", "색상", ""]),
            (&["소비자가", "정가"], &["소비자가", "list_price"]),
            (&["\u{feff}id", "대표 이미지"], &["id", "image"]),
        ] {
            assert_eq!(names(given), want, "{given:?}");
        }
    }

    #[test]
    fn one_known_name_has_one_meaning() {
        let mut seen = HashMap::new();
        for known in KNOWN {
            for name in std::iter::once(&known.name).chain(known.synonyms) {
                let first = seen.insert(key(name), known.name);
                assert!(first.is_none_or(|first| first == known.name), "{name}: {first:?}");
            }
        }
    }

    #[test]
    fn the_document_lists_all_names() {
        let document = include_str!("../../../docs/catalogues.md");
        for known in KNOWN.iter().filter(|known| !known.synonyms.is_empty()) {
            let row = format!("| `{}` | {} |", known.name, known.synonyms.join(", "));
            assert!(document.contains(&row), "docs/catalogues.md lacks {row}");
        }
    }

    #[test]
    fn what_was_chosen_is_told() {
        let header =
            understand(["상품명", "가격(원)", "판매가", "id", "sku"].into_iter()).expect("ok");
        let read = |column: &ReadColumn| (column.given.clone(), column.is, column.instead.clone());
        let read: Vec<_> = header.read.iter().map(read).collect();
        let chosen = |given: &str, is| (given.to_owned(), is, None);
        let left = ("가격(원)".to_owned(), "the price", Some("판매가".to_owned()));
        assert_eq!(read, [chosen("상품명", "the name"), chosen("판매가", "the price"), left]);
        assert_eq!(header.currency, None, "of a column that was not taken");
        assert_eq!(header.given["price"], "판매가");
        let header = understand(["가격(원)"].into_iter()).expect("ok");
        assert_eq!(header.currency, Some("KRW"));
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let refused = understand(["id", "색상", "색상"].into_iter()).expect_err("refused");
        assert_eq!(refused, RowProblem::DuplicateColumn("색상".into()));
        assert!(understand(["id", "ID"].into_iter()).is_err());
        assert!(understand(["", "", "id"].into_iter()).is_ok(), "columns without a name");
    }
}
