use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use lookalike_catalog::{Catalog, Photo, Skipped, Split};
use lookalike_eval::{MethodResult, TopK, recall_at_k};
use lookalike_vectors::{ExactStore, VectorStore};
use rayon::prelude::*;
use serde::Serialize;

use crate::build::empty_split;
use crate::compare::Comparison;
use crate::encoder::Encoded;
use crate::{EngineError, Progress, Searcher, Stage};

/// Neighbours that recall is measured over.
const RECALL_AT: usize = 10;

/// Photos that retrieval is measured over.
const DEPTH: usize = 20;

/// Photos embedded before their searches begin.
const CHUNK: usize = 512;

/// How well an index names the products of photos that are not in it.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The split that was measured; none if the catalogue has no splits.
    pub split: Option<Split>,
    /// Number of photos searched for.
    pub queries: u64,
    /// Products that those photos show.
    pub products: usize,
    /// Share of photos whose product came first, 0 to 1.
    pub top1: f64,
    /// Share of photos whose product was among the first three, 0 to 1.
    pub top3: f64,
    /// Share of the true 10 nearest neighbours that the graph finds, 0 to 1.
    pub recall_at_10: f64,
    /// Photos left out because the very same file is in the index.
    pub in_index: u64,
    /// Photos left out because their product has no photo in the index.
    pub not_in_index: u64,
    /// Photos that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
    /// How long it took.
    pub seconds: f64,
    /// Every way of ranking that there is: the vote, the networks' classifiers where they know
    /// products, their mean, and both together. Products are numbered as in the index.
    pub methods: Vec<MethodResult>,
}

/// Searches for every photo of a split, which must not have been indexed, and counts how often the
/// vote names its product. Products are matched with the index's by their ids.
///
/// # Errors
/// [`EngineError::EmptySplit`] when the catalogue has other splits, [`EngineError::Photo`] when
/// nothing is left to measure.
pub fn evaluate(
    searcher: &Searcher,
    catalog: &Catalog,
    split: Split,
    progress: &dyn Progress,
) -> Result<Evaluation, EngineError> {
    let started = Instant::now();
    let is_split = catalog.photos.iter().any(|photo| photo.split.is_some());
    let queries: Vec<&Photo> =
        catalog.photos.iter().filter(|p| !is_split || p.split == Some(split)).collect();
    if queries.is_empty() {
        return Err(empty_split(catalog, &[split]));
    }
    let index = searcher.index();
    let shown: HashSet<u32> = index.photos().iter().map(|photo| photo.product).collect();
    let known: HashMap<&str, u32> = (0u32..)
        .zip(index.products())
        .filter(|(number, _)| shown.contains(number))
        .map(|(number, product)| (product.id.as_str(), number))
        .collect();
    let in_index: HashSet<[u8; 32]> = index.photos().iter().map(|photo| photo.sha256).collect();
    let exact = ExactStore::new(Arc::clone(&index.content().vectors));

    let mut top = TopK::default();
    let mut recall = 0.0;
    let mut products = HashSet::new();
    let mut evaluation = Evaluation {
        split: is_split.then_some(split),
        queries: 0,
        products: 0,
        top1: 0.0,
        top3: 0.0,
        recall_at_10: 0.0,
        in_index: 0,
        not_in_index: 0,
        skipped: catalog.skipped.clone(),
        seconds: 0.0,
        methods: Vec::new(),
    };
    let mut comparison = Comparison::new(searcher, &known);
    progress.begin(Stage::Measure, queries.len() as u64);
    for chunk in queries.chunks(CHUNK) {
        let files: Vec<PathBuf> = chunk.iter().map(|photo| catalog.file(photo)).collect();
        let encoded = searcher.encoder().encode_all(&files, progress)?;
        let mut usable = Vec::with_capacity(chunk.len());
        for (photo, encoded) in chunk.iter().zip(encoded) {
            let product = known.get(catalog.products[photo.product as usize].id.as_str());
            match (encoded, product) {
                (Err(reason), _) => {
                    evaluation.skipped.push(Skipped { path: photo.path.clone(), reason });
                }
                (Ok(encoded), _) if in_index.contains(&encoded.sha256) => evaluation.in_index += 1,
                (_, None) => evaluation.not_in_index += 1,
                (Ok(encoded), Some(&product)) => {
                    usable.push((photo.path.clone(), product, encoded));
                }
            }
        }
        let measured: Vec<_> = usable
            .into_par_iter()
            .map(|(photo, product, Encoded { mut embedding, shares, .. })| {
                index.content().centring.apply(&mut embedding);
                let ranked = searcher.rank(&embedding, 3)?;
                let rows = |store: &dyn VectorStore, k: usize| -> Result<Vec<u32>, EngineError> {
                    let hits = store.search(&embedding, k)?;
                    Ok(hits.into_iter().map(|hit| hit.row).collect())
                };
                let found = rows(searcher.store(), DEPTH)?;
                let exact = rows(&exact, RECALL_AT)?;
                let recall = recall_at_k(&exact, &found[..RECALL_AT.min(found.len())]);
                Ok((photo, product, ranked, shares, found, recall))
            })
            .collect::<Result<_, EngineError>>()?;
        for (photo, product, ranked, shares, found, recalled) in measured {
            products.insert(product);
            top.add(ranked.iter().position(|ranked| ranked.product == product));
            recall += recalled;
            comparison.add(&photo, product, &ranked, &shares, &found);
        }
    }
    progress.end();
    if top.queries() == 0 {
        let Evaluation { in_index, not_in_index, skipped, .. } = &evaluation;
        let reason = format!(
            "not one photo can be measured: {in_index} are in the index themselves, {not_in_index} \
             show products that are not in it (by their ids), {} cannot be used",
            skipped.len()
        );
        return Err(EngineError::Photo { name: catalog.root.display().to_string(), reason });
    }
    Ok(Evaluation {
        queries: top.queries(),
        products: products.len(),
        top1: top.accuracy(1),
        top3: top.accuracy(3),
        recall_at_10: recall / top.queries() as f64,
        seconds: started.elapsed().as_secs_f64(),
        methods: comparison.results(),
        ..evaluation
    })
}
