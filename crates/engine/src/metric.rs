//! How embeddings are compared: learnt from the index's own photos when it is built, in closed form.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use lookalike_backbone::BackboneError;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::linear::{cholesky, dot, inverse_of_lower, orthonormal, scale_to};
use crate::{EngineError, Model};

/// How much evidence a mean needs, in photos: that of a few photos is mostly those photos themselves, and of
/// a single one it is all there is.
const SHRINKAGE: f64 = 50.0;

/// Photos that are learnt from, at most: more change nothing.
const MOST: usize = 20_000;

/// Photos beyond one of each product, in all, below which nothing can be learnt.
const LEAST: usize = 20;

/// What is added to the spread within products in every direction, as a share of the mean spread: of few
/// photos, the spread is known in few directions.
const RIDGE: f64 = 1.0;

/// Rounds of the search for the directions that are kept.
const ROUNDS: usize = 8;

/// Turns embeddings into the vectors that are compared.
///
/// Each network's embedding loses the mean of all photos. Directions in which photos of one product differ
/// from each other then count less, and those in which they agree more: the vectors are whitened by the
/// covariance within products (Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for
/// SVM-based speaker recognition", 2006), and only the directions in which they then vary most are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metric {
    /// One for each network, in their order.
    parts: Vec<Part>,
    /// How many directions of each network were to be kept.
    wanted: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Part {
    mean: Vec<f32>,
    /// Shape `(kept, mean.len())`; empty where all directions are kept as they are.
    axes: Vec<f32>,
    /// Length of this part of a vector: the root of the network's share.
    length: f32,
}

impl Metric {
    /// Only subtracts a mean, of whole embeddings.
    #[cfg(test)]
    pub(crate) fn subtracting(mean: Vec<f32>, wanted: usize) -> Self {
        let parts = vec![Part { mean, axes: Vec::new(), length: 1.0 }];
        Self { parts, wanted: wanted as u32 }
    }

