//! JSONL and CSV manifests: one product a line.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;

use crate::row::Row;
use crate::{Catalog, CatalogError, Photo, PhotoSource, RowProblem};

/// The separator of several photos in one CSV cell.
const CSV_LIST_SEPARATOR: char = '|';

type Lines = Vec<(u64, Result<Row, RowProblem>)>;

/// `needs_photos`: whether a line without a column of photos is a mistake.
pub(crate) fn read(path: &Path, root: &Path, needs_photos: bool) -> Result<Catalog, CatalogError> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let parse: fn(&[u8]) -> Lines = match extension.to_ascii_lowercase().as_str() {
        "jsonl" | "ndjson" => jsonl,
        "csv" => |bytes| csv(bytes, b','),
        "tsv" => |bytes| csv(bytes, b'\t'),
        _ => return Err(CatalogError::UnknownKind { path: path.to_owned() }),
    };
    let bytes = std::fs::read(path)
        .map_err(|reason| CatalogError::Unreadable { path: path.to_owned(), reason })?;
    // Excel begins UTF-8 files with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);

    let mut products = BTreeMap::new();
    let mut line_of: HashMap<String, u64> = HashMap::new();
    for (line, row) in parse(bytes) {
        let problem = |problem| CatalogError::Row { path: path.to_owned(), line, problem };
        let (product, photos) =
            row.and_then(|row| row.read(root, needs_photos)).map_err(problem)?;
        if let Some(first) = line_of.insert(product.id.clone(), line) {
            return Err(problem(RowProblem::DuplicateId { id: product.id, first }));
        }
        products.insert(product.id.clone(), (product, photos));
    }

    let mut catalog =
        Catalog { root: root.to_owned(), products: vec![], photos: vec![], skipped: vec![] };
    for (number, (product, photos)) in products.into_values().enumerate() {
        let source = PhotoSource::Review;
        let photo = |(path, split)| Photo { product: number as u32, path, split, source };
        catalog.photos.extend(photos.files.into_iter().map(photo));
        catalog.skipped.extend(photos.skipped);
        catalog.products.push(product);
    }
    Ok(catalog)
}

fn jsonl(bytes: &[u8]) -> Lines {
    let lines = bytes.split(|&byte| byte == b'\n').zip(1..);
    lines
        .filter(|(line, _)| !line.trim_ascii().is_empty())
        .map(|(line, number)| {
            let row = match std::str::from_utf8(line) {
                Err(_) => Err(RowProblem::NotUtf8),
                Ok(text) => serde_json::from_str(text)
                    .map(|columns| Row { columns, separator: None })
                    .map_err(|error| RowProblem::Json(error.to_string())),
            };
            (number, row)
        })
        .collect()
}

fn csv(bytes: &[u8], delimiter: u8) -> Lines {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => return vec![(1, Err(csv_problem(&error)))],
    };
    let mut names: Vec<String> = Vec::with_capacity(headers.len());
    for name in headers.iter().map(|name| name.trim().to_owned()) {
        if names.contains(&name) && !name.is_empty() {
            return vec![(1, Err(RowProblem::DuplicateColumn(name)))];
        }
        names.push(name);
    }
    // A missing column is an error of line 1, not of the first product.
    for column in ["id", "name"] {
        if !names.iter().any(|name| name == column) {
            return vec![(1, Err(RowProblem::Missing(column)))];
        }
    }
    let mut lines = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, |at| line_of_record(bytes, at));
                let cells = names.iter().cloned().zip(record.iter());
                let columns = cells
                    .filter(|(name, _)| !name.is_empty())
                    .map(|(name, cell)| (name, Value::String(cell.to_owned())))
                    .collect();
                lines.push((line, Ok(Row { columns, separator: Some(CSV_LIST_SEPARATOR) })));
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                lines.push((line, Err(csv_problem(&error))));
                break;
            }
        }
    }
    lines
}

/// The line that a record begins on. csv gives the position of the empty lines before it.
fn line_of_record(bytes: &[u8], at: &csv::Position) -> u64 {
    let before = &bytes[(at.byte() as usize).min(bytes.len())..];
    let empty = before.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
    at.line() + empty.filter(|&&byte| byte == b'\n').count() as u64
}

