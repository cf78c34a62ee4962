use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use lookalike_rank::{
    Evidence, Neighbour, Opinion, RankedProduct, Verdict, VoteParams, heard, pool, signals, vote,
};
use lookalike_vectors::{Hit, VectorStore};

use crate::prototypes::Prototypes;
use crate::ranking::{Classifiers, restrict};
use crate::{
    Answer, Encoder, EngineError, EvidencePhoto, Filter, Found, Index, Match, Query, Reasons, Views,
};

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
    store: Arc<dyn VectorStore>,
    classifiers: Classifiers,
    prototypes: Prototypes,
    options: SearchOptions,
}

impl Searcher {
    /// # Errors
    /// [`EngineError::OtherModel`] when the index was made with another encoder.
    pub fn new(index: Index, encoder: impl Into<Arc<Encoder>>) -> Result<Self, EngineError> {
        let store = index.store()?;
        Self::with_store(index, encoder, store)
    }

    /// A searcher whose neighbours come from another store than the index's own. Its rows must be those of
    /// [`Index::photos`], its vectors those of [`Index::store`], its groups the photos' products.
    ///
    /// # Errors
    /// [`EngineError::OtherModel`] when the index was made with another encoder;
    /// [`EngineError::DamagedIndex`] when the store has another number of vectors or dimensions.
    pub fn with_store(
        index: Index,
        encoder: impl Into<Arc<Encoder>>,
        store: Arc<dyn VectorStore>,
    ) -> Result<Self, EngineError> {
        let encoder = encoder.into();
        index.check_model(&encoder)?;
        let fits = (store.len(), store.dim()) == (index.photos().len(), index.vector_dim());
        if !fits {
            return Err(EngineError::DamagedIndex {
                path: index.root().to_owned(),
                reason: "the store's vectors are not the index's".into(),
            });
        }
        let content = index.content();
        let classifiers = Classifiers::new(content, &encoder);
        let prototypes = index.prototypes();
        let options = SearchOptions::default();
        Ok(Self { index, encoder, store, classifiers, prototypes, options })
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

    pub(crate) fn store(&self) -> &dyn VectorStore {
        &*self.store
    }

    /// The `top` products most like the photo in a file.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for a photo that cannot be used.
    pub fn search_file(&self, file: &Path, top: usize) -> Result<Answer, EngineError> {
        self.search_files(&[file.to_owned()], &Filter::default(), Views::default(), top)
    }

    /// The `top` products that pass a filter and are most like what photos in files show: all of them the
    /// same thing.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for a photo that cannot be used, [`EngineError::Filter`].
    pub fn search_files(
        &self,
        files: &[PathBuf],
        filter: &Filter,
        views: Views,
        top: usize,
    ) -> Result<Answer, EngineError> {
        let started = Instant::now();
        let name = |at: usize| files.get(at).map(|file| file.display().to_string());
        let mut photos = Vec::with_capacity(files.len());
        for (at, file) in files.iter().enumerate() {
            photos.push(self.encoder.read(file).map_err(|error| EngineError::Photo {
                name: name(at).unwrap_or_default(),
                reason: error.to_string(),
            })?);
        }
        let photos: Vec<&[u8]> = photos.iter().map(Vec::as_slice).collect();
        let limits = self.encoder.limits();
        let query = Query { photos: &photos, crop: None, filter, views, top, limits };
        let found = self.find(&query).map_err(|error| match error {
            EngineError::Photo { name: numbered, reason } => {
                let number = numbered.strip_prefix("photo ").and_then(|n| n.parse::<usize>().ok());
                let file =
                    if files.len() == 1 { name(0) } else { number.and_then(|n| name(n - 1)) };
                EngineError::Photo { name: file.unwrap_or(numbered), reason }
            }
            other => other,
        })?;
        let names: Vec<String> = (0..files.len()).filter_map(name).collect();
        Ok(self.told(names.join(", "), found, started))
    }

    /// The products most like a product of the index, itself left out.
    ///
    /// # Errors
    /// [`EngineError::NotInIndex`], and [`EngineError::Filter`].
    pub fn search_like(
        &self,
        id: &str,
        filter: &Filter,
        top: usize,
    ) -> Result<Answer, EngineError> {
        let started = Instant::now();
        filter.check(self.index.products())?;
        let product = self.index.products().iter().position(|product| product.id == id);
        let product =
            product.ok_or_else(|| EngineError::NotInIndex { what: format!("product '{id}'") })?;
        let found = self.find_like(product as u32, filter, top)?;
        Ok(self.told(self.index.products()[product].name.clone(), found, started))
    }

    fn told(&self, query: String, found: Found, started: Instant) -> Answer {
        Answer {
            query,
            verdict: found.verdict,
            matches: self.cards(found.ranked, found.reasons),
            milliseconds: started.elapsed().as_secs_f64() * 1e3,
        }
    }

    /// Products as people are told them, the best first.
    pub(crate) fn cards(&self, ranked: Vec<RankedProduct>, reasons: Vec<Reasons>) -> Vec<Match> {
        let each = ranked.into_iter().zip(reasons).zip(1..);
        each.map(|((ranked, why), rank)| self.card(ranked, why, rank)).collect()
    }

    /// What the classifiers say of a photo, and last what the prototypes say of its vector, as if some
    /// products were the only ones.
    pub(crate) fn opinions(
        &self,
        vector: &[f32],
        shares: &[Vec<f32>],
        is_wanted: impl Fn(u32) -> bool,
    ) -> Vec<Opinion> {
        let mut opinions = self.classifiers.opinions(shares);
        opinions.iter_mut().for_each(|opinion| restrict(opinion, &is_wanted));
        opinions.push(self.prototypes.opinion(vector, None, is_wanted));
        opinions
    }

    /// Ranks products by neighbours and by [`Self::opinions`], and judges that.
    pub(crate) fn fused(
        &self,
        voted: &[RankedProduct],
        neighbours: &[Neighbour],
        opinions: &[Opinion],
    ) -> (Vec<RankedProduct>, Option<Verdict>) {
        let ranking = &self.index.content().ranking;
        let ranked = pool(voted, opinions, &ranking.weights);
        let nearest = &neighbours[..neighbours.len().min(self.options.vote.neighbours)];
        let classifiers = &opinions[..opinions.len().saturating_sub(1)];
        let heard = heard(&ranked, classifiers);
        let verdict =
            ranking.judge.as_ref().map(|judge| judge.judge(&signals(&ranked, nearest), heard));
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
                let mut wanted = vec![false; self.index.products().len()];
                wanted[one.product as usize] = true;
                let hits = self.store.search_filtered(embedding, &wanted, self.options.evidence)?;
                let evidence = |hit: Hit| Evidence { photo: hit.row, similarity: hit.similarity };
                one.evidence = hits.into_iter().map(evidence).collect();
            }
            one.evidence.truncate(self.options.evidence);
        }
        // A product without photos has nothing to show.
        ranked.retain(|one| !one.evidence.is_empty());
        Ok(ranked)
    }

    /// The neighbours of a vector, of some products only if `wanted` is given, and their vote on `top`
    /// products, if there are so many.
    pub(crate) fn nearest(
        &self,
        embedding: &[f32],
        wanted: Option<&[bool]>,
        top: usize,
    ) -> Result<(Vec<Neighbour>, Vec<RankedProduct>), EngineError> {
        let photos = self.index.photos();
        let mut fetched = match (wanted, self.index.remote()) {
            // They are all compared anyway.
            (Some(_), None) => photos.len(),
            _ => self.options.vote.neighbours.max(top),
        };
        loop {
            let hits = match wanted {
                None => self.store.search(embedding, fetched)?,
                Some(wanted) => self.store.search_filtered(embedding, wanted, fetched)?,
            };
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
            if ranked.len() >= top || hits.len() < fetched || fetched >= photos.len() {
                return Ok((neighbours, ranked));
            }
            fetched = (fetched * 4).min(photos.len());
        }
    }

    fn card(&self, ranked: RankedProduct, reasons: Reasons, rank: usize) -> Match {
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
            reasons,
            evidence: evidence.collect(),
        }
    }
}
