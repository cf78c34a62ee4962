use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lookalike_rank::{
    Evidence, Neighbour, RankedProduct, Verdict, VoteParams, heard, pool, signals, vote,
};
use lookalike_vectors::{Hit, HnswStore, VectorStore};

use crate::ranking::Classifiers;
use crate::{Answer, Encoder, EngineError, EvidencePhoto, Index, Match, Query};

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
    encoder: Arc<Encoder>,
    store: HnswStore,
    classifiers: Classifiers,
    options: SearchOptions,
}

impl Searcher {
    /// # Errors
    /// [`EngineError::OtherModel`] when the index was made with another encoder.
    pub fn new(index: Index, encoder: impl Into<Arc<Encoder>>) -> Result<Self, EngineError> {
        let encoder = encoder.into();
        index.check_model(&encoder)?;
        let store = index.store()?;
        let classifiers = Classifiers::new(index.content(), &encoder);
        Ok(Self { index, encoder, store, classifiers, options: SearchOptions::default() })
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// How it searches.
    pub fn options(&self) -> &SearchOptions {
        &self.options
    }

    /// What embeds the photos that are searched for.
    pub fn encoder(&self) -> &Arc<Encoder> {
        &self.encoder
    }

    pub(crate) fn classifiers(&self) -> &Classifiers {
        &self.classifiers
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
        self.answer(&[&bytes], name, top, started)
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
        self.answer(&[bytes], name.to_owned(), top, Instant::now())
    }

    fn answer(
        &self,
        photos: &[&[u8]],
        query: String,
        top: usize,
        started: Instant,
    ) -> Result<Answer, EngineError> {
        let limits = self.encoder.limits();
        let found = self.find(&Query { photos, crop: None, category: None, top, limits });
        let found = found.map_err(|error| match error {
            EngineError::Photo { reason, .. } => EngineError::Photo { name: query.clone(), reason },
            other => other,
        })?;
        let matches = found.ranked.into_iter().zip(1..).map(|(r, rank)| self.card(r, rank));
        Ok(Answer {
            query,
            verdict: found.verdict,
            matches: matches.collect(),
            milliseconds: started.elapsed().as_secs_f64() * 1e3,
        })
    }

    /// Ranks products by neighbours and by what classifiers say, and judges that.
    pub(crate) fn fused(
        &self,
        voted: &[RankedProduct],
        neighbours: &[Neighbour],
        shares: &[Vec<f32>],
    ) -> (Vec<RankedProduct>, Option<Verdict>) {
        let ranking = &self.index.content().ranking;
        let opinions = self.classifiers.opinions(shares);
        let ranked = pool(voted, &opinions, &ranking.weights);
        let nearest = &neighbours[..neighbours.len().min(self.options.vote.neighbours)];
        let judge = ranking.judge.as_ref();
        let verdict =
            judge.map(|judge| judge.judge(&signals(&ranked, nearest), heard(&ranked, &opinions)));
        (ranked, verdict)
    }

    /// The `top` products, each with some of its photos.
    pub(crate) fn with_evidence(
        &self,
        mut ranked: Vec<RankedProduct>,
        embedding: &[f32],
        top: usize,
    ) -> Result<Vec<RankedProduct>, EngineError> {
        ranked.truncate(top);
        for one in &mut ranked {
            // What only a classifier named is no neighbour: the nearest of its photos stand for it.
            if one.evidence.is_empty() {
                let photos = (0u32..).zip(self.index.photos());
                let own = photos.filter(|(_, photo)| photo.product == one.product);
                let rows = own.map(|(row, _)| row);
                let vectors = &self.index.content().vectors;
                let hits = vectors.nearest_among(embedding, rows, self.options.evidence)?;
                let evidence = |hit: Hit| Evidence { photo: hit.row, similarity: hit.similarity };
                one.evidence = hits.into_iter().map(evidence).collect();
            }
            one.evidence.truncate(self.options.evidence);
        }
        // A product without photos has nothing to show.
        ranked.retain(|one| !one.evidence.is_empty());
        Ok(ranked)
    }

    /// The neighbours of a centred embedding, and their vote on `top` products, if the index has so
    /// many.
    pub(crate) fn nearest(
        &self,
        embedding: &[f32],
        top: usize,
    ) -> Result<(Vec<Neighbour>, Vec<RankedProduct>), EngineError> {
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
                return Ok((neighbours, ranked));
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
