//! Whether a query is a photo of the index: the same file, or a copy of it at another size or quality.

use lookalike_photo::PerceptualHash;
use lookalike_rank::{Evidence, RankedProduct, Verdict};

use super::searcher::Searcher;
use crate::error::EngineError;
use crate::metric::dot;

/// Bits of perceptual hashes that differ at most between copies. Of 1,400 photos, shrunk to half their sides and
/// compressed to a quality of 40, 99 % differ in no more; of 1,000 different photos, none is so like another.
const COPY_BITS: u32 = 4;

/// The least cosine similarity of copies: pictures without any detail all have the same hash.
const COPY_SIMILARITY: f32 = 0.2;

/// Photos with a like hash that are compared by their vectors at most.
const MOST_COMPARED: usize = 64;

/// The checksum and the perceptual hash of a photo that is searched for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryIdentity {
    pub(crate) sha256: [u8; 32],
    pub(crate) perceptual_hash: PerceptualHash,
}

/// A photo of the index that a query is a copy of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyOf {
    /// Its position in [`crate::Index::photos`].
    pub photo: u32,
    /// Whether the files are the same, byte by byte.
    pub is_same_file: bool,
}

impl Searcher {
    /// The photo of an allowed product that a query is a copy of: the very file if there is one, else the most similar.
    pub(super) fn copy_of(
        &self,
        query: &QueryIdentity,
        vector: &[f32],
        allowed: Option<&[bool]>,
    ) -> Result<Option<CopyOf>, EngineError> {
        let photos = self.index().photos();
        let is_like =
            |hash: &PerceptualHash| hash.hamming_distance(query.perceptual_hash) <= COPY_BITS;
        let is_allowed =
            |row: &u32| allowed.is_none_or(|all| all[photos[*row as usize].product as usize]);
        let hashes = (0u32..).zip(self.perceptual_hashes());
        let like = hashes.filter(|(_, hash)| is_like(hash)).map(|(row, _)| row);
        let mut like: Vec<u32> = like.filter(is_allowed).collect();
        let is_same_file = |row: &&u32| photos[**row as usize].sha256 == query.sha256;
        if let Some(&photo) = like.iter().find(is_same_file) {
            return Ok(Some(CopyOf { photo, is_same_file: true }));
        }
        // Blank pictures are like each other; a store is asked once, whatever there is.
        like.truncate(MOST_COMPARED);
        let vectors = if like.is_empty() { Vec::new() } else { self.store().rows(&like)? };
        let similarities = vectors.iter().map(|row| dot(row, vector));
        let best = similarities.zip(like).max_by(|a, b| a.0.total_cmp(&b.0));
        let best = best.filter(|(similarity, _)| *similarity >= COPY_SIMILARITY);
        Ok(best.map(|(_, photo)| CopyOf { photo, is_same_file: false }))
    }

    /// Puts the photo that is the very file searched for first among its product's evidence, with a similarity of 1: the
    /// mean of several views of a photo is less similar to the photo alone.
    pub(super) fn show_same_file(&self, photo: u32, ranked: &mut [RankedProduct]) {
        let product = self.index().photos()[photo as usize].product;
        for one in ranked.iter_mut().filter(|one| one.product == product) {
            one.evidence.retain(|evidence| evidence.photo != photo);
            one.evidence.insert(0, Evidence { photo, similarity: 1.0 });
            one.evidence.truncate(self.options().evidence.max(1));
        }
    }

    /// The verdict and the ranking of a query that is a copy. The product of the very same file comes first.
    pub(super) fn judge_copy(
        &self,
        copy: &CopyOf,
        ranked: &mut [RankedProduct],
        verdict: Option<Verdict>,
    ) -> Option<Verdict> {
        let photo = &self.index().photos()[copy.photo as usize];
        let position = ranked.iter().position(|one| one.product == photo.product);
        if let Some(position) = position.filter(|_| copy.is_same_file) {
            ranked[..=position].rotate_right(1);
        }
        let is_first = ranked.first().is_some_and(|best| best.product == photo.product);
        // Several products may share a photo: then it does not say which of them is meant.
        let shared = self.index().photos().iter();
        let is_shared = shared
            .filter(|other| other.sha256 == photo.sha256)
            .any(|other| other.product != photo.product);
        Some(verdict?.of_copy(is_first && !is_shared))
    }
}
