//! How embeddings are compared: a linear metric that is learnt in closed form when an index is built, from the index's own
//! photos and from what is known of other catalogues (the prior). Within-class covariance normalisation (WCCN; Hatch,
//! Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker recognition", 2006), followed by a
//! reduction of dimensions.

mod linear;
mod prior;
mod subspace;
mod wccn;

use lookalike_catalog::PhotoSource;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::subspace::projected_length;
use crate::encode::Model;

pub(crate) use linear::{dot, scale_to};
pub(crate) use prior::metric_priors;
pub use prior::{KindOfGoods, MetricPrior};

/// Turns embeddings into the vectors that are compared.
///
/// Of each network's embedding, the mean of all photos is subtracted; of a catalogue picture's, that of all catalogue
/// pictures. The result is whitened by the covariance within products (WCCN), so that directions in which photos of one
/// product differ count less, and projected onto the directions of largest variance after that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metric {
    /// One for each network, in their order.
    parts: Vec<Part>,
    /// The dimensions to keep of each network; 0 for all.
    dims: u32,
}

/// Photos that a metric is learnt from. All slices have one entry for each.
#[derive(Clone, Copy)]
pub(crate) struct TrainingPhotos<'a> {
    /// A model's embeddings, each of length [`Model::embedding_dim`].
    pub(crate) embeddings: &'a [&'a [f32]],
    /// The products that they show.
    pub(crate) products: &'a [u32],
    pub(crate) sources: &'a [PhotoSource],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Part {
    /// The mean of customers' photos, and so of queries.
    mean: Vec<f32>,
    /// The mean of catalogue pictures; empty where there are none.
    picture_mean: Vec<f32>,
    /// The projection, shape `(kept, mean.len())`; empty if only the mean is subtracted.
    axes: Vec<f32>,
    /// The principal subspace of the photos' centred embeddings: an orthonormal basis, shape `(dimensions, mean.len())`.
    subspace: Vec<f32>,
    /// Whether the mean of customers' photos is theirs, or known of such goods, and not that of catalogue pictures.
    knows_customers_photos: bool,
    /// Length of this part of a vector: the square root of the network's weight.
    length: f32,
}

impl Metric {
    /// Length of an embedding.
    pub(crate) fn embedding_dim(&self) -> usize {
        self.parts.iter().map(|part| part.mean.len()).sum()
    }

    /// Length of a vector.
    pub(crate) fn dim(&self) -> usize {
        self.parts.iter().map(Part::kept).sum()
    }

    /// The dimensions to keep of each network, 0 for all: as passed to [`Self::fit`].
    pub(crate) fn dims(&self) -> usize {
        self.dims as usize
    }

    /// Whether a projection could be learnt for all networks, not only a mean.
    pub(crate) fn is_learnt(&self) -> bool {
        self.parts.iter().all(|part| !part.axes.is_empty())
    }

    /// Whether anything is known of what customers' photos look like.
    pub(crate) fn knows_customers_photos(&self) -> bool {
        self.parts.iter().all(|part| part.knows_customers_photos)
    }

    /// Adds all that a vector depends on to a checksum.
    pub(crate) fn update_checksum(&self, checksum: &mut Sha256) {
        for part in &self.parts {
            for values in [&part.mean, &part.picture_mean, &part.axes, &part.subspace] {
                checksum.update((values.len() as u64).to_le_bytes());
                values.iter().for_each(|x| checksum.update(x.to_le_bytes()));
            }
            checksum.update(part.length.to_le_bytes());
        }
    }

    /// What is inconsistent, if anything.
    pub(crate) fn misfit(&self, model: &Model) -> Option<&'static str> {
        let whole = |part: &Part| {
            let dim = part.mean.len();
            let is_torn = |rows: &[f32]| !rows.len().is_multiple_of(dim);
            let rows = [&part.axes, &part.subspace, &part.picture_mean];
            dim == 0 || rows.into_iter().any(|rows| is_torn(rows))
        };
        let finite = |part: &Part| {
            let sound = |x: &f32| x.is_finite();
            part.length > 0.0
                && sound(&part.length)
                && part.mean.iter().chain(&part.picture_mean).all(sound)
                && part.axes.iter().chain(&part.subspace).all(sound)
        };
        if self.embedding_dim() != model.embedding_dim() || self.parts.iter().any(whole) {
            return Some("its metric has another length than its model's embeddings");
        }
        (!self.parts.iter().all(finite)).then_some("its metric has values that are not finite")
    }

    /// The vector of an embedding; of length 1, or 0 where it has no direction.
    pub(crate) fn apply(&self, embedding: &[f32], source: PhotoSource) -> Vec<f32> {
        let mut vector = Vec::with_capacity(self.dim());
        let mut from = 0;
        for part in &self.parts {
            let mut centred = part.centred(&embedding[from..from + part.mean.len()], source);
            from += part.mean.len();
            let start = vector.len();
            if part.axes.is_empty() {
                vector.append(&mut centred);
            } else {
                let axes = part.axes.chunks_exact(centred.len());
                vector.extend(axes.map(|axis| dot(axis, &centred)));
            }
            scale_to(part.length, &mut vector[start..]);
        }
        scale_to(1.0, &mut vector);
        vector
    }

    /// How much of an embedding lies in the principal subspace of the photos that the metric was learnt from: the length
    /// of its projection, 0 to 1, averaged over networks by their weights.
    pub(crate) fn in_subspace(&self, embedding: &[f32], source: PhotoSource) -> f32 {
        let mut from = 0;
        let (mut sum, mut weights) = (0.0, 0.0);
        for part in &self.parts {
            let mut centred = part.centred(&embedding[from..from + part.mean.len()], source);
            from += part.mean.len();
            scale_to(1.0, &mut centred);
            let weight = part.length * part.length;
            sum += weight * projected_length(&part.subspace, &centred);
            weights += weight;
        }
        sum / weights.max(f32::MIN_POSITIVE)
    }

    /// The vectors of embeddings, one behind the other.
    pub(crate) fn apply_all(&self, embeddings: &[&[f32]], sources: &[PhotoSource]) -> Vec<f32> {
        let mut vectors = vec![0.0; embeddings.len() * self.dim()];
        let each = vectors.par_chunks_exact_mut(self.dim()).zip(embeddings).zip(sources);
        each.for_each(|((vector, embedding), source)| {
            vector.copy_from_slice(&self.apply(embedding, *source));
        });
        vectors
    }
}

