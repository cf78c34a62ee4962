//! What is known of a network's embeddings before a catalogue's photos are seen: how photos of products of some kinds of
//! goods vary within a product and among products. A catalogue of few photos is compared by little else.
//!
//! Its statistics count as if they were those of so many more photos of the catalogue (a conjugate prior; the same is
//! done for the covariance within speakers by Garcia-Romero and McCree, "Supervised domain adaptation for i-vector based
//! speaker recognition", 2014).

mod file;
mod learn;

use std::sync::{Arc, OnceLock};

use lookalike_backbone::ModelIdentity;
use lookalike_catalog::PhotoSource;

use super::linear::dot;
use crate::encode::Model;
pub use learn::KindOfGoods;

/// A prior counts for so many photos in the covariance within products and in the second moment. Of 50 to 400, all were
/// as good for catalogues of its kinds; fewer do less harm to others.
pub(super) const PRIOR_PHOTOS: f32 = 50.0;

/// Added to the diagonal of a prior's covariance within products, as a multiple of its mean: other products vary a little
/// differently.
const RIDGE: f32 = 1.0;

/// It fills the principal subspace of a catalogue whose kind of goods it knows up to so many.
pub(super) const PRIOR_SUBSPACE_PHOTOS: f32 = 200.0;

/// The distance between the directions of the mean embeddings of a catalogue and of a kind of goods at which the kind
/// counts 1/e. Draws of a kind were 0.04 to 0.28 from it, other kinds 0.51 to 0.96.
const WIDTH: f32 = 0.25;

/// What a kind that is far away counts all the same: of a catalogue of an unknown kind, the mean of all is known.
const LEAST: f32 = 0.02;

/// How a network's embeddings vary, by kinds of goods.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPrior {
    /// Checksum of the weights that made the embeddings, in hexadecimal.
    weights_sha256: String,
    kinds: Vec<Kind>,
}

/// How the embeddings of one kind of goods vary. They have length 1; what they are centred by is their source's mean.
#[derive(Debug, Clone, PartialEq)]
struct Kind {
    name: String,
    /// The mean of customers' photos.
    photos: Vec<f32>,
    /// The mean of catalogue pictures; empty where there were none.
    pictures: Vec<f32>,
    /// The covariance within products.
    within: LowRank,
    /// The second moment.
    moment: LowRank,
}

/// A symmetric matrix: `factorᵀ factor + rest · identity`.
#[derive(Debug, Clone, PartialEq)]
struct LowRank {
    /// Shape `(rank, dim)`.
    factor: Vec<f32>,
    rest: f32,
}

/// What a prior says of a catalogue: its kinds of goods, each as far as the catalogue is like it.
pub(super) struct Mixture<'a> {
    /// With weights that sum to 1.
    kinds: Vec<(f32, &'a Kind)>,
    /// How like the catalogue the most similar kind is, 0 to 1.
    pub(super) nearness: f32,
}

/// The priors that the program has for a model's networks.
pub(crate) fn metric_priors(model: &Model) -> Vec<Option<Arc<MetricPrior>>> {
    model.parts.iter().map(|part| MetricPrior::bundled(&part.identity)).collect()
}

impl MetricPrior {
    /// That of the bundled weights, if a network is that.
    fn bundled(identity: &ModelIdentity) -> Option<Arc<Self>> {
        static BUNDLED: OnceLock<Option<Arc<MetricPrior>>> = OnceLock::new();
        let bundled = BUNDLED.get_or_init(|| Self::read(file::BUNDLED).ok().map(Arc::new));
        bundled.as_ref().filter(|prior| prior.is_of(identity)).map(Arc::clone)
    }

    /// Whether it is of a network's embeddings.
    pub(crate) fn is_of(&self, identity: &ModelIdentity) -> bool {
        self.weights_sha256 == identity.weights_sha256
            && self.dim() == identity.embedding_dim as usize
    }

    /// Length of an embedding.
    fn dim(&self) -> usize {
        self.kinds.first().map_or(0, |kind| kind.photos.len())
    }

    /// What it says of a catalogue of `count` photos whose embeddings, scaled to length 1, have this mean.
    pub(super) fn mixture(&self, mean: &[f32], count: usize) -> Mixture<'_> {
        let near: Vec<f32> = self.kinds.iter().map(|kind| kind.nearness(mean, count)).collect();
        let nearness = near.iter().copied().fold(0.0, f32::max);
        let total: f32 = near.iter().map(|near| near + LEAST).sum();
        let weights = near.iter().map(|near| (near + LEAST) / total);
        Mixture { kinds: weights.zip(&self.kinds).collect(), nearness }
    }
}

