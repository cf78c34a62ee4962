//! An index and the encoder that made it, ready to search.

use std::sync::Arc;

use lookalike_catalog::PhotoSource;
use lookalike_photo::PerceptualHash;
use lookalike_rank::VoteParams;
use lookalike_vectors::VectorStore;

use crate::encode::Encoder;
use crate::error::EngineError;
use crate::index::{Index, IndexedPhoto};
use crate::ranking::{Classifiers, Prototypes, photo_counts};

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
    /// How many photos each product has.
    photo_counts: Vec<u32>,
    /// How many of those are catalogue pictures.
    picture_counts: Vec<u32>,
    /// Each photo's, one behind the other: all of them are compared with a query's.
    perceptual_hashes: Vec<PerceptualHash>,
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
        let products = content.products.len();
        let is_picture = |photo: &&IndexedPhoto| photo.source == PhotoSource::Catalogue;
        let picture_counts = photo_counts(products, content.photos.iter().filter(is_picture));
        let photo_counts = photo_counts(products, &content.photos);
        let options = SearchOptions::default();
        let perceptual_hashes = content.photos.iter().map(|photo| photo.perceptual_hash).collect();
        Ok(Self {
            index,
            encoder,
            store,
            classifiers,
            prototypes,
            photo_counts,
            picture_counts,
            perceptual_hashes,
            options,
        })
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The index, without what is needed to search it.
    pub fn into_index(self) -> Index {
        self.index
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

    pub(crate) fn prototypes(&self) -> &Prototypes {
        &self.prototypes
    }

    /// How many photos a product has, catalogue pictures included.
    pub(crate) fn photos_of(&self, product: u32) -> usize {
        self.photo_counts[product as usize] as usize
    }

    /// How many catalogue pictures a product has.
    pub(crate) fn pictures_of(&self, product: u32) -> usize {
        self.picture_counts[product as usize] as usize
    }

    pub(super) fn perceptual_hashes(&self) -> &[PerceptualHash] {
        &self.perceptual_hashes
    }

    pub(crate) fn store(&self) -> &dyn VectorStore {
        &*self.store
    }
}
