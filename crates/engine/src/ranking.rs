//! How products are ranked, and how sure that is: fitted when an index is built, and kept in it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use lookalike_catalog::{Catalog, Photo, Split};
use lookalike_rank::{
    Judge, Neighbour, Opinion, RankedProduct, VoteParams, fit_pool, pool, signals, vote,
};
use lookalike_vectors::Vectors;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::index::Content;
use crate::linear::dot;
use crate::look::Look;
use crate::metric::Metric;
use crate::prototypes::Prototypes;
use crate::{Encoder, EngineError, IndexedPhoto, Progress, Stage, Views};

/// Photos that a fit needs at least.
const LEAST: usize = 30;

/// Photos that a fit looks at, at most.
const MOST: usize = 400;

/// More similar than this, two photos are copies of each other.
pub(crate) const COPY: f32 = 0.9999;

/// What decides how products are ranked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// What each network's classifier weighs, then what the products' prototypes weigh, and last the
    /// neighbours' vote: the exponents of [`lookalike_rank::pool`], 0 to 20. A classifier that knows too few
    /// of the products is not heard whatever it weighs.
    pub weights: Vec<f32>,
    /// What it was fitted on, if it was.
    pub fitted_on: Option<FittedOn>,
    pub(crate) judge: Option<Judge>,
}

/// Photos that a ranking was fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedOn {
    /// Their split; none for the index's own photos, each searched for among the others.
    pub split: Option<Split>,
    /// How many there were.
    pub photos: u32,
}

impl Ranking {
    /// Classifiers, prototypes and vote weigh the same.
    pub(crate) fn plain(networks: usize) -> Self {
        Self { weights: vec![1.0; networks + 2], fitted_on: None, judge: None }
    }

    /// What does not fit, if anything, for so many networks.
    pub(crate) fn misfit(&self, networks: usize) -> Option<String> {
        let sound = self.weights.len() == networks + 2
            && self.weights.iter().all(|weight| (0.0..=20.0).contains(weight))
            && self.judge.as_ref().is_none_or(Judge::is_sound);
        (!sound).then(|| "its ranking is another model's".to_owned())
    }
}

/// For each network, the product of the index that each class of its classifier is, if any. A classifier
/// that knows less than half of the products that can be found has nothing to say.
pub(crate) struct Classifiers(Vec<Option<Vec<Option<u32>>>>);

impl Classifiers {
    pub(crate) fn new(content: &Content, encoder: &Encoder) -> Self {
        let shown: HashSet<u32> = content.photos.iter().map(|photo| photo.product).collect();
        let numbers: HashMap<&str, u32> = content
            .products
            .iter()
            .zip(0..)
            .map(|(product, at)| (product.id.as_str(), at))
            .collect();
        let known = |ids: &[String]| {
            let place = |id: &String| {
                numbers.get(id.as_str()).copied().filter(|product| shown.contains(product))
            };
            let places: Vec<Option<u32>> = ids.iter().map(place).collect();
            let found = places.iter().flatten().count();
            (2 * found >= shown.len()).then_some(places)
        };
        Self(encoder.classes().iter().map(|ids| known(ids.as_ref()?)).collect())
    }

    /// The numbers of those that have something to say.
    pub(crate) fn speaking(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|&network| self.0[network].is_some()).collect()
    }

    /// What the networks' classifiers say, from the probabilities of their classes; empty for those that
    /// have nothing to say.
    pub(crate) fn opinions(&self, shares: &[Vec<f32>]) -> Vec<Opinion> {
        let mut shares = shares.iter();
        let of_one = |(places, shares): (&Option<Vec<Option<u32>>>, Option<&Vec<f32>>)| {
            let (Some(places), Some(shares)) = (places, shares) else { return Opinion::default() };
            let known = places.iter().zip(shares);
            Opinion { shares: known.filter_map(|(p, &share)| Some(((*p)?, share))).collect() }
        };
        self.0.iter().map(|places| of_one((places, shares.next()))).collect()
    }
}

/// Photos to fit on, and the vectors that they are searched for among.
struct Samples {
    photos: Vec<Sample>,
    vectors: Arc<Vectors>,
}

/// A photo to fit on.
struct Sample {
    truth: u32,
    /// The index's own photos have one.
    row: Option<u32>,
    vector: Vec<f32>,
    /// See [`crate::encoder::Encoded::shares`]; one for each network.
    shares: Vec<Vec<f32>>,
}

