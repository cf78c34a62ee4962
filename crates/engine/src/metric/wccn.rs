//! Learns a metric from embeddings and the products that they show.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use lookalike_backbone::BackboneError;
use lookalike_catalog::PhotoSource;
use rayon::prelude::*;

use super::linear::{cholesky, inverse_of_lower, orthonormal, scale_to};
use super::prior::{MetricPrior, Mixture, PRIOR_PHOTOS, PRIOR_SUBSPACE_PHOTOS};
use super::subspace::{principal_subspace, subspace_dims};
use super::{Metric, Part, TrainingPhotos};
use crate::encode::Model;
use crate::error::EngineError;

/// The mean is shrunk towards that of a prior, as far as the catalogue is of one of its kinds, and otherwise towards
/// zero, as if so many photos were added: the mean of a few photos is mostly those photos themselves.
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

/// A catalogue is of a kind of goods that a prior knows from this nearness on.
const NEAR: f32 = 0.25;

impl Metric {
    /// Learns from photos. `dims` dimensions of each network are kept; with 0, all are, and only the mean is learnt.
    /// `priors` are the networks'; a network without one is learnt from the photos alone.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn fit(
        model: &Model,
        priors: &[Option<Arc<MetricPrior>>],
        photos: &TrainingPhotos<'_>,
        dims: usize,
    ) -> Result<Self, EngineError> {
        Self::fit_with(model, priors, photos, dims, |count, _| subspace_dims(count))
    }

    /// Learns a metric of the same dimensions from other photos.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn fit_again(
        &self,
        model: &Model,
        priors: &[Option<Arc<MetricPrior>>],
        photos: &TrainingPhotos<'_>,
    ) -> Result<Self, EngineError> {
        let of_part = |_, number: usize| self.parts[number].subspace_dims();
        Self::fit_with(model, priors, photos, self.dims(), of_part)
    }

    /// `subspace_dims` are the dimensions of the principal subspace by the number of photos and the network's.
    fn fit_with(
        model: &Model,
        priors: &[Option<Arc<MetricPrior>>],
        photos: &TrainingPhotos<'_>,
        dims: usize,
        subspace_dims: impl Fn(usize, usize) -> usize,
    ) -> Result<Self, EngineError> {
        let step = photos.products.len().div_ceil(MOST).max(1);
        let products: Vec<u32> = photos.products.iter().copied().step_by(step).collect();
        let sources: Vec<PhotoSource> = photos.sources.iter().copied().step_by(step).collect();
        let rows: Vec<&[f32]> = photos.embeddings.iter().copied().step_by(step).collect();
        let mut parts = Vec::with_capacity(model.parts.len());
        let mut from = 0;
        for (number, part) in model.parts.iter().enumerate() {
            let to = from + part.identity.embedding_dim as usize;
            let prior = priors.get(number).and_then(Option::as_deref).filter(|_| dims > 0);
            let rows = rows.iter().map(|row| &row[from..to]);
            let photos = Photos::new(rows, &sources, to - from, prior);
            let subspace = photos.subspace(|count| subspace_dims(count, number))?;
            let axes = match dims {
                0 => Vec::new(),
                _ => photos.axes(&products, dims)?.unwrap_or_default(),
            };
            let knows_customers_photos = photos.knows_customers_photos();
            let Photos { mean, picture_mean, .. } = photos;
            let length = part.weight.sqrt();
            parts.push(Part { mean, picture_mean, axes, subspace, knows_customers_photos, length });
            from = to;
        }
        Ok(Self { parts, dims: dims as u32 })
    }
}

/// Photos to learn one network's part of a metric from.
struct Photos<'a> {
    dim: usize,
    /// The mean of customers' photos, first scaled to length 1, and shrunk.
    mean: Vec<f32>,
    /// That of catalogue pictures; empty where there are none.
    picture_mean: Vec<f32>,
    /// The embeddings without the mean of their source, again scaled to length 1, one behind the other.
    centred: Vec<f32>,
    /// What is known besides.
    prior: Option<Mixture<'a>>,
    /// Whether there are customers' photos among them.
    has_photos: bool,
}

