//! Feedback on answers: which product a shopper chose, or that it was none. Each is a line of a file in the index's folder,
//! with what the answer's verdict was computed from, so that confidence can be calibrated on it without the photo.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use lookalike_rank::KnownAnswer;
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::index::Index;
use crate::search::AnswerFeatures;

/// Name of the file in an index's folder.
pub const FEEDBACK_FILE: &str = "feedback.jsonl";

/// The size, in bytes, that the file may have for more to be written to it: some 150,000 answers.
const MOST_BYTES: u64 = 64 << 20;

/// What a shopper said of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// When, in seconds since 1970-01-01, UTC.
    pub at: u64,
    /// The answer's id.
    pub answer_id: String,
    /// The id of the product that the photo shows; none where it is not sold.
    pub product: Option<String>,
    /// The id of the product that came first.
    pub first: Option<String>,
    /// What its verdict was computed from.
    pub features: AnswerFeatures,
    /// [`Index::verdict_id`] of the index that answered.
    pub verdict_id: String,
}

/// Feedback that an index can be calibrated on.
#[derive(Debug, Default)]
pub struct FeedbackAnswers {
    /// Answers to photos of products that are sold.
    pub queries: Vec<KnownAnswer>,
    /// Answers to photos of things that are not.
    pub unsold: Vec<KnownAnswer>,
    /// How many were left out because the index has been built anew since: what their verdicts were computed from is
    /// no longer computed in the same way.
    pub outdated: usize,
    /// How many lines were left out because they cannot be read.
    pub damaged: usize,
}

impl Feedback {
    /// Appends it to the file in an index's folder.
    ///
    /// # Errors
    /// Those of writing; [`io::ErrorKind::FileTooLarge`] where the file has 64 MiB.
    pub fn append(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(FEEDBACK_FILE);
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        if length >= MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        // The line before it may be torn: a write was cut short by a full disk.
        if length > 0 && !ends_with_newline(&mut file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)
    }
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

impl FeedbackAnswers {
    /// Reads the file in an index's folder.
    ///
    /// # Errors
    /// [`EngineError::Feedback`] where there is none, or it cannot be read.
    pub fn read(folder: &Path, index: &Index) -> Result<Self, EngineError> {
        let path = folder.join(FEEDBACK_FILE);
        let unreadable = |source| EngineError::Feedback { path: path.clone(), source };
        let file = BufReader::new(File::open(&path).map_err(unreadable)?);
        let verdict_id = index.verdict_id();
        let mut found = Self::default();
        for line in file.split(b'\n') {
            let line = line.map_err(unreadable)?;
            if line.is_empty() {
                continue;
            }
            let Ok(feedback) = serde_json::from_slice::<Feedback>(&line) else {
                found.damaged += 1;
                continue;
            };
            if feedback.verdict_id != verdict_id {
                found.outdated += 1;
                continue;
            }
            let is_right = feedback.product.is_some() && feedback.product == feedback.first;
            let AnswerFeatures { confidence, novelty } = feedback.features;
            let answer = KnownAnswer { confidence, novelty, is_right };
            match feedback.product {
                Some(_) => found.queries.push(answer),
                None => found.unsold.push(answer),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_rank::{CONFIDENCE_FEATURES, NoveltyFeatures};

    fn feedback(product: Option<&str>) -> Feedback {
        let novelty = NoveltyFeatures { in_subspace: 0.5, similarity: 0.25 };
        Feedback {
            at: 1,
            answer_id: "0123".to_owned(),
            product: product.map(str::to_owned),
            first: Some("의자".to_owned()),
            features: AnswerFeatures { confidence: [1.0; CONFIDENCE_FEATURES], novelty },
            verdict_id: "of this index".to_owned(),
        }
    }

    #[test]
    fn a_torn_line_costs_no_more_than_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FEEDBACK_FILE);
        feedback(Some("의자")).append(folder.path()).expect("written");
        let whole = std::fs::read(&file).expect("a file");
        std::fs::write(&file, [&whole[..], &whole[..20]].concat()).expect("written");
        feedback(None).append(folder.path()).expect("written");
        let text = std::fs::read_to_string(&file).expect("text");
        let lines: Vec<_> = text.lines().map(serde_json::from_str::<Feedback>).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].as_ref().is_ok_and(|one| *one == feedback(Some("의자"))));
        assert!(lines[1].is_err() && lines[2].as_ref().is_ok_and(|one| one.product.is_none()));
    }

    #[test]
    fn the_file_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = File::create(folder.path().join(FEEDBACK_FILE)).expect("a file");
        file.set_len(MOST_BYTES).expect("as long");
        let refused = feedback(None).append(folder.path()).expect_err("too large");
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
    }
}