impl Part {
    /// An embedding, scaled to length 1, without the mean of its source.
    fn centred(&self, embedding: &[f32], source: PhotoSource) -> Vec<f32> {
        let mean = match source {
            PhotoSource::Catalogue if !self.picture_mean.is_empty() => &self.picture_mean,
            _ => &self.mean,
        };
        let mut centred = embedding.to_vec();
        scale_to(1.0, &mut centred);
        centred.iter_mut().zip(mean).for_each(|(x, mean)| *x -= mean);
        centred
    }

    fn subspace_dims(&self) -> usize {
        self.subspace.len() / self.mean.len().max(1)
    }

    fn kept(&self) -> usize {
        if self.axes.is_empty() { self.mean.len() } else { self.axes.len() / self.mean.len() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ModelPart;
    use lookalike_backbone::ModelIdentity;

    pub(crate) fn model(dims: &[u32]) -> Model {
        let part = |&embedding_dim: &u32| ModelPart {
            identity: ModelIdentity {
                backbone: "made up".into(),
                weights_sha256: String::new(),
                preprocess: String::new(),
                embedding_dim,
            },
            weight: 1.0 / dims.len() as f32,
            weights: "nowhere".into(),
        };
        Model { parts: dims.iter().map(part).collect() }
    }

    const DIM: usize = 16;

    /// Photos of eight products that differ a little in their first dimensions, and vary much in the last five.
    fn photos(count: usize) -> (Vec<f32>, Vec<u32>) {
        let mut state = 1u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let products: Vec<u32> = (0..count).map(|n| (n % 8) as u32).collect();
        let mut embeddings = Vec::with_capacity(count * DIM);
        for product in &products {
            for at in 0..DIM as u32 {
                let own = if at == *product { 1.0 } else { 0.0 };
                embeddings.push(if at < 11 { own + 0.2 * noise() } else { 5.0 * noise() });
            }
        }
        (embeddings, products)
    }

    fn rows(embeddings: &[f32], dim: usize) -> Vec<&[f32]> {
        embeddings.chunks_exact(dim).collect()
    }

    fn fit(
        model: &Model,
        embeddings: &[&[f32]],
        products: &[u32],
        dims: usize,
    ) -> Result<Metric, crate::EngineError> {
        let sources = &vec![PhotoSource::Review; products.len()];
        Metric::fit(model, &[], &TrainingPhotos { embeddings, products, sources }, dims)
    }

    /// Share of rows whose most similar other row is of the same product.
    fn right(metric: &Metric, embeddings: &[f32], products: &[u32]) -> f64 {
        let vectors = metric.apply_all(
            &rows(embeddings, metric.embedding_dim()),
            &vec![PhotoSource::Review; products.len()],
        );
        let rows = rows(&vectors, metric.dim());
        let is_right = |at: usize| {
            let others = (0..rows.len()).filter(|&other| other != at);
            let best =
                others.max_by(|&a, &b| dot(rows[at], rows[a]).total_cmp(&dot(rows[at], rows[b])));
            best.is_some_and(|best| products[best] == products[at])
        };
        (0..rows.len()).filter(|&at| is_right(at)).count() as f64 / rows.len() as f64
    }

    #[test]
    fn what_varies_within_products_counts_less() {
        let (embeddings, products) = photos(400);
        let model = model(&[DIM as u32]);
        let plain = fit(&model, &rows(&embeddings, DIM), &products, 0).expect("a metric");
        assert_eq!((plain.dim(), plain.is_learnt()), (DIM, false));
        for kept in [12, DIM] {
            let learnt = fit(&model, &rows(&embeddings, DIM), &products, kept).expect("a metric");
            assert_eq!((learnt.dim(), learnt.dims(), learnt.misfit(&model)), (kept, kept, None));
            assert!(learnt.is_learnt());
            let (before, after) =
                (right(&plain, &embeddings, &products), right(&learnt, &embeddings, &products));
            assert!(after > before + 0.25, "{before} and {after}");
            let again = fit(&model, &rows(&embeddings, DIM), &products, kept).expect("a metric");
            assert_eq!(learnt, again);
        }
    }

    #[test]
    fn catalogue_pictures_and_customers_photos_are_centred_apart() {
        let (mut embeddings, products) = photos(400);
        let sources: Vec<PhotoSource> = (0..400)
            .map(|n| if n % 16 < 8 { PhotoSource::Review } else { PhotoSource::Catalogue })
            .collect();
        for (row, source) in embeddings.chunks_exact_mut(DIM).zip(&sources) {
            // The noise of the last dimensions would hide it.
            row[11..].fill(0.0);
            row[3] += if *source == PhotoSource::Catalogue { 2.0 } else { 0.0 };
        }
        let rows = rows(&embeddings, DIM);
        let is_picture = |at: &usize| sources[*at] == PhotoSource::Catalogue;
        let (pictures, reviews): (Vec<usize>, Vec<usize>) = (0..400).partition(is_picture);
        let right = |sources: &[PhotoSource]| {
            let training = TrainingPhotos { embeddings: &rows, products: &products, sources };
            let metric = Metric::fit(&model(&[DIM as u32]), &[], &training, 0).expect("a metric");
            let vectors = metric.apply_all(&rows, sources);
            let row = |at: usize| &vectors[at * DIM..][..DIM];
            let best = |query: &usize| {
                let similarity = |at: &usize| dot(row(*query), row(*at));
                reviews.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
            };
            let right = pictures.iter().filter(|query| {
                best(query).is_some_and(|best| products[best] == products[**query])
            });
            (right.count(), metric.knows_customers_photos())
        };
        let (apart, together) = (right(&sources), right(&[PhotoSource::Review; 400]));
        assert_eq!(apart, (200, true));
        assert!(together.0 < 150, "{together:?}");
        let (_, knows) = right(&[PhotoSource::Catalogue; 400]);
        assert!(!knows, "of pictures alone, nothing is known of photos");
    }

    #[test]
    fn networks_keep_their_weights() {
        let (embeddings, products) = photos(200);
        let doubled: Vec<f32> =
            embeddings.chunks_exact(DIM).flat_map(|row| [row, row].concat()).collect();
        let model = model(&[DIM as u32, DIM as u32]);
        let learnt = fit(&model, &rows(&doubled, 2 * DIM), &products, 3).expect("a metric");
        assert_eq!((learnt.dim(), learnt.embedding_dim()), (6, 2 * DIM));
        let vector = learnt.apply(&doubled[..2 * DIM], PhotoSource::Review);
        let (a, b) = vector.split_at(3);
        assert!((dot(a, a) - 0.5).abs() < 1e-5 && (dot(b, b) - 0.5).abs() < 1e-5);
        assert!(learnt.misfit(&self::model(&[16, 17])).is_some());
    }

    #[test]
    fn of_too_few_photos_only_the_mean_is_learnt() {
        let (embeddings, products) = photos(20);
        let model_of_all = model(&[DIM as u32]);
        let few = fit(&model_of_all, &rows(&embeddings, DIM), &products, 2).expect("a metric");
        assert!(!few.is_learnt() && few.dims() == 2);
        // Every product's photos are the same.
        let same: Vec<f32> = (0..100).flat_map(|n| [(n % 4) as f32, 1.0, 0.5, 0.0]).collect();
        let products: Vec<u32> = (0..100).map(|n| n % 4).collect();
        let same = fit(&model(&[4]), &rows(&same, 4), &products, 2).expect("a metric");
        assert!(!same.is_learnt());
        let none = fit(&model(&[2]), &[], &[], 2).expect("a metric");
        assert_eq!((none.dim(), none.is_learnt()), (2, false), "all photos may be left out");
        let only = fit(&model(&[2]), &[&[0.0, 5.0]], &[0], 2).expect("a metric");
        assert!(
            only.apply(&[0.0, 5.0], PhotoSource::Review)[1] > 0.9,
            "a single photo keeps its direction"
        );
        assert_eq!(only.apply(&[0.0, 0.0], PhotoSource::Review)[0], 0.0);
    }

    #[test]
    fn many_photos_lose_what_they_share() {
        let embeddings: Vec<f32> =
            (0..1000).flat_map(|i| [3.0, if i % 2 == 0 { 4.0 } else { -4.0 }]).collect();
        let metric = fit(&model(&[2]), &rows(&embeddings, 2), &vec![0; 1000], 0).expect("a metric");
        let first = metric.apply(&[3.0, 4.0], PhotoSource::Review);
        assert!(first[0].abs() < 0.05 && first[1] > 0.99, "{first:?}");
    }
}