impl<'a> Photos<'a> {
    fn new<'r>(
        rows: impl Iterator<Item = &'r [f32]>,
        sources: &[PhotoSource],
        dim: usize,
        prior: Option<&'a MetricPrior>,
    ) -> Self {
        let mut centred = Vec::with_capacity(sources.len() * dim);
        let mut sums = [(0usize, vec![0f64; dim]), (0, vec![0f64; dim])];
        for (row, source) in rows.zip(sources) {
            let start = centred.len();
            centred.extend_from_slice(row);
            scale_to(1.0, &mut centred[start..]);
            let (count, sum) = &mut sums[usize::from(*source == PhotoSource::Catalogue)];
            *count += 1;
            sum.iter_mut().zip(&centred[start..]).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let [(photos, photo_sum), (pictures, picture_sum)] = sums;
        let (most, of_most) =
            if photos > 0 { (photos, &photo_sum) } else { (pictures, &picture_sum) };
        let prior = prior.map(|prior| {
            let mean: Vec<f32> = of_most.iter().map(|x| (x / most.max(1) as f64) as f32).collect();
            prior.mixture(&mean, most)
        });
        let shrunk = |count: usize, sum: &[f64], source| -> Vec<f32> {
            let known = prior.as_ref().map(|prior| (prior.nearness, prior.mean(source)));
            let mean = sum.iter().enumerate().map(|(at, sum)| {
                let known = known.as_ref().map_or(0.0, |(nearness, mean)| nearness * mean[at]);
                ((sum + SHRINKAGE * f64::from(known)) / (count as f64 + SHRINKAGE)) as f32
            });
            mean.collect()
        };
        let picture_mean = match pictures {
            0 => Vec::new(),
            _ => shrunk(pictures, &picture_sum, PhotoSource::Catalogue),
        };
        let has_pictures_only = photos == 0 && pictures > 0;
        let mean = match &prior {
            // Where nothing is known of customers' photos, they are taken to be like the pictures.
            None if has_pictures_only => picture_mean.clone(),
            Some(prior) if has_pictures_only => {
                let known = prior.mean(PhotoSource::Review);
                let of_both = known.iter().zip(&picture_mean);
                let near = prior.nearness;
                of_both.map(|(known, like)| near * known + (1.0 - near) * like).collect()
            }
            _ => shrunk(photos, &photo_sum, PhotoSource::Review),
        };
        centred.par_chunks_exact_mut(dim).zip(sources).for_each(|(row, source)| {
            let is_picture = *source == PhotoSource::Catalogue;
            let mean = if is_picture { &picture_mean } else { &mean };
            row.iter_mut().zip(mean).for_each(|(x, mean)| *x -= mean);
            scale_to(1.0, row);
        });
        Self { dim, mean, picture_mean, centred, prior, has_photos: photos > 0 }
    }

    fn count(&self) -> usize {
        self.centred.len() / self.dim
    }

    /// Whether there are any of them, or the prior knows goods of this kind.
    fn knows_customers_photos(&self) -> bool {
        self.has_photos || self.prior.as_ref().is_some_and(|prior| prior.nearness > NEAR)
    }

    /// An orthonormal basis of the principal subspace, of `dims` of the number of photos.
    fn subspace(&self, dims: impl Fn(usize) -> usize) -> Result<Vec<f32>, BackboneError> {
        let photos = match &self.prior {
            None => 0.0,
            // A catalogue's own photos tell better what belongs to it, and the mean of other kinds of goods does not.
            Some(prior) => (PRIOR_SUBSPACE_PHOTOS - self.count() as f32).max(0.0) * prior.nearness,
        };
        let mut rows = self.centred.clone();
        if let Some(prior) = self.prior.as_ref().filter(|_| photos >= 1.0) {
            rows.extend(prior.moment(photos).0);
        }
        principal_subspace(&rows, self.dim, dims(self.count() + photos as usize))
    }

    /// The projection, shape `(kept, dim)`; `None` where there are too few photos of the same products, and no prior.
    ///
    /// With `S` the covariance within products and `L Lᵀ = S + ridge`, whitening is `L⁻¹`; any other root would
    /// give the same similarities. Of `M`, the second moment of whitened vectors, the leading subspace is
    /// found by orthogonal iteration.
    fn axes(&self, products: &[u32], kept: usize) -> Result<Option<Vec<f32>>, BackboneError> {
        let (dim, count) = (self.dim, self.count());
        let (means, groups) = scaled_means(&self.centred, products, dim);
        let (mut moment_rows, mut start) = (self.centred.clone(), self.centred.clone());
        let (mut within_rows, mut within_rest, mut moment_rest) = (Vec::new(), 0.0, 0.0);
        let mut divisor = (count - groups) as f64;
        match &self.prior {
            None if count < groups + LEAST => return Ok(None),
            None => {}
            Some(prior) => {
                divisor += f64::from(PRIOR_PHOTOS);
                (within_rows, within_rest) = prior.within(PRIOR_PHOTOS);
                let moment = prior.moment(PRIOR_PHOTOS);
                // Where the kind of goods is known, a product's only photo does not tell by what products differ: what is
                // its own and what is its product's cannot be told apart.
                let counted = (count - groups) as f32 + (1.0 - prior.nearness) * groups as f32;
                let scale = (counted / count as f32).sqrt();
                moment_rows.iter_mut().for_each(|x| *x *= scale);
                moment_rest = moment.1;
                moment_rows.extend_from_slice(&moment.0);
                start.extend(moment.0);
            }
        }
        let matrix = |values: Vec<f32>| {
            let shape = (values.len() / dim, dim);
            Tensor::from_vec(values, shape, &Device::Cpu)
        };
        let square = |rows: Vec<f32>| {
            let rows = matrix(rows)?;
            rows.t()?.contiguous()?.matmul(&rows)
        };
        let rows = start.len() / dim;
        let kept = kept.min(dim).min(rows);
        let start: Vec<f32> = (0..kept)
            .flat_map(|number| &start[number * rows / kept * dim..][..dim])
            .copied()
            .collect();
        let mut within = (square(self.centred.clone())? - square(means)?)?;
        if !within_rows.is_empty() {
            within = (within + square(within_rows)?)?;
        }
        let mut within: Vec<f64> =
            within.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f64::from).collect();
        (0..dim).for_each(|at| within[at * dim + at] += f64::from(within_rest));
        within.iter_mut().for_each(|x| *x /= divisor);
        let spread = (0..dim).map(|at| within[at * dim + at]).sum::<f64>() / dim as f64;
        (0..dim).for_each(|at| within[at * dim + at] += RIDGE * spread);
        // If all photos of a product are the same, the covariance is rounding errors.
        if !(spread * dim as f64 > 1e-4 && cholesky(&mut within, dim).is_some()) {
            return Ok(None);
        }
        let whitening = matrix(inverse_of_lower(&within, dim))?;
        drop(within);
        let all = (square(moment_rows)?
            + (Tensor::eye(dim, DType::F32, &Device::Cpu)? * f64::from(moment_rest))?)?;
        let moment = whitening.matmul(&all)?.matmul(&whitening.t()?.contiguous()?)?;
        let mut basis = matrix(start)?.matmul(&whitening.t()?.contiguous()?)?;
        for _ in 0..ROUNDS {
            let rows = basis.flatten_all()?.to_vec1::<f32>()?;
            basis = matrix(orthonormal(rows, dim))?.matmul(&moment)?;
        }
        let basis = matrix(orthonormal(basis.flatten_all()?.to_vec1()?, dim))?;
        Ok(Some(basis.matmul(&whitening)?.flatten_all()?.to_vec1()?))
    }
}

/// Of each product, the mean of its rows times the root of their number, one behind the other, and how many there are.
fn scaled_means(rows: &[f32], products: &[u32], dim: usize) -> (Vec<f32>, usize) {
    let mut sums: BTreeMap<u32, (f64, Vec<f32>)> = BTreeMap::new();
    for (row, product) in rows.chunks_exact(dim).zip(products) {
        let (count, sum) = sums.entry(*product).or_insert_with(|| (0.0, vec![0.0; dim]));
        *count += 1.0;
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    let groups = sums.len();
    let scaled = sums.into_values().flat_map(|(count, sum)| {
        let scale = 1.0 / count.sqrt() as f32;
        sum.into_iter().map(move |x| x * scale)
    });
    (scaled.collect(), groups)
}