impl Kind {
    /// How like it a catalogue is, by the nearer of the means of its photos and of its catalogue pictures.
    fn nearness(&self, mean: &[f32], count: usize) -> f32 {
        let square = dot(mean, mean).max(f32::MIN_POSITIVE);
        // The mean of few photos is as far away as they happen to be: what that adds is taken off.
        let by_chance = (1.0 - square).max(0.0) / square / count.max(1) as f32;
        let distance = |other: &[f32]| {
            let cosine = dot(mean, other) / (square * dot(other, other)).sqrt();
            (2.0 - 2.0 * cosine - by_chance).max(0.0)
        };
        let sources = [&self.photos, &self.pictures].into_iter().filter(|mean| !mean.is_empty());
        let nearest = sources.map(|mean| distance(mean)).fold(f32::MAX, f32::min);
        (-nearest / (WIDTH * WIDTH)).exp()
    }
}

impl Mixture<'_> {
    /// The mean of a source; of a kind of which no catalogue pictures are known, that of its photos.
    pub(super) fn mean(&self, source: PhotoSource) -> Vec<f32> {
        let mut mean = vec![0.0; self.kinds.first().map_or(0, |(_, kind)| kind.photos.len())];
        for (weight, kind) in &self.kinds {
            let of_source = match source {
                PhotoSource::Catalogue if !kind.pictures.is_empty() => &kind.pictures,
                _ => &kind.photos,
            };
            mean.iter_mut().zip(of_source).for_each(|(mean, x)| *mean += weight * x);
        }
        mean
    }

    /// The covariance within products, as if of `photos` photos: rows whose products with themselves sum to it but for a
    /// multiple of the identity, and that multiple.
    pub(super) fn within(&self, photos: f32) -> (Vec<f32>, f32) {
        let (rows, rest) = self.sum(photos, |kind| &kind.within);
        let dim = self.kinds.first().map_or(1, |(_, kind)| kind.photos.len());
        let spread = dot(&rows, &rows) / dim as f32 + rest;
        (rows, rest + RIDGE * spread)
    }

    /// The second moment, in the same way.
    pub(super) fn moment(&self, photos: f32) -> (Vec<f32>, f32) {
        self.sum(photos, |kind| &kind.moment)
    }

    fn sum(&self, photos: f32, matrix: fn(&Kind) -> &LowRank) -> (Vec<f32>, f32) {
        let (mut rows, mut rest) = (Vec::new(), 0.0);
        for (weight, kind) in &self.kinds {
            let LowRank { factor, rest: own } = matrix(kind);
            let scale = (weight * photos).sqrt();
            rows.extend(factor.iter().map(|x| x * scale));
            rest += weight * photos * own;
        }
        (rows, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: usize = 12;

    /// The dimensions in which products differ.
    const OWN: usize = 10;

    /// `per_product` photos of each of some products, which differ in the first dimensions; the photos of one product
    /// differ in the last. `towards` is what all have in common.
    fn goods(
        seed: u64,
        products: u32,
        per_product: usize,
        towards: usize,
    ) -> (Vec<Vec<f32>>, Vec<u32>) {
        let mut state = seed;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let (mut rows, mut of) = (Vec::new(), Vec::new());
        for product in 0..products {
            let own: Vec<f32> = (0..OWN).map(|_| noise()).collect();
            for _ in 0..per_product {
                let mut row: Vec<f32> = own.iter().map(|x| x + 0.1 * noise()).collect();
                row.extend((OWN..DIM).map(|_| 3.0 * noise()));
                row[towards] += 6.0;
                rows.push(row);
                of.push(product);
            }
        }
        (rows, of)
    }

    fn learnt(towards: &[usize]) -> MetricPrior {
        let names = ["first", "second"];
        let all: Vec<_> = towards.iter().map(|&at| goods(7, 30, 8, at)).collect();
        let goods: Vec<KindOfGoods<'_>> = all
            .iter()
            .zip(names)
            .map(|((rows, products), name)| KindOfGoods {
                name,
                embeddings: rows.iter().map(Vec::as_slice).collect(),
                products: products.clone(),
                sources: vec![PhotoSource::Review; rows.len()],
            })
            .collect();
        MetricPrior::learn("of these weights", &goods).expect("a prior")
    }

    fn mean_of(rows: &[Vec<f32>]) -> Vec<f32> {
        let mut mean = vec![0.0; DIM];
        for row in rows {
            let length = dot(row, row).sqrt();
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / length / rows.len() as f32);
        }
        mean
    }

    #[test]
    fn it_knows_in_what_photos_of_a_product_differ_and_products() {
        let prior = learnt(&[0]);
        let (rows, _) = goods(8, 10, 1, 0);
        let mixture = prior.mixture(&mean_of(&rows), rows.len());
        let spread = |(rows, rest): (Vec<f32>, f32), dims: std::ops::Range<usize>| -> f32 {
            let squares =
                dims.map(|at| rows.iter().skip(at).step_by(DIM).map(|x| x * x).sum::<f32>());
            squares.map(|sum| sum + rest).sum()
        };
        let (own, others) = (0..OWN, OWN..DIM);
        // Without the ridge, which is the same in all dimensions.
        let within =
            |dims: std::ops::Range<usize>| spread(mixture.sum(1.0, |kind| &kind.within), dims);
        let (of_product, of_photos) = (within(own), within(others));
        assert!(of_photos > 10.0 * of_product, "{of_photos} {of_product}");
        let moment = spread(mixture.moment(1.0), 0..DIM);
        assert!((moment - 1.0).abs() < 0.05, "photos have length 1: {moment}");
    }

    #[test]
    fn the_kind_that_is_like_a_catalogue_counts() {
        let prior = learnt(&[0, 11]);
        let (rows, _) = goods(9, 10, 2, 11);
        let mixture = prior.mixture(&mean_of(&rows), rows.len());
        assert!(mixture.nearness > 0.5, "{}", mixture.nearness);
        let weights: Vec<f32> = mixture.kinds.iter().map(|(weight, _)| *weight).collect();
        assert!(weights[1] > 0.9 && (weights[0] + weights[1] - 1.0).abs() < 1e-6, "{weights:?}");
        let (rows, _) = goods(9, 10, 2, 5);
        let unknown = prior.mixture(&mean_of(&rows), rows.len());
        assert!(unknown.nearness < 0.1, "{}", unknown.nearness);
    }

    #[test]
    fn it_is_the_same_after_a_file() {
        let prior = learnt(&[0, 11]);
        let bytes = prior.to_bytes().expect("bytes");
        let read = MetricPrior::read(&bytes).expect("a prior");
        let identity = |weights_sha256: &str, embedding_dim| ModelIdentity {
            backbone: String::new(),
            weights_sha256: weights_sha256.to_owned(),
            preprocess: String::new(),
            embedding_dim,
        };
        assert!(read.is_of(&identity("of these weights", DIM as u32)));
        assert!(!read.is_of(&identity("of others", DIM as u32)));
        assert!(!read.is_of(&identity("of these weights", 13)));
        for (kind, other) in prior.kinds.iter().zip(&read.kinds) {
            assert_eq!((&kind.name, &kind.photos), (&other.name, &other.photos));
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-2;
            assert!(kind.within.factor.iter().zip(&other.within.factor).all(near));
        }
        assert!(MetricPrior::read(&bytes[..bytes.len() / 2]).is_err());
        assert!(MetricPrior::read(b"").is_err());
    }

    #[test]
    fn the_bundled_weights_have_one() {
        let prior = MetricPrior::read(file::BUNDLED).expect("it can be read");
        let names: Vec<&str> = prior.kinds.iter().map(|kind| kind.name.as_str()).collect();
        assert_eq!(names, ["groceries", "garments", "drawn"]);
        let bundled = lookalike_backbone::load(lookalike_backbone::BUNDLED.as_ref(), None);
        let identity = bundled.expect("the weights").identity;
        assert!(MetricPrior::bundled(&identity).is_some(), "it is of other weights");
    }

    #[test]
    fn catalogues_of_one_photo_a_product_are_compared_by_it() {
        let prior = Arc::new(learnt(&[0]));
        let (rows, products) = goods(8, 40, 3, 0);
        let model = crate::metric::tests::model(&[DIM as u32]);
        let of = |which: usize| -> (Vec<&[f32]>, Vec<u32>) {
            let rows = rows.iter().map(Vec::as_slice).skip(which).step_by(3).collect();
            (rows, products.iter().copied().step_by(3).collect())
        };
        let (indexed, products) = of(0);
        let sources = vec![PhotoSource::Review; products.len()];
        let training = crate::metric::TrainingPhotos {
            embeddings: &indexed,
            products: &products,
            sources: &sources,
        };
        let right = |priors: &[Option<Arc<MetricPrior>>]| {
            let metric =
                crate::metric::Metric::fit(&model, priors, &training, OWN).expect("fitted");
            let gallery = metric.apply_all(&indexed, &sources);
            let (queries, truths) = of(1);
            let found = queries.iter().zip(&truths).filter(|(query, truth)| {
                let vector = metric.apply(query, PhotoSource::Review);
                let similarity = |row: &[f32]| dot(row, &vector);
                let rows = gallery.chunks_exact(metric.dim());
                let best = rows
                    .enumerate()
                    .max_by(|(_, a), (_, b)| similarity(a).total_cmp(&similarity(b)));
                best.is_some_and(|(at, _)| products[at] == **truth)
            });
            (found.count(), metric.is_learnt())
        };
        let (plain, is_learnt) = right(&[]);
        assert!(!is_learnt, "one photo a product teaches nothing");
        let (by_prior, is_learnt) = right(&[Some(prior)]);
        assert!(is_learnt && by_prior > plain + 5, "{by_prior} and {plain} of 40");
    }
}
