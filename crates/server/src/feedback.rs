//! Feedback on answers: answers are remembered for a while, and what shoppers say of them is written to the index's folder,
//! for `lookalike index calibrate --feedback`. Photos are kept only where that was asked for, too.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use lookalike_base::atomic_write;
use lookalike_engine::{AnswerFeatures, Feedback, SearchResult};
use lookalike_photo::PhotoFormat;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::photo_store::extension;
use crate::served_index::ServedIndex;

/// Memory for answers that feedback may still arrive for, in bytes: some hundred thousand answers, or a few dozen to a few
/// hundred with photos.
const MEMORY: u64 = 64 << 20;
const MEMORY_WITH_PHOTOS: u64 = 256 << 20;

/// Answers with photos that the cache is laid out for. With more, it has more shards, and a large photo fits in none.
const WITH_PHOTOS: usize = 64;

/// Bytes that an answer takes without its photos, roughly.
const ANSWER_BYTES: u64 = 512;

/// The folder, in the index's, that photos are kept in: `sold/PRODUCT` and `unsold/photos`.
const FOLDER: &str = "feedback";

/// An answer that feedback may arrive for.
#[derive(Clone)]
pub(crate) struct RememberedAnswer {
    features: AnswerFeatures,
    /// The id of the product that came first.
    first: Option<String>,
    verdict_id: String,
    /// The photos that were searched for, if they are kept.
    photos: Vec<Bytes>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<String, RememberedAnswer> for ByBytes {
    fn weight(&self, _: &String, answer: &RememberedAnswer) -> u64 {
        ANSWER_BYTES + answer.photos.iter().map(|photo| photo.len() as u64).sum::<u64>()
    }
}

/// Remembers answers, and writes down what is said of them.
pub(crate) struct FeedbackLog {
    folder: PathBuf,
    keeps_photos: bool,
    answers: Cache<String, RememberedAnswer, ByBytes>,
    /// Two keyed hashes of a counter, so that nobody can guess the id of another's answer.
    keys: [RandomState; 2],
    counter: AtomicU64,
    writing: Mutex<()>,
}

impl FeedbackLog {
    /// `folder` is the index's.
    pub(crate) fn new(folder: &Path, keeps_photos: bool) -> Self {
        let (count, memory) = match keeps_photos {
            true => (WITH_PHOTOS, MEMORY_WITH_PHOTOS),
            false => ((MEMORY / ANSWER_BYTES) as usize, MEMORY),
        };
        Self {
            folder: folder.to_owned(),
            keeps_photos,
            answers: Cache::with_weighter(count, memory, ByBytes),
            keys: [RandomState::new(), RandomState::new()],
            counter: AtomicU64::new(0),
            writing: Mutex::new(()),
        }
    }

    /// Whether photos have to be remembered with their answers.
    pub(crate) fn keeps_photos(&self) -> bool {
        self.keeps_photos
    }

    /// Remembers an answer, and returns its id: 32 hexadecimal digits. `None` for an answer that says nothing of
    /// confidence: one without a verdict, and one to a copy of an indexed photo.
    pub(crate) fn remember(
        &self,
        served: &ServedIndex,
        found: &SearchResult,
        photos: Vec<Bytes>,
    ) -> Option<String> {
        let features = found.features?;
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let [a, b] = [0, 1].map(|key: usize| self.keys[key].hash_one(number));
        let products = served.searcher.index().products();
        let first = found.ranked.first().map(|best| products[best.product as usize].id.clone());
        let (id, verdict_id) = (format!("{a:016x}{b:016x}"), served.verdict_id.clone());
        self.answers.insert(id.clone(), RememberedAnswer { features, first, verdict_id, photos });
        Some(id)
    }

    /// Takes an answer out: feedback on it is taken once.
    pub(crate) fn take(&self, id: &str) -> Option<RememberedAnswer> {
        self.answers.remove(id).map(|(_, answer)| answer)
    }

    /// Puts an answer back, whose feedback could not be written.
    pub(crate) fn put_back(&self, id: String, answer: RememberedAnswer) {
        self.answers.insert(id, answer);
    }

    /// Writes down what was said of an answer: the product that its photo shows, or none that is sold.
    pub(crate) fn write(
        &self,
        id: &str,
        answer: &RememberedAnswer,
        product: Option<String>,
    ) -> io::Result<()> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.keep_photos(id, answer, product.as_deref())?;
        let RememberedAnswer { features, first, verdict_id, .. } = answer.clone();
        Feedback { at, answer_id: id.to_owned(), product, first, features, verdict_id }
            .append(&self.folder)
    }

    fn keep_photos(
        &self,
        id: &str,
        answer: &RememberedAnswer,
        product: Option<&str>,
    ) -> io::Result<()> {
        let folder = match product {
            // A folder of folders, as a catalogue is.
            None => self.folder.join(FOLDER).join("unsold").join("photos"),
            // The folders of nested products are nested, too; an id that would lead elsewhere has no photos.
            Some(product) if is_inner(Path::new(product)) => {
                self.folder.join(FOLDER).join("sold").join(product)
            }
            Some(_) => return Ok(()),
        };
        for (number, photo) in answer.photos.iter().enumerate() {
            let Ok(format) = PhotoFormat::sniff(photo) else { continue };
            std::fs::create_dir_all(&folder)?;
            let name = format!("{id}-{number}.{}", extension(format));
            atomic_write(&folder.join(name), |out| out.write_all(photo))?;
        }
        Ok(())
    }
}

/// Whether a path leads into the folder that it is joined to.
fn is_inner(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_))) && path.iter().count() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_products_lead_nowhere_else() {
        for good in ["chair", "furniture/chair", "의자"] {
            assert!(is_inner(Path::new(good)), "{good}");
        }
        for bad in ["", "..", "../chair", "a/../../b", "/etc", "./a"] {
            assert!(!is_inner(Path::new(bad)), "{bad}");
        }
    }
}