/// Fits a ranking on the catalogue's validation photos, or where there are few, on the index's own, whose
/// `embeddings` are as the encoder made them.
///
/// Things that are not sold are made up: the same photos are searched for among all products but their
/// own.
pub(crate) fn fit(
    content: &Content,
    embeddings: &[f32],
    encoder: &Encoder,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<Ranking, EngineError> {
    let classifiers = Classifiers::new(content, encoder);
    let mut ranking = Ranking::plain(classifiers.0.len());
    let mut samples = validation(content, encoder, catalog, progress)?;
    let mut split = Some(Split::Val);
    if samples.photos.len() < LEAST {
        samples = own(content, embeddings, encoder, &classifiers, progress)?;
        split = None;
    }
    let Samples { photos: samples, vectors } = samples;
    if samples.len() < LEAST {
        return Ok(ranking);
    }
    let ask = |sample: &Sample, without| ask(&content.photos, &vectors, sample, without);
    let asked: Vec<_> = samples
        .par_iter()
        .map(|sample| Ok((ask(sample, None)?, ask(sample, Some(sample.truth))?)))
        .collect::<Result<_, EngineError>>()?;
    let products = content.products.len();
    let prototypes = Prototypes::new(products, &content.photos, &vectors);
    let opinions = samples.par_iter().map(|sample| {
        let own = sample.row.map(|row| (sample.truth, vectors.row(row)));
        let own = own.as_ref().map(|(truth, row)| (*truth, &row[..]));
        let mut opinions = classifiers.opinions(&sample.shares);
        opinions.push(prototypes.opinion(&sample.vector, own, |_| true));
        opinions
    });
    let opinions: Vec<Vec<Opinion>> = opinions.collect();
    // Classifiers are sure of photos that they were trained on; only others tell what they are worth.
    if split.is_some() {
        let queries: Vec<_> = samples
            .iter()
            .zip(&asked)
            .zip(&opinions)
            .map(|((sample, ((voted, _), _)), opinions)| (&voted[..], &opinions[..], sample.truth))
            .collect();
        ranking.weights = fit_pool(&queries);
    }
    let (mut sold, mut unsold) = (Vec::new(), Vec::new());
    for ((sample, asked), mut opinions) in samples.iter().zip(&asked).zip(opinions) {
        let ((voted, near), (voted_without, near_without)) = asked;
        let ranked = pool(voted, &opinions, &ranking.weights);
        let right = ranked.first().is_some_and(|best| best.product == sample.truth);
        sold.push((signals(&ranked, near), right));
        opinions.iter_mut().for_each(|opinion| restrict(opinion, |other| other != sample.truth));
        let ranked = pool(voted_without, &opinions, &ranking.weights);
        unsold.push(signals(&ranked, near_without));
    }
    ranking.judge = Judge::fit(&sold, &unsold);
    ranking.fitted_on = Some(FittedOn { split, photos: samples.len() as u32 });
    Ok(ranking)
}

/// As if some products were the only ones: what others had goes to them.
pub(crate) fn restrict(opinion: &mut Opinion, is_wanted: impl Fn(u32) -> bool) {
    let before: f32 = opinion.shares.values().sum();
    opinion.shares.retain(|&product, _| is_wanted(product));
    let after: f32 = opinion.shares.values().sum();
    if after > 0.0 {
        opinion.shares.values_mut().for_each(|share| *share *= before / after);
    }
}

/// The vote on a sample, and its neighbours; its own product's left out if that is named.
fn ask(
    all: &[IndexedPhoto],
    vectors: &Vectors,
    sample: &Sample,
    without: Option<u32>,
) -> Result<(Vec<RankedProduct>, Vec<Neighbour>), EngineError> {
    let params = VoteParams::default();
    let photos = (0u32..).zip(all);
    let rows =
        photos.filter(|(row, photo)| Some(*row) != sample.row && without != Some(photo.product));
    let rows = rows.map(|(row, _)| row);
    // Some more than vote, in case copies of an own photo have to be left out.
    let hits = vectors.search_rows(&sample.vector, rows, 2 * params.neighbours)?;
    let own = sample.row.map(|row| vectors.row(row));
    let is_copy = |row: u32| own.as_ref().is_some_and(|own| dot(own, &vectors.row(row)) > COPY);
    let neighbours: Vec<Neighbour> = hits
        .into_iter()
        .filter(|hit| !is_copy(hit.row))
        .map(|hit| Neighbour {
            photo: hit.row,
            product: all[hit.row as usize].product,
            similarity: hit.similarity,
        })
        .take(params.neighbours)
        .collect();
    Ok((vote(&neighbours, &params), neighbours))
}

/// Every so many-th, so that there are no more than [`MOST`], but at least every `least`-th.
fn thinned<T>(all: Vec<T>, least: usize) -> Vec<T> {
    let step = all.len().div_ceil(MOST).max(least);
    all.into_iter().step_by(step).collect()
}

/// The catalogue's validation photos of products that are in the index, and are not in it themselves.
fn validation(
    content: &Content,
    encoder: &Encoder,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<Samples, EngineError> {
    let shown: HashSet<u32> = content.photos.iter().map(|photo| photo.product).collect();
    let is_wanted = |p: &&Photo| p.split == Some(Split::Val) && shown.contains(&p.product);
    let photos: Vec<&Photo> = thinned(catalog.photos.iter().filter(is_wanted).collect(), 1);
    let here: HashSet<[u8; 32]> = content.photos.iter().map(|photo| photo.sha256).collect();
    let files: Vec<PathBuf> = photos.iter().map(|photo| catalog.file(photo)).collect();
    progress.begin(Stage::Fit, files.len() as u64);
    let looks = encoder.look_at_files(&files, Views::default(), &content.metric, progress)?;
    progress.end();
    let samples = photos.iter().zip(looks).filter_map(|(photo, look)| {
        let (Look { vector, shares }, _) =
            look.ok().filter(|(_, sha256)| !here.contains(sha256))?;
        Some(Sample { truth: photo.product, row: None, vector, shares })
    });
    Ok(Samples { photos: samples.collect(), vectors: Arc::clone(&content.vectors) })
}

/// Photos of the index. They are compared by a metric that was learnt without them: with it, they are as near
/// to their products as photos that come later are.
fn own(
    content: &Content,
    embeddings: &[f32],
    encoder: &Encoder,
    classifiers: &Classifiers,
    progress: &dyn Progress,
) -> Result<Samples, EngineError> {
    let all = content.photos.len() as u32;
    let rows = thinned((0..all).collect(), 3);
    let dim = content.model.embedding_dim();
    let sampled: HashSet<u32> = rows.iter().copied().collect();
    let rows_of_all: Vec<&[f32]> = embeddings.chunks_exact(dim).collect();
    let others = (0..all).zip(rows_of_all.iter().copied());
    let others: Vec<(u32, &[f32])> = others.filter(|(row, _)| !sampled.contains(row)).collect();
    let products: Vec<u32> =
        others.iter().map(|(row, _)| content.photos[*row as usize].product).collect();
    let learnt_from: Vec<&[f32]> = others.into_iter().map(|(_, row)| row).collect();
    let wanted = content.metric.wanted();
    let metric = Metric::fit(&content.model, &learnt_from, &products, wanted)?;
    if metric.is_learnt() != content.metric.is_learnt() {
        // Too few are left to learn from, and what is fitted with another kind of metric means nothing.
        return Ok(Samples { photos: Vec::new(), vectors: Arc::clone(&content.vectors) });
    }
    let Ok(vectors) = Vectors::normalised(metric.dim(), metric.apply_all(&rows_of_all)) else {
        // A photo in which nothing is left; the others decide nothing then, but do no harm.
        return Ok(Samples { photos: Vec::new(), vectors: Arc::clone(&content.vectors) });
    };
    let vectors = Arc::new(vectors);
    // Looked at again, as photos that are searched for are.
    let root = std::path::Path::new(&content.root);
    let file = |row: &u32| root.join(&content.photos[*row as usize].path);
    let files: Vec<PathBuf> = rows.iter().map(file).collect();
    progress.begin(Stage::Fit, files.len() as u64);
    let looks = if classifiers.speaking().is_empty() {
        let known: Vec<&[f32]> = rows.iter().map(|&row| rows_of_all[row as usize]).collect();
        encoder.look_again_at_files(&files, &known, &metric, progress)?
    } else {
        encoder.look_at_files(&files, Views::default(), &metric, progress)?
    };
    progress.end();
    let samples = rows.into_iter().zip(looks).filter_map(|(row, look)| {
        let (Look { vector, shares }, _) = look.ok()?;
        let truth = content.photos[row as usize].product;
        Some(Sample { truth, row: Some(row), vector, shares })
    });
    let photos = samples.collect();
    Ok(Samples { photos, vectors })
}
