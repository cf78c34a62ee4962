//! A person's decisions about single photos, which win over every threshold.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{CurateError, Decision};

/// A person's decisions, by the photos' paths in the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    photos: BTreeMap<String, Decision>,
}

/// A line: `{"photo": "chairs/1.jpg", "decision": "keep"}`. Other fields are ignored, so that lines
/// of `decisions.jsonl` can be copied.
#[derive(Serialize, Deserialize)]
struct Line {
    photo: String,
    decision: Decision,
}

impl Overrides {
    /// Reads JSON Lines, or CSV (`.csv`) with the columns `photo` and `decision`. Of two lines about a
    /// photo, the later one wins.
    ///
    /// # Errors
    /// [`CurateError::Unreadable`], and [`CurateError::InvalidOverride`] with the line's number.
    pub fn open(path: &Path) -> Result<Self, CurateError> {
        let bytes = std::fs::read(path)
            .map_err(|reason| CurateError::Unreadable { path: path.to_owned(), reason })?;
        // Excel begins UTF-8 files with a byte order mark.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let is_csv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        let lines = if is_csv { csv(bytes) } else { jsonl(bytes) };
        let bad =
            |(line, problem)| CurateError::InvalidOverride { path: path.to_owned(), line, problem };
        let lines = lines.map_err(bad)?.into_iter();
        Ok(Self { photos: lines.map(|line| (line.photo, line.decision)).collect() })
    }

    /// Adds later decisions, which replace earlier ones about the same photos.
    pub fn extend(&mut self, later: Self) {
        self.photos.extend(later.photos);
    }

    /// The decision about a photo.
    pub fn get(&self, photo: &str) -> Option<Decision> {
        self.photos.get(photo).copied()
    }

    /// Sets the decision about a photo.
    pub fn set(&mut self, photo: impl Into<String>, decision: Decision) {
        self.photos.insert(photo.into(), decision);
    }

    /// The photos with a decision, in order.
    pub fn photos(&self) -> impl Iterator<Item = &str> {
        self.photos.keys().map(String::as_str)
    }

    /// Whether there are no decisions.
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// As JSON Lines, for [`Self::open`].
    ///
    /// # Errors
    /// None in practice: text is always JSON.
    pub fn to_jsonl(&self) -> Result<String, serde_json::Error> {
        let lines = self.photos.iter().map(|(photo, &decision)| {
            let line = Line { photo: photo.clone(), decision };
            Ok(serde_json::to_string(&line)? + "\n")
        });
        lines.collect()
    }
}

type Lines = Result<Vec<Line>, (u64, String)>;

fn jsonl(bytes: &[u8]) -> Lines {
    let lines = bytes.split(|&byte| byte == b'\n').zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    lines
        .map(|(line, number)| {
            serde_json::from_slice(line).map_err(|error| (number, error.to_string()))
        })
        .collect()
}

fn csv(bytes: &[u8]) -> Lines {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let lines = reader.deserialize().map(|line: Result<Line, csv::Error>| {
        line.map_err(|error| {
            let number = error.position().map_or(1, csv::Position::line);
            (number, error.to_string())
        })
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str, text: &str) -> Result<Overrides, CurateError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        Overrides::open(&path)
    }

    #[test]
    fn both_formats_are_read_and_the_later_line_wins() {
        let json = "{\"photo\":\"의자/1.jpg\",\"decision\":\"drop\"}\n\n\
                    {\"photo\":\"의자/1.jpg\",\"decision\":\"keep\",\"decided_by\":\"thresholds\",\"issues\":[]}\n";
        let from_json = open("a.jsonl", json).expect("JSON Lines");
        assert_eq!(from_json.get("의자/1.jpg"), Some(Decision::Keep));
        let from_csv = open("a.CSV", "\u{feff}decision, photo\nkeep, 의자/1.jpg\n").expect("CSV");
        assert_eq!(from_csv, from_json);
        let again =
            open("b.jsonl", &from_json.to_jsonl().expect("text")).expect("what was written");
        assert_eq!(again, from_json);
        assert!(open("empty.jsonl", "").expect("nothing decided yet").is_empty());
    }

    #[test]
    fn a_malformed_line_is_reported_by_its_number() {
        for (name, text, wanted) in [
            ("a.jsonl", "\n{\"photo\":\"a\",\"decision\":\"maybe\"}", 2),
            ("a.jsonl", "keep a", 1),
            ("a.csv", "photo,decision\na,keep\nb,maybe\n", 3),
        ] {
            match open(name, text) {
                Err(CurateError::InvalidOverride { line, .. }) => {
                    assert_eq!(line, wanted, "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(open("a.csv", "picture,decision\na,keep\n").is_err());
    }
}
