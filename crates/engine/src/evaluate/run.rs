//! How well an index names the products of photos that are not in it.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use lookalike_catalog::{Catalog, Photo, Skipped, Split};
use lookalike_eval::{RankingMetrics, TopK};
use serde::Serialize;

use super::comparison::Comparison;
use super::objects::ObjectsEvaluation;
use super::queries::{Outcome, Queries};
use super::rejection::{Rejection, reject};
use super::verdicts::{JudgedAnswer, VerdictMetrics};
use crate::build::empty_split;
use crate::encode::Views;
use crate::error::EngineError;
use crate::progress::Progress;
use crate::ranking::Ranking;
use crate::search::Searcher;

/// How well an index names the products of photos that are not in it.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The split that was measured; none if the catalogue has no splits.
    pub split: Option<Split>,
    /// Number of photos searched for.
    pub queries: u64,
    /// Products that those photos show.
    pub products: usize,
    /// Top-1 accuracy: the fraction of photos whose product came first, 0 to 1.
    pub top1: f64,
    /// Top-3 accuracy: the fraction of photos whose product was among the first three, 0 to 1.
    pub top3: f64,
    /// Fraction of the true 10 nearest neighbours that the graph finds, 0 to 1.
    pub recall_at_10: f64,
    /// Photos left out because the very same file is in the index.
    pub in_index: u64,
    /// Photos left out because their product has no photo in the index.
    pub not_in_index: u64,
    /// Photos that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
    /// How long it took.
    pub seconds: f64,
    /// Every way of ranking: the vote, the networks' classifiers where they know products, their mean, and combinations.
    /// Products are positions in the index.
    pub methods: Vec<RankingMetrics>,
    /// How the index ranks products.
    pub ranking: Ranking,
    /// How far verdicts can be trusted, where the index gives any.
    pub verdicts: Option<VerdictMetrics>,
    /// The answers that those were computed from.
    #[serde(skip)]
    pub answers: Vec<JudgedAnswer>,
    /// How well photos of products that are not sold are rejected, if such photos were given.
    pub rejection: Option<Rejection>,
    /// How well several objects in one photo are found, if that was measured, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectsEvaluation>,
}

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct EvalOptions<'a> {
    /// The split whose photos are searched for.
    pub split: Split,
    /// The views of each photo that are embedded.
    pub views: Views,
    /// Photos of products that are not sold.
    pub unsold: Option<&'a Catalog>,
    /// Whether to measure alternatives to what a search does, too: other ways of ranking by neighbours, and other views.
    pub variants: bool,
}

/// Searches for every photo of a split, which must not have been indexed, and counts how often its
/// product comes first. Products are matched with the index's by their ids.
///
/// # Errors
/// [`EngineError::EmptySplit`] when the catalogue has other splits, [`EngineError::NothingToMeasure`].
pub fn evaluate(
    searcher: &Searcher,
    catalog: &Catalog,
    options: &EvalOptions<'_>,
    progress: &dyn Progress,
) -> Result<Evaluation, EngineError> {
    let &EvalOptions { split, views, unsold, variants } = options;
    let started = Instant::now();
    let is_split = catalog.photos.iter().any(|photo| photo.split.is_some());
    let photos: Vec<&Photo> =
        catalog.photos.iter().filter(|p| !is_split || p.split == Some(split)).collect();
    if photos.is_empty() {
        return Err(empty_split(catalog, &[split]));
    }
    let index = searcher.index();
    let with_photos: HashSet<u32> = index.photos().iter().map(|photo| photo.product).collect();
    let known: HashMap<&str, u32> = (0u32..)
        .zip(index.products())
        .filter(|(number, _)| with_photos.contains(number))
        .map(|(number, product)| (product.id.as_str(), number))
        .collect();
    let in_index: HashSet<[u8; 32]> = index.photos().iter().map(|photo| photo.sha256).collect();
    let mut top = TopK::default();
    let mut sold = Vec::new();
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
        ranking: index.content().ranking.clone(),
        verdicts: None,
        answers: Vec::new(),
        rejection: None,
        objects: None,
    };
    let mut comparison = Comparison::new(searcher, variants);
    let mut queries = Queries {
        searcher,
        catalog,
        known: &known,
        in_index: &in_index,
        views,
        variants,
        progress,
    };
    queries.run(&photos, &mut |outcome| match outcome {
        Outcome::Skipped(skipped) => evaluation.skipped.push(skipped),
        Outcome::InIndex => evaluation.in_index += 1,
        Outcome::NotInIndex => evaluation.not_in_index += 1,
        Outcome::Searched(searched) => {
            products.insert(searched.product);
            top.add(searched.fused.iter().position(|one| one.product == searched.product));
            recall += searched.recall;
            sold.extend(searched.verdict);
            evaluation.answers.extend(searched.judged);
            comparison.add(&searched);
        }
    })?;
    if top.queries() == 0 {
        let Evaluation { in_index, not_in_index, skipped, .. } = &evaluation;
        let reason = format!(
            "{in_index} are in the index themselves, {not_in_index} \
             show products that are not in it (by their ids), {} cannot be used",
            skipped.len()
        );
        return Err(EngineError::NothingToMeasure { catalog: catalog.root.clone(), reason });
    }
    // Without a calibrator nothing is rejected, and there is nothing to measure.
    if let Some(unsold) = unsold.filter(|_| !sold.is_empty()) {
        evaluation.rejection = Some(reject(searcher, unsold, views, &sold, progress)?);
    }
    let unsold = evaluation.rejection.as_ref().map_or(&[][..], |found| &found.answers);
    evaluation.verdicts = VerdictMetrics::new(&evaluation.answers, unsold);
    let mut methods = comparison.results();
    if variants {
        queries.variants = false;
        for other in Views::ALL.into_iter().filter(|other| *other != views) {
            queries.views = other;
            let mut comparison = Comparison::new(searcher, false);
            queries.run(&photos, &mut |outcome| {
                if let Outcome::Searched(searched) = outcome {
                    comparison.add(&searched);
                }
            })?;
            let search = comparison.results().pop();
            // Before the search itself, which is the last.
            let position = methods.len().saturating_sub(1);
            methods.splice(
                position..position,
                search.map(|result| RankingMetrics {
                    name: format!("search, views {other}"),
                    ..result
                }),
            );
        }
    }
    Ok(Evaluation {
        queries: top.queries(),
        products: products.len(),
        top1: top.accuracy(1),
        top3: top.accuracy(3),
        recall_at_10: recall / top.queries() as f64,
        seconds: started.elapsed().as_secs_f64(),
        methods,
        ..evaluation
    })
}
