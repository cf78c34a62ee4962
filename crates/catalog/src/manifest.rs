//! Manifests: tables, JSON Lines and XML feeds. One home for what is wrong with their lines.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use serde_json::Value;

use crate::columns::{self, Header};
use crate::encoding::{Encoding, decode};
use crate::errors::{cut, shown};
use crate::feeds::{google, shopify, xml};
use crate::names::Files;
use crate::row::{Entry, Row};
use crate::table::Table;
use crate::{
    Catalog, CatalogError, CataloguePictures, Feed, OpenOptions, Photo, PhotoSource, ReadAs,
    RowProblem, Skipped, WrongLine,
};

/// Most wrong lines that an error lists.
const LISTED: usize = 20;

/// Reads a manifest. Lines without a column of photos are wrong, unless the catalogue's pictures are photos.
pub(crate) fn read(
    path: &Path,
    root: &Path,
    options: OpenOptions,
) -> Result<Catalog, CatalogError> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let read: fn(&mut Lines, &[u8]) -> Result<ReadAs, CatalogError> =
        match extension.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => jsonl,
            "csv" => |lines, bytes| table(lines, bytes, b','),
            "tsv" | "tab" | "txt" => |lines, bytes| table(lines, bytes, b'\t'),
            "xml" => xml::read,
            _ => return Err(CatalogError::UnknownKind { path: path.to_owned() }),
        };
    let bytes = std::fs::read(path)
        .map_err(|reason| CatalogError::Unreadable { path: path.to_owned(), reason })?;
    let mut lines = Lines {
        path: path.to_owned(),
        files: Files::new(root),
        skip_bad_rows: options.skip_bad_rows,
        needs_photos: options.pictures == CataloguePictures::Shown,
        given: HashMap::new(),
        entries: BTreeMap::new(),
        line_of: HashMap::new(),
        problems: Vec::new(),
        more: 0,
        skipped: Vec::new(),
    };
    let read_as = read(&mut lines, &bytes)?;
    lines.catalogue(read_as)
}

/// The lines read so far.
pub(crate) struct Lines {
    pub(crate) path: PathBuf,
    files: Files,
    skip_bad_rows: bool,
    pub(crate) needs_photos: bool,
    /// What columns are called in the file, where that is another name.
    pub(crate) given: HashMap<String, String>,
    entries: BTreeMap<String, Entry>,
    line_of: HashMap<String, u64>,
    problems: Vec<WrongLine>,
    more: u64,
    skipped: Vec<Skipped>,
}

impl Lines {
    /// Adds a product's line.
    pub(crate) fn add(&mut self, line: u64, row: Result<Row, RowProblem>) {
        let entry =
            row.and_then(|row| row.read(&self.files, self.needs_photos)).and_then(|entry| {
                let id = &entry.product.id;
                match self.line_of.get(id) {
                    Some(&first) => Err(RowProblem::DuplicateId { id: shown(id), first }),
                    None => Ok(entry),
                }
            });
        match entry {
            Ok(entry) => {
                self.line_of.insert(entry.product.id.clone(), line);
                self.entries.insert(entry.product.id.clone(), entry);
            }
            Err(problem) => self.wrong(line, problem.with_names(&self.given)),
        }
    }

    /// Leaves something out that is not wrong.
    pub(crate) fn skip(&mut self, line: u64, reason: String) {
        self.skipped
            .push(Skipped { path: format!("{}, line {line}", self.path.display()), reason });
    }

    fn wrong(&mut self, line: u64, problem: RowProblem) {
        if self.skip_bad_rows {
            self.skip(line, problem.to_string());
        }
        if self.problems.len() < LISTED {
            self.problems.push(WrongLine { line, problem });
        } else {
            self.more += 1;
        }
    }

    /// The error of a header, which no line can be read without.
    pub(crate) fn refused(&self, line: u64, problem: RowProblem) -> CatalogError {
        let problems = vec![WrongLine { line, problem: problem.with_names(&self.given) }];
        CatalogError::Rows { path: self.path.clone(), problems, more: 0 }
    }

    fn catalogue(self, read_as: ReadAs) -> Result<Catalog, CatalogError> {
        let nothing_is_left = self.entries.is_empty() && !self.problems.is_empty();
        if nothing_is_left || (!self.problems.is_empty() && !self.skip_bad_rows) {
            let Self { path, problems, more, .. } = self;
            return Err(CatalogError::Rows { path, problems, more });
        }
        let (root, read_as) = (self.files.root, read_as.or_none());
        let mut catalog = Catalog { root, skipped: self.skipped, read_as, ..Catalog::default() };
        for (number, entry) in (0u32..).zip(self.entries.into_values()) {
            let photo =
                |source| move |(path, split)| Photo { product: number, path, split, source };
            catalog.photos.extend(entry.photos.files.into_iter().map(photo(PhotoSource::Review)));
            let pictures = entry.pictures.files.into_iter().map(photo(PhotoSource::Catalogue));
            catalog.more_pictures.extend(pictures);
            catalog.skipped.extend(entry.photos.skipped);
            catalog.skipped.extend(entry.pictures.skipped);
            catalog.products.push(entry.product);
        }
        Ok(catalog)
    }
}