fn csv_problem(error: &csv::Error) -> RowProblem {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => RowProblem::NotUtf8,
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            RowProblem::Csv(format!("{len} columns where the header has {expected_len}"))
        }
        _ => RowProblem::Csv(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Split;

    fn open(name: &str, text: impl AsRef<[u8]>) -> Result<Catalog, CatalogError> {
        let folder = tempfile::tempdir().expect("a folder");
        for photo in ["a/1.jpg", "a/2.jpg", "a/note.txt", "b [x]/1.jpg"] {
            let path = folder.path().join(photo);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, "").expect("a file");
        }
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a manifest");
        Catalog::open(&path, None)
    }

    fn problem(name: &str, text: impl AsRef<[u8]>) -> (u64, RowProblem) {
        match open(name, text) {
            Err(CatalogError::Row { line, problem, .. }) => (line, problem),
            other => panic!("expected a bad row, got {other:?}"),
        }
    }

    #[test]
    fn jsonl_with_patterns_splits_and_extra_columns() {
        let catalog = open(
            "shop.jsonl",
            concat!(
                r#"{"id":"b","name":"의자","photos_train":["b [x]/1.jpg"],"photos_test":"a/2.jpg","#,
                r#""price":12900,"rating":"4.5","review_count":7,"colours":["red"],"sku":null}"#,
                "\n\n",
                r#"{"id":7,"name":"A","photos":["a/*.jpg","a/1.jpg","none/*.png"],"split":"train"}"#,
            ),
        )
        .expect("open");
        assert_eq!(catalog.products.len(), 2);
        let (seven, b) = (&catalog.products[0], &catalog.products[1]);
        assert_eq!((seven.id.as_str(), b.name.as_str()), ("7", "의자"));
        assert_eq!((b.price, b.rating, b.review_count), (Some(12900.0), Some(4.5), Some(7)));
        assert_eq!(b.extra["colours"], serde_json::json!(["red"]));
        let photos: Vec<_> =
            catalog.photos.iter().map(|p| (p.product, p.path.as_str(), p.split)).collect();
        assert_eq!(
            photos,
            [
                (0, "a/1.jpg", Some(Split::Train)),
                (0, "a/2.jpg", Some(Split::Train)),
                (1, "a/2.jpg", Some(Split::Test)),
                (1, "b [x]/1.jpg", Some(Split::Train)),
            ]
        );
        assert_eq!(catalog.skipped.len(), 1);
    }

    #[test]
    fn csv_with_lists_quotes_and_a_byte_order_mark() {
        let text = "\u{feff}id,name,photos,weight\nx,\"Cup, red\",a/1.jpg | a/2.jpg,12 kg\n";
        let catalog = open("shop.csv", text).expect("open");
        assert_eq!(catalog.products[0].name, "Cup, red");
        assert_eq!(catalog.products[0].extra["weight"], "12 kg");
        assert_eq!(catalog.photos.len(), 2);
    }

    #[test]
    fn problems_come_with_their_line() {
        use RowProblem as P;
        let row = |json: &str| problem("m.jsonl", json);
        assert_eq!(row(r#"{"name":"x","photos":"a/1.jpg"}"#), (1, P::Missing("id")));
        assert_eq!(row("\n{\"id\":\"x\",\"photos\":\"a/1.jpg\"}"), (2, P::Missing("name")));
        assert_eq!(row(r#"{"id":"x","name":"y"}"#), (1, P::NoPhotosColumn));
        assert!(matches!(row("{"), (1, P::Json(_))));
        assert!(matches!(
            row(r#"{"id":"x","name":"y","photos":"a/1.jpg","price":"cheap"}"#),
            (1, P::BadValue { .. })
        ));
        assert!(matches!(
            row(r#"{"id":"x","name":"y","photos_train":"a/1.jpg","photos_test":"a/*.jpg"}"#),
            (1, P::TwoSplits { .. })
        ));
        assert_eq!(problem("m.csv", "id,name,photos\n\n\n,y,a/1.jpg\n"), (4, P::Missing("id")));
        let twice = "id,name,photos\nx,y,a/1.jpg\nx,z,a/2.jpg\n";
        assert_eq!(problem("m.csv", twice), (3, P::DuplicateId { id: "x".into(), first: 2 }));
        assert_eq!(problem("m.csv", "id,photos\nx,a/1.jpg\n"), (1, P::Missing("name")));
        assert!(matches!(problem("m.csv", "id,name,photos\nx,y\n"), (2, P::Csv(_))));
        // "의자" in the code page of Korean Windows.
        let cp949 = b"id,name,photos\nx,\xC0\xC7\xC0\xDA,a/1.jpg\n";
        assert_eq!(problem("m.csv", cp949), (2, P::NotUtf8));
    }

    #[test]
    fn a_product_without_photos_yet_is_a_product() {
        let catalog = open("m.csv", "id,name,photos\nx,y,\nz,w,a/1.jpg\n").expect("open");
        assert_eq!((catalog.products.len(), catalog.photos.len()), (2, 1));
        let json = r#"{"id":"x","name":"y","photos":[]}"#.to_owned() + "\n";
        let more = r#"{"id":"z","name":"w","photos":"a/1.jpg"}"#;
        assert_eq!(open("m.jsonl", json + more).expect("open").products.len(), 2);
    }

    #[test]
    fn a_file_that_is_no_manifest_is_refused() {
        assert!(matches!(open("a.jpg", "x"), Err(CatalogError::UnknownKind { .. })));
        assert!(matches!(open("a.jsonl", ""), Err(CatalogError::NoPhotos { .. })));
    }
}
