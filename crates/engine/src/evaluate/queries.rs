//! Searches for the photos of a split, with all that an evaluation compares.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use lookalike_catalog::{Catalog, Photo, Skipped};
use lookalike_eval::recall_at_k;
use lookalike_rank::{ClassScores, KnownAnswer, RankedProduct, Verdict};
use lookalike_vectors::Hit;
use rayon::prelude::*;

use super::variants::{Ranks, rankings};
use super::verdicts::JudgedAnswer;
use crate::encode::Views;
use crate::error::EngineError;
use crate::progress::{MEASURE, Phase, Progress};
use crate::search::{Scored, Searcher};

/// Neighbours that recall is measured over.
const RECALL_AT: usize = 10;

/// Photos that retrieval is measured over.
const DEPTH: usize = 20;

/// Photos embedded before their searches begin.
pub(super) const CHUNK: usize = 512;

/// Searches for photos of products of the index.
pub(super) struct Queries<'a> {
    pub(super) searcher: &'a Searcher,
    pub(super) catalog: &'a Catalog,
    pub(super) known: &'a HashMap<&'a str, u32>,
    pub(super) in_index: &'a HashSet<[u8; 32]>,
    pub(super) views: Views,
    pub(super) variants: bool,
    pub(super) progress: &'a dyn Progress,
}

/// What became of a photo.
pub(super) enum Outcome {
    Skipped(Skipped),
    /// The very same file is in the index.
    InIndex,
    /// Its product is not in the index.
    NotInIndex,
    Searched(Searched),
}

/// A photo that was searched for.
pub(super) struct Searched {
    pub(super) photo: String,
    /// The product that it shows.
    pub(super) product: u32,
    /// The ranking by the neighbours' vote.
    pub(super) voted: Vec<RankedProduct>,
    /// See [`Scored::class_scores`].
    pub(super) class_scores: Vec<ClassScores>,
    /// The ranking that a search returns, and its verdict.
    pub(super) fused: Vec<RankedProduct>,
    pub(super) verdict: Option<Verdict>,
    /// The answer with what it was judged by, where there is a verdict.
    pub(super) judged: Option<JudgedAnswer>,
    /// The ranking by each of the variants, if they are measured.
    pub(super) variants: Vec<Ranks>,
    /// Rows of the nearest photos.
    pub(super) nearest: Vec<u32>,
    /// Recall of the graph for this photo, 0 to 1.
    pub(super) recall: f64,
}

/// An answer with its verdict, if there is one. `product` is the right one, of a product that is sold.
pub(super) fn judged(
    scored: &Scored,
    product: Option<u32>,
    searcher: &Searcher,
) -> Option<JudgedAnswer> {
    let first = scored.ranked.first().map(|best| best.product);
    let answer = KnownAnswer {
        confidence: scored.confidence_features,
        novelty: scored.novelty_features,
        is_right: product.is_some() && first == product,
    };
    let photos = product.or(first).map_or(0, |product| searcher.photos_of(product));
    let pictures = product.or(first).map_or(0, |product| searcher.pictures_of(product));
    Some(JudgedAnswer { answer, photos, pictures, verdict: scored.verdict? })
}

impl Queries<'_> {
    /// Searches for photos on all cores, and passes on what became of each.
    pub(super) fn run(
        &self,
        photos: &[&Photo],
        then: &mut dyn FnMut(Outcome),
    ) -> Result<(), EngineError> {
        let Self { searcher, catalog, known, in_index, progress, .. } = self;
        let metric = &searcher.index().content().metric;
        progress.begin(Phase::items(MEASURE, photos.len() as u64));
        for chunk in photos.chunks(CHUNK) {
            let files: Vec<PathBuf> = chunk.iter().map(|photo| catalog.file(photo)).collect();
            let embedded =
                searcher.encoder().embed_query_files(&files, self.views, metric, *progress)?;
            let mut usable = Vec::with_capacity(chunk.len());
            for (photo, embedded) in chunk.iter().zip(embedded) {
                let product = known.get(catalog.products[photo.product as usize].id.as_str());
                match (embedded, product) {
                    (Err(reason), _) => {
                        then(Outcome::Skipped(Skipped { path: photo.path.clone(), reason }));
                    }
                    (Ok((_, sha256)), _) if in_index.contains(&sha256) => then(Outcome::InIndex),
                    (_, None) => then(Outcome::NotInIndex),
                    (Ok((embedding, _)), Some(&product)) => {
                        usable.push((photo.path.clone(), product, embedding));
                    }
                }
            }
            let searched: Vec<_> = usable
                .into_par_iter()
                .map(|(photo, product, embedding)| {
                    let vector = &embedding.vector;
                    let scored = searcher.score(&embedding, None, 3)?;
                    let judged = judged(&scored, Some(product), searcher);
                    let Scored { voted, class_scores, ranked: fused, verdict, .. } = scored;
                    let store = searcher.store();
                    let rows = |hits: Vec<Hit>| -> Vec<u32> {
                        hits.into_iter().map(|hit| hit.row).collect()
                    };
                    let nearest = rows(store.search(vector, DEPTH)?);
                    let exact = rows(store.search_exact(vector, RECALL_AT)?);
                    let recall = recall_at_k(&exact, &nearest[..RECALL_AT.min(nearest.len())]);
                    let photos = searcher.index().photos();
                    let variants = match self.variants {
                        true => rankings(
                            vector,
                            store,
                            |row| photos[row as usize].product,
                            |product| searcher.photos_of(product),
                        )?,
                        false => Vec::new(),
                    };
                    Ok(Searched {
                        photo,
                        product,
                        voted,
                        class_scores,
                        fused,
                        verdict,
                        judged,
                        variants,
                        nearest,
                        recall,
                    })
                })
                .collect::<Result<_, EngineError>>()?;
            searched.into_iter().for_each(|searched| then(Outcome::Searched(searched)));
        }
        progress.end();
        Ok(())
    }
}
