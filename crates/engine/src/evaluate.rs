use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Instant;

use lookalike_catalog::{Catalog, Photo, Skipped, Split};
use lookalike_eval::{RankingMetrics, TopK, auroc, fpr_at_tpr, recall_at_k};
use lookalike_rank::{Opinion, RankedProduct, Verdict};
use lookalike_vectors::Hit;
use rayon::prelude::*;
use serde::Serialize;

use crate::build::empty_split;
use crate::compare::Comparison;
use crate::look::Look;
use crate::variants::{Ranks, rankings};
use crate::{EngineError, ItemsEvaluation, Progress, Ranking, Searcher, Stage, Views};

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
    pub methods: Vec<RankingMetrics>,
    /// How the index ranks products.
    pub ranking: Ranking,
    /// How well things that are not sold are told apart, if photos of such were given.
    pub rejection: Option<Rejection>,
    /// How well several things in one photo are found, if that was measured, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemsEvaluation>,
}

/// How well photos of things that are sold and of things that are not are told apart.
#[derive(Debug, Clone, Serialize)]
pub struct Rejection {
    /// Photos of things that are not sold.
    pub photos: u64,
    /// Of those, the ones that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
    /// Area under the receiver operating characteristic: how often a photo of a thing that is sold is
    /// given a higher probability of being sold than one of a thing that is not, 0 to 1.
    pub auroc: f64,
    /// Share of photos of things that are not sold that are taken for sold where 95 % of the photos of
    /// things that are sold are.
    pub false_accepts_at_95: f64,
    /// Share of photos of things that are sold that a search says so of.
    pub accepted: f64,
    /// Share of photos of things that are not sold that a search takes for sold.
    pub false_accepts: f64,
}

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct EvalOptions<'a> {
    /// The split whose photos are searched for.
    pub split: Split,
    /// What of each photo is looked at.
    pub views: Views,
    /// Photos of things that are not sold.
    pub unsold: Option<&'a Catalog>,
    /// Whether to measure what a search does not do, too: other ways of ranking by neighbours, and other views.
    pub variants: bool,
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
    options: &EvalOptions<'_>,
    progress: &dyn Progress,
) -> Result<Evaluation, EngineError> {
    let &EvalOptions { split, views, unsold, variants } = options;
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
        rejection: None,
        items: None,
    };
    let mut comparison = Comparison::new(searcher, variants);
    let mut asker =
        Asker { searcher, catalog, known: &known, in_index: &in_index, views, variants, progress };
    asker.ask(&queries, &mut |asked| match asked {
        Asked::Skipped(skipped) => evaluation.skipped.push(skipped),
        Asked::InIndex => evaluation.in_index += 1,
        Asked::NotInIndex => evaluation.not_in_index += 1,
        Asked::Answered(answered) => {
            products.insert(answered.product);
            top.add(answered.fused.iter().position(|one| one.product == answered.product));
            recall += answered.recalled;
            sold.extend(answered.verdict);
            comparison.add(&answered);
        }
    })?;
    if top.queries() == 0 {
        let Evaluation { in_index, not_in_index, skipped, .. } = &evaluation;
        let reason = format!(
            "not one photo can be measured: {in_index} are in the index themselves, {not_in_index} \
             show products that are not in it (by their ids), {} cannot be used",
            skipped.len()
        );
        return Err(EngineError::Photo { name: catalog.root.display().to_string(), reason });
    }
    // Without a judge nothing is ever turned away, and there is nothing to measure.
    if let Some(unsold) = unsold.filter(|_| !sold.is_empty()) {
        evaluation.rejection = Some(reject(searcher, unsold, views, &sold, progress)?);
    }
    let mut methods = comparison.results();
    if variants {
        asker.variants = false;
        for other in Views::ALL.into_iter().filter(|other| *other != views) {
            asker.views = other;
            let mut comparison = Comparison::new(searcher, false);
            asker.ask(&queries, &mut |asked| {
                if let Asked::Answered(answered) = asked {
                    comparison.add(&answered);
                }
            })?;
            let search = comparison.results().pop();
            // Before what a search answers, which is the last.
            let place = methods.len().saturating_sub(1);
            methods.splice(
                place..place,
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

/// Searches for photos of things that are not sold; `sold` are verdicts on things that are.
fn reject(
    searcher: &Searcher,
    unsold: &Catalog,
    views: Views,
    sold: &[Verdict],
    progress: &dyn Progress,
) -> Result<Rejection, EngineError> {
    let metric = &searcher.index().content().metric;
    let mut skipped = unsold.skipped.clone();
    let mut verdicts = Vec::new();
    progress.begin(Stage::Measure, unsold.photos.len() as u64);
    for chunk in unsold.photos.chunks(CHUNK) {
        let files: Vec<PathBuf> = chunk.iter().map(|photo| unsold.file(photo)).collect();
        let looks = searcher.encoder().look_at_files(&files, views, metric, progress)?;
        for (photo, look) in chunk.iter().zip(looks) {
            match look {
                Err(reason) => skipped.push(Skipped { path: photo.path.clone(), reason }),
                Ok((Look { vector, shares }, _)) => {
                    let (neighbours, voted) = searcher.nearest(&vector, None, 3)?;
                    let opinions = searcher.opinions(&vector, &shares, |_| true);
                    verdicts.extend(searcher.fused(&voted, &neighbours, &opinions).1);
                }
            }
        }
    }
    progress.end();
    let of = |verdicts: &[Verdict]| -> Vec<f32> { verdicts.iter().map(|v| v.sold).collect() };
    let accepted = |verdicts: &[Verdict]| {
        verdicts.iter().filter(|v| v.is_match).count() as f64 / verdicts.len().max(1) as f64
    };
    let (ours, others) = (of(sold), of(&verdicts));
    Ok(Rejection {
        photos: unsold.photos.len() as u64,
        skipped,
        auroc: auroc(&ours, &others),
        false_accepts_at_95: fpr_at_tpr(&ours, &others, 0.95),
        accepted: accepted(sold),
        false_accepts: accepted(&verdicts),
    })
}

/// Searches for photos.
struct Asker<'a> {
    searcher: &'a Searcher,
    catalog: &'a Catalog,
    known: &'a HashMap<&'a str, u32>,
    in_index: &'a HashSet<[u8; 32]>,
    views: Views,
    variants: bool,
    progress: &'a dyn Progress,
}

/// What became of a photo.
enum Asked {
    Skipped(Skipped),
    /// The very same file is in the index.
    InIndex,
    /// Its product is not in the index.
    NotInIndex,
    Answered(Answered),
}

/// A photo that was searched for.
pub(crate) struct Answered {
    pub(crate) photo: String,
    /// The product that it shows.
    pub(crate) product: u32,
    /// What the neighbours say.
    pub(crate) voted: Vec<RankedProduct>,
    /// See [`Searcher::opinions`].
    pub(crate) opinions: Vec<Opinion>,
    /// What a search answers, and how sure it is.
    pub(crate) fused: Vec<RankedProduct>,
    pub(crate) verdict: Option<Verdict>,
    /// What each of the variants says, where they are asked for.
    pub(crate) variants: Vec<Ranks>,
    /// Rows of the nearest photos.
    pub(crate) found: Vec<u32>,
    /// Recall of the graph.
    pub(crate) recalled: f64,
}

impl Asker<'_> {
    /// Searches for photos on all cores, and hands on what became of each.
    fn ask(&self, photos: &[&Photo], then: &mut dyn FnMut(Asked)) -> Result<(), EngineError> {
        let Self { searcher, catalog, known, in_index, progress, .. } = self;
        let metric = &searcher.index().content().metric;
        progress.begin(Stage::Measure, photos.len() as u64);
        for chunk in photos.chunks(CHUNK) {
            let files: Vec<PathBuf> = chunk.iter().map(|photo| catalog.file(photo)).collect();
            let looks = searcher.encoder().look_at_files(&files, self.views, metric, *progress)?;
            let mut usable = Vec::with_capacity(chunk.len());
            for (photo, look) in chunk.iter().zip(looks) {
                let product = known.get(catalog.products[photo.product as usize].id.as_str());
                match (look, product) {
                    (Err(reason), _) => {
                        then(Asked::Skipped(Skipped { path: photo.path.clone(), reason }));
                    }
                    (Ok((_, sha256)), _) if in_index.contains(&sha256) => then(Asked::InIndex),
                    (_, None) => then(Asked::NotInIndex),
                    (Ok((look, _)), Some(&product)) => {
                        usable.push((photo.path.clone(), product, look));
                    }
                }
            }
            let answered: Vec<_> = usable
                .into_par_iter()
                .map(|(photo, product, Look { vector, shares })| {
                    let (neighbours, voted) = searcher.nearest(&vector, None, 3)?;
                    let opinions = searcher.opinions(&vector, &shares, |_| true);
                    let (fused, verdict) = searcher.fused(&voted, &neighbours, &opinions);
                    let store = searcher.store();
                    let rows = |hits: Vec<Hit>| -> Vec<u32> {
                        hits.into_iter().map(|hit| hit.row).collect()
                    };
                    let found = rows(store.search(&vector, DEPTH)?);
                    let wanted = rows(store.search_exact(&vector, RECALL_AT)?);
                    let recalled = recall_at_k(&wanted, &found[..RECALL_AT.min(found.len())]);
                    let photos = searcher.index().photos();
                    let variants = match self.variants {
                        true => rankings(&vector, store, |row| photos[row as usize].product)?,
                        false => Vec::new(),
                    };
                    Ok(Answered {
                        photo,
                        product,
                        voted,
                        opinions,
                        fused,
                        verdict,
                        variants,
                        found,
                        recalled,
                    })
                })
                .collect::<Result<_, EngineError>>()?;
            answered.into_iter().for_each(|answered| then(Asked::Answered(answered)));
        }
        progress.end();
        Ok(())
    }
}