fn jsonl(lines: &mut Lines, bytes: &[u8]) -> Result<ReadAs, CatalogError> {
    // Some editors begin UTF-8 files with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut is_empty = true;
    for (line, number) in bytes.split(|&byte| byte == b'\n').zip(1..) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        is_empty = false;
        let row = match std::str::from_utf8(line) {
            Err(_) => Err(RowProblem::NotUtf8),
            Ok(text) => serde_json::from_str(text)
                .map(|columns| Row { columns, ..Row::default() })
                // Its message may quote all of the line.
                .map_err(|error| RowProblem::Json(cut(&error.to_string(), 200))),
        };
        lines.add(number, row);
    }
    match is_empty {
        true => Err(CatalogError::EmptyManifest { path: lines.path.clone() }),
        false => Ok(ReadAs::default()),
    }
}

/// `usual`: the separator that the file's ending says.
fn table(lines: &mut Lines, bytes: &[u8], usual: u8) -> Result<ReadAs, CatalogError> {
    let decoded = decode(bytes);
    let mut table = Table::new(&decoded.text, usual, decoded.is_damaged);
    let Some((line, names)) = table.next() else {
        return Err(CatalogError::EmptyManifest { path: lines.path.clone() });
    };
    let names = names.map_err(|problem| lines.refused(line, problem))?;
    let feed = match () {
        () if shopify::is_header(names.iter()) => Some(Feed::Shopify),
        () if google::is_header(names.iter()) => Some(Feed::GoogleMerchant),
        () => None,
    };
    let mut read_as = ReadAs {
        feed,
        encoding: (decoded.encoding != Encoding::Utf8).then_some(decoded.encoding),
        separator: (table.separator != usual).then(|| char::from(table.separator)),
        ..ReadAs::default()
    };
    lines.needs_photos &= feed.is_none();
    let is_empty = match feed {
        Some(Feed::Shopify) => shopify::read(lines, &mut table, &names),
        Some(Feed::GoogleMerchant) => google::read(lines, &mut table, &names),
        _ => {
            let mut header = columns::understand(names.iter())
                .map_err(|problem| lines.refused(line, problem))?;
            // A missing column is an error of the header, not of each product.
            for column in ["id", "name"] {
                header.require(column).map_err(|problem| lines.refused(line, problem))?;
            }
            if lines.needs_photos && !header.has_photos() {
                return Err(lines.refused(line, RowProblem::NoPhotosColumn));
            }
            lines.given = std::mem::take(&mut header.given);
            read_as.columns = std::mem::take(&mut header.read);
            products(lines, &mut table, &header)
        }
    };
    match is_empty {
        true => Err(CatalogError::NoProducts { path: lines.path.clone() }),
        false => Ok(read_as),
    }
}

/// Adds a table's products. Returns whether there is none.
fn products(lines: &mut Lines, table: &mut Table<'_>, header: &Header) -> bool {
    let mut is_empty = true;
    while let Some((line, record)) = table.next() {
        is_empty = false;
        let row = record.and_then(|record| cells(&record, header.names.len())).map(|cells| {
            let named = header.names.iter().zip(&cells);
            let columns = named
                .filter_map(|(name, cell)| Some((name.clone()?, Value::String(cell.to_owned()))))
                .collect();
            Row { columns, is_table: true, currency: header.currency }
        });
        lines.add(line, row);
    }
    is_empty
}

/// A record's cells, as many as the header has. Empty ones behind them are left over by programs.
pub(crate) fn cells(record: &StringRecord, columns: usize) -> Result<StringRecord, RowProblem> {
    let has_all = record.len() >= columns;
    if !has_all || record.iter().skip(columns).any(|cell| !cell.trim().is_empty()) {
        let found = record.len();
        let hint =
            if has_all { ": a value with a separator in it needs quotation marks" } else { "" };
        let problem = format!("{found} columns where the header has {columns}{hint}");
        return Err(RowProblem::Csv(problem));
    }
    let mut record = record.clone();
    record.truncate(columns);
    Ok(record)
}

#[cfg(test)]
pub(crate) mod tests;
