//! Whether a query is a photo of the index: the same file, or a copy of it at another size or quality.

use lookalike_photo::PerceptualHash;
use lookalike_rank::{RankedProduct, Verdict};

use super::searcher::Searcher;
use crate::error::EngineError;
use crate::metric::dot;

/// Bits of perceptual hashes that differ at most between copies. Of 1,400 photos, shrunk to half their sides and
/// compressed to a quality of 40, 99 % differ in no more; of 1,000 different photos, none is so like another.
const COPY_BITS: u32 = 4;

/// The least cosine similarity of copies: pictures without any detail all have the same hash.
const COPY_SIMILARITY: f32 = 0.2;

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
        let mut best: Option<(f32, CopyOf)> = None;
        let hashes = (0u32..).zip(self.perceptual_hashes());
        let like =
            hashes.filter(|(_, hash)| hash.hamming_distance(query.perceptual_hash) <= COPY_BITS);
        for (row, _) in like {
            let photo = &self.index().photos()[row as usize];
            if allowed.is_some_and(|allowed| !allowed[photo.product as usize]) {
                continue;
            }
            if photo.sha256 == query.sha256 {
                return Ok(Some(CopyOf { photo: row, is_same_file: true }));
            }
            let rows = self.store().rows(&[row])?;
            let similarity = rows.first().map_or(-1.0, |row| dot(row, vector));
            if similarity >= best.map_or(COPY_SIMILARITY, |(most, _)| most) {
                best = Some((similarity, CopyOf { photo: row, is_same_file: false }));
            }
        }
        Ok(best.map(|(_, copy)| copy))
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
