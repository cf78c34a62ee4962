use std::path::Path;
use std::time::Instant;

use lookalike_photo::DecodeLimits;
use lookalike_rank::{Neighbour, RankedProduct, VoteParams, vote};
use lookalike_vectors::{HnswStore, VectorStore};

use crate::encoder::{SEES_NOTHING, is_blind};
use crate::{Answer, Encoder, EngineError, EvidencePhoto, Index, Match};

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchOptions {
    /// How neighbours vote.
    pub vote: VoteParams,
    /// Most photos shown as evidence for a product. Default 4.
    pub evidence: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { vote: VoteParams::default(), evidence: 4 }
    }
}

/// An index and the encoder that made it, ready to answer.
pub struct Searcher {
    index: Index,
    encoder: Encoder,
    store: HnswStore,
    options: SearchOptions,
}

impl Searcher {
    /// # Errors
    /// [`EngineError::OtherModel`] when the index was made with another encoder.
    pub fn new(index: Index, encoder: Encoder) -> Result<Self, EngineError> {
        index.check_model(&encoder)?;
        let store = index.store()?;
        Ok(Self { index, encoder, store, options: SearchOptions::default() })
    }

    /// Sets what a photo that is searched for may cost.
    pub fn set_limits(&mut self, limits: DecodeLimits) {
        self.encoder.set_limits(limits);
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    pub(crate) fn store(&self) -> &HnswStore {
        &self.store
    }

    /// The `top` products most like the photo in a file.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for a photo that cannot be used.
    pub fn search_file(&self, file: &Path, top: usize) -> Result<Answer, EngineError> {
        let started = Instant::now();
        let name = file.display().to_string();
        let bytes = self.encoder.read(file).map_err(|error| EngineError::Photo {
            name: name.clone(),
            reason: error.to_string(),
        })?;
        self.answer(&bytes, name, top, started)
    }

    /// The `top` products most like a photo, from the bytes of its file. `name` is what errors call
    /// it.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for a photo that cannot be used.
    pub fn search_bytes(
        &self,
        bytes: &[u8],
        name: &str,
        top: usize,
    ) -> Result<Answer, EngineError> {
        self.answer(bytes, name.to_owned(), top, Instant::now())
    }

    fn answer(
        &self,
        bytes: &[u8],
        query: String,
        top: usize,
        started: Instant,
    ) -> Result<Answer, EngineError> {
        let failed = |reason: String| EngineError::Photo { name: query.clone(), reason };
        let mut embedding =
            self.encoder.encode(bytes)?.map_err(|error| failed(error.to_string()))?;
        if is_blind(&embedding) {
            return Err(failed(SEES_NOTHING.to_owned()));
        }
        self.index.content().centring.apply(&mut embedding);
        let ranked = self.rank(&embedding, top)?;
        let matches = ranked.into_iter().take(top).zip(1..).map(|(r, rank)| self.card(r, rank));
        let matches = matches.collect();
        Ok(Answer { query, matches, milliseconds: started.elapsed().as_secs_f64() * 1e3 })
    }

    /// Ranks products for a centred embedding: `top` of them, if the index has so many.
    pub(crate) fn rank(
        &self,
        embedding: &[f32],
        top: usize,
    ) -> Result<Vec<RankedProduct>, EngineError> {
        let photos = self.index.photos();
        let mut fetched = self.options.vote.neighbours.max(top);
        loop {
            let hits = self.store.search(embedding, fetched)?;
            let neighbours: Vec<Neighbour> = hits
                .iter()
                .map(|hit| Neighbour {
                    photo: hit.row,
                    product: photos[hit.row as usize].product,
                    similarity: hit.similarity,
                })
                .collect();
            let ranked = vote(&neighbours, &self.options.vote);
            // The nearest photos may all show one product; the next products are further out.
            if ranked.len() >= top || fetched >= photos.len() {
                return Ok(ranked);
            }
            fetched = (fetched * 4).min(photos.len());
        }
    }

    fn card(&self, ranked: RankedProduct, rank: usize) -> Match {
        let evidence = ranked.evidence.iter().take(self.options.evidence).map(|evidence| {
            let photo = &self.index.photos()[evidence.photo as usize];
            EvidencePhoto {
                photo: photo.path.clone(),
                similarity: evidence.similarity,
                file: self.index.root().join(&photo.path),
            }
        });
        Match {
            rank,
            score: ranked.score,
            similarity: ranked.evidence.first().map_or(0.0, |best| best.similarity),
            product: self.index.products()[ranked.product as usize].clone(),
            evidence: evidence.collect(),
        }
    }
}