    /// Learns from a model's embeddings and the products that they show. Of each network, `kept` directions are kept; with 0, all are, and only the mean is learnt.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn fit(
        model: &Model,
        embeddings: &[&[f32]],
        products: &[u32],
        kept: usize,
    ) -> Result<Self, EngineError> {
        let step = products.len().div_ceil(MOST).max(1);
        let products: Vec<u32> = products.iter().copied().step_by(step).collect();
        let rows: Vec<&[f32]> = embeddings.iter().copied().step_by(step).collect();
        let mut parts = Vec::with_capacity(model.parts.len());
        let mut from = 0;
        for part in &model.parts {
            let to = from + part.identity.embedding_dim as usize;
            let rows: Vec<&[f32]> = rows.iter().map(|row| &row[from..to]).collect();
            let (mean, centred) = centre(&rows, to - from);
            let axes = match kept {
                0 => Vec::new(),
                _ => axes(centred, &products, to - from, kept)?.unwrap_or_default(),
            };
            parts.push(Part { mean, axes, length: part.share.sqrt() });
            from = to;
        }
        Ok(Self { parts, wanted: kept as u32 })
    }

    /// Length of an embedding.
    pub(crate) fn embedding_dim(&self) -> usize {
        self.parts.iter().map(|part| part.mean.len()).sum()
    }

    /// Length of a vector.
    pub(crate) fn dim(&self) -> usize {
        self.parts.iter().map(Part::kept).sum()
    }

    /// Directions of each network that were to be kept, 0 for all: what [`Self::fit`] was given.
    pub(crate) fn wanted(&self) -> usize {
        self.wanted as usize
    }

    /// Whether more than a mean could be learnt, of all networks.
    pub(crate) fn is_learnt(&self) -> bool {
        self.parts.iter().all(|part| !part.axes.is_empty())
    }

    /// What does not fit together, if anything.
    pub(crate) fn misfit(&self, model: &Model) -> Option<&'static str> {
        let whole =
            |part: &Part| part.mean.is_empty() || !part.axes.len().is_multiple_of(part.mean.len());
        let finite = |part: &Part| {
            let sound = |x: &f32| x.is_finite();
            part.length > 0.0
                && sound(&part.length)
                && part.mean.iter().chain(&part.axes).all(sound)
        };
        if self.embedding_dim() != model.embedding_dim() || self.parts.iter().any(whole) {
            return Some("its metric has another length than its model's embeddings");
        }
        (!self.parts.iter().all(finite)).then_some("its metric is no metric")
    }

    /// The vector of an embedding; of length 1, or 0 where it has no direction.
    pub(crate) fn apply(&self, embedding: &[f32]) -> Vec<f32> {
        let mut vector = Vec::with_capacity(self.dim());
        let mut from = 0;
        for part in &self.parts {
            let mut centred = embedding[from..from + part.mean.len()].to_vec();
            from += part.mean.len();
            scale_to(1.0, &mut centred);
            centred.iter_mut().zip(&part.mean).for_each(|(x, mean)| *x -= mean);
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

    /// The vectors of embeddings, one behind the other.
    pub(crate) fn apply_all(&self, embeddings: &[&[f32]]) -> Vec<f32> {
        let mut vectors = vec![0.0; embeddings.len() * self.dim()];
        let each = vectors.par_chunks_exact_mut(self.dim());
        each.zip(embeddings)
            .for_each(|(vector, embedding)| vector.copy_from_slice(&self.apply(embedding)));
        vectors
    }
}

impl Part {
    fn kept(&self) -> usize {
        if self.axes.is_empty() { self.mean.len() } else { self.axes.len() / self.mean.len() }
    }
}

/// The mean of embeddings that are first scaled to length 1, and what is left of them without it, again of
/// length 1, one behind the other.
fn centre(rows: &[&[f32]], dim: usize) -> (Vec<f32>, Vec<f32>) {
    let mut centred = Vec::with_capacity(rows.len() * dim);
    let mut sum = vec![0f64; dim];
    for row in rows {
        let start = centred.len();
        centred.extend_from_slice(row);
        scale_to(1.0, &mut centred[start..]);
        sum.iter_mut().zip(&centred[start..]).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let divisor = rows.len() as f64 + SHRINKAGE;
    let mean: Vec<f32> = sum.into_iter().map(|sum| (sum / divisor) as f32).collect();
    centred.par_chunks_exact_mut(dim).for_each(|row| {
        row.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean);
        scale_to(1.0, row);
    });
    (mean, centred)
}

/// The directions to keep, shape `(kept, dim)`; `None` where too little is known of what photos of one
/// product have in common.
///
/// With `S` the covariance within products and `L Lᵀ = S + ridge`, whitening is `L⁻¹`; any other root would
/// give the same similarities. Of `M`, the second moment of whitened vectors, the leading subspace is
/// found by orthogonal iteration.
fn axes(
    rows: Vec<f32>,
    products: &[u32],
    dim: usize,
    kept: usize,
) -> Result<Option<Vec<f32>>, BackboneError> {
    let mut sums: HashMap<u32, (f64, Vec<f32>)> = HashMap::new();
    for (row, product) in rows.chunks_exact(dim).zip(products) {
        let (count, sum) = sums.entry(*product).or_insert_with(|| (0.0, vec![0.0; dim]));
        *count += 1.0;
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    let (count, groups) = (products.len(), sums.len());
    if count < groups + LEAST {
        return Ok(None);
    }
    let mut means = Vec::with_capacity(groups * dim);
    // In an order that does not change from run to run: sums of numbers depend on it.
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|(product, _)| *product);
    for (_, (count, sum)) in sums {
        let scale = 1.0 / count.sqrt() as f32;
        means.extend(sum.into_iter().map(|x| x * scale));
    }
    let matrix = |values: Vec<f32>, columns: usize| {
        let shape = (values.len() / columns, columns);
        Tensor::from_vec(values, shape, &Device::Cpu)
    };
    let square = |rows: &Tensor| rows.t()?.contiguous()?.matmul(rows);
    let kept = kept.min(dim).min(count);
    let start: Vec<f32> =
        (0..kept).flat_map(|number| &rows[number * count / kept * dim..][..dim]).copied().collect();
    let all = square(&matrix(rows, dim)?)?;
    let within = (&all - square(&matrix(means, dim)?)?)?;
    let mut within: Vec<f64> =
        within.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f64::from).collect();
    let divisor = (count - groups) as f64;
    within.iter_mut().for_each(|x| *x /= divisor);
    let spread = (0..dim).map(|at| within[at * dim + at]).sum::<f64>() / dim as f64;
    (0..dim).for_each(|at| within[at * dim + at] += RIDGE * spread);
    // Where all photos of a product are the same, nothing spreads but what rounding leaves.
    if !(spread * dim as f64 > 1e-4 && cholesky(&mut within, dim).is_some()) {
        return Ok(None);
    }
    let whitening = matrix(inverse_of_lower(&within, dim), dim)?;
    drop(within);
    let moment = whitening.matmul(&all)?.matmul(&whitening.t()?.contiguous()?)?;
    let mut basis = matrix(start, dim)?.matmul(&whitening.t()?.contiguous()?)?;
    for _ in 0..ROUNDS {
        let rows = basis.flatten_all()?.to_vec1::<f32>()?;
        basis = matrix(orthonormal(rows, dim), dim)?.matmul(&moment)?;
    }
    let basis = matrix(orthonormal(basis.flatten_all()?.to_vec1()?, dim), dim)?;
    Ok(Some(basis.matmul(&whitening)?.flatten_all()?.to_vec1()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelPart;
    use lookalike_backbone::ModelIdentity;

    fn model(dims: &[u32]) -> Model {
        let part = |&embedding_dim: &u32| ModelPart {
            identity: ModelIdentity {
                backbone: "made up".into(),
                weights_sha256: String::new(),
                preprocess: String::new(),
                embedding_dim,
            },
            share: 1.0 / dims.len() as f32,
            weights: "nowhere".into(),
        };
        Model { parts: dims.iter().map(part).collect() }
    }

    const DIM: usize = 16;

    /// Photos of eight products that differ a little in their first numbers, and vary much in the last five.
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

    /// Share of rows whose most similar other row is of the same product.
    fn right(metric: &Metric, embeddings: &[f32], products: &[u32]) -> f64 {
        let vectors = metric.apply_all(&rows(embeddings, metric.embedding_dim()));
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
        let plain = Metric::fit(&model, &rows(&embeddings, DIM), &products, 0).expect("a metric");
        assert_eq!((plain.dim(), plain.is_learnt()), (DIM, false));
        for kept in [12, DIM] {
            let learnt =
                Metric::fit(&model, &rows(&embeddings, DIM), &products, kept).expect("a metric");
            assert_eq!((learnt.dim(), learnt.wanted(), learnt.misfit(&model)), (kept, kept, None));
            assert!(learnt.is_learnt());
            let (before, after) =
                (right(&plain, &embeddings, &products), right(&learnt, &embeddings, &products));
            assert!(after > before + 0.25, "{before} and {after}");
            let again =
                Metric::fit(&model, &rows(&embeddings, DIM), &products, kept).expect("a metric");
            assert_eq!(learnt, again);
        }
    }

    #[test]
    fn networks_keep_their_shares() {
        let (embeddings, products) = photos(200);
        let doubled: Vec<f32> =
            embeddings.chunks_exact(DIM).flat_map(|row| [row, row].concat()).collect();
        let model = model(&[DIM as u32, DIM as u32]);
        let learnt = Metric::fit(&model, &rows(&doubled, 2 * DIM), &products, 3).expect("a metric");
        assert_eq!((learnt.dim(), learnt.embedding_dim()), (6, 2 * DIM));
        let vector = learnt.apply(&doubled[..2 * DIM]);
        let (a, b) = vector.split_at(3);
        assert!((dot(a, a) - 0.5).abs() < 1e-5 && (dot(b, b) - 0.5).abs() < 1e-5);
        assert!(learnt.misfit(&self::model(&[16, 17])).is_some());
    }

    #[test]
    fn of_too_few_photos_only_the_mean_is_learnt() {
        let (embeddings, products) = photos(20);
        let model_of_all = model(&[DIM as u32]);
        let few =
            Metric::fit(&model_of_all, &rows(&embeddings, DIM), &products, 2).expect("a metric");
        assert!(!few.is_learnt() && few.wanted() == 2);
        // Every product's photos are the same.
        let same: Vec<f32> = (0..100).flat_map(|n| [(n % 4) as f32, 1.0, 0.5, 0.0]).collect();
        let products: Vec<u32> = (0..100).map(|n| n % 4).collect();
        let same = Metric::fit(&model(&[4]), &rows(&same, 4), &products, 2).expect("a metric");
        assert!(!same.is_learnt());
        let only = Metric::fit(&model(&[2]), &[&[0.0, 5.0]], &[0], 2).expect("a metric");
        assert!(only.apply(&[0.0, 5.0])[1] > 0.9, "a single photo keeps its direction");
        assert_eq!(only.apply(&[0.0, 0.0])[0], 0.0);
    }

    #[test]
    fn many_photos_lose_what_they_share() {
        let embeddings: Vec<f32> =
            (0..1000).flat_map(|i| [3.0, if i % 2 == 0 { 4.0 } else { -4.0 }]).collect();
        let metric =
            Metric::fit(&model(&[2]), &rows(&embeddings, 2), &vec![0; 1000], 0).expect("a metric");
        let first = metric.apply(&[3.0, 4.0]);
        assert!(first[0].abs() < 0.05 && first[1] > 0.99, "{first:?}");
    }
}
