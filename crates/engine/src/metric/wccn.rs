//! Learns a metric from embeddings and the products that they show.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use lookalike_backbone::BackboneError;
use rayon::prelude::*;

use super::linear::{cholesky, inverse_of_lower, orthonormal, scale_to};
use super::subspace::{principal_subspace, subspace_dims};
use super::{Metric, Part};
use crate::encode::Model;
use crate::error::EngineError;

/// The mean is shrunk towards zero as if so many photos at zero were added: the mean of a few photos is mostly those
/// photos themselves.
const SHRINKAGE: f64 = 50.0;

/// Photos to learn from at most: more make no difference.
const MOST: usize = 20_000;

/// Photos beyond one of each product, in all, that learning needs at least.
const LEAST: usize = 20;

/// Added to the diagonal of the covariance within products, as a multiple of its mean: few photos give a covariance of
/// low rank.
const RIDGE: f64 = 1.0;

/// Rounds of orthogonal iteration.
const ROUNDS: usize = 8;

impl Metric {
    /// Learns from a model's embeddings, each of length [`Model::embedding_dim`], and the products that they show. `dims`
    /// dimensions of each network are kept; with 0, all are, and only the mean is learnt.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn fit(
        model: &Model,
        embeddings: &[&[f32]],
        products: &[u32],
        dims: usize,
    ) -> Result<Self, EngineError> {
        Self::fit_with(model, embeddings, products, dims, |count, _| subspace_dims(count))
    }

    /// Learns a metric of the same dimensions from other photos.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn fit_again(
        &self,
        model: &Model,
        embeddings: &[&[f32]],
        products: &[u32],
    ) -> Result<Self, EngineError> {
        let of_part = |_, number: usize| self.parts[number].subspace_dims();
        Self::fit_with(model, embeddings, products, self.dims(), of_part)
    }

    /// `subspace_dims` are the dimensions of the principal subspace by the number of photos and the network's.
    fn fit_with(
        model: &Model,
        embeddings: &[&[f32]],
        products: &[u32],
        dims: usize,
        subspace_dims: impl Fn(usize, usize) -> usize,
    ) -> Result<Self, EngineError> {
        let step = products.len().div_ceil(MOST).max(1);
        let products: Vec<u32> = products.iter().copied().step_by(step).collect();
        let rows: Vec<&[f32]> = embeddings.iter().copied().step_by(step).collect();
        let mut parts = Vec::with_capacity(model.parts.len());
        let mut from = 0;
        for (number, part) in model.parts.iter().enumerate() {
            let to = from + part.identity.embedding_dim as usize;
            let rows: Vec<&[f32]> = rows.iter().map(|row| &row[from..to]).collect();
            let (mean, centred) = centre(&rows, to - from);
            let subspace =
                principal_subspace(&centred, to - from, subspace_dims(rows.len(), number))?;
            let axes = match dims {
                0 => Vec::new(),
                _ => axes(centred, &products, to - from, dims)?.unwrap_or_default(),
            };
            parts.push(Part { mean, axes, subspace, length: part.weight.sqrt() });
            from = to;
        }
        Ok(Self { parts, dims: dims as u32 })
    }
}

/// The mean of embeddings that are first scaled to length 1, and the embeddings without it, again scaled to length 1, one
/// behind the other.
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

/// The projection, shape `(kept, dim)`; `None` where there are too few photos of the same products.
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
    // Sorted, because floating point sums depend on the order.
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
    // If all photos of a product are the same, the covariance is rounding errors.
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
