//! Learns a prior from photos of products of several kinds of goods.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use lookalike_backbone::BackboneError;
use lookalike_catalog::PhotoSource;

use super::{Kind, LowRank, MetricPrior};
use crate::metric::linear::{cholesky, dot, scale_to};
use crate::metric::subspace::principal_subspace;

/// A catalogue picture counts for so many photos of its product.
const PICTURE_WEIGHT: f32 = 5.0;

/// The rank of the matrices that are kept: 256 lose one point of top-1 accuracy, 128 a dozen.
const RANK: usize = 256;

/// Embeddings of photos of a kind of goods. All slices have one entry for each photo.
#[derive(Debug, Clone)]
pub struct KindOfGoods<'a> {
    /// Its name: in a file, the prefix of its tensors.
    pub name: &'a str,
    /// A network's embeddings.
    pub embeddings: Vec<&'a [f32]>,
    /// The product that each shows.
    pub products: Vec<u32>,
    /// Where it comes from.
    pub sources: Vec<PhotoSource>,
}

impl MetricPrior {
    /// Learns from photos; products of one photo say nothing.
    ///
    /// # Errors
    /// When candle fails.
    pub fn learn(weights_sha256: &str, goods: &[KindOfGoods<'_>]) -> Result<Self, BackboneError> {
        let kinds = goods.iter().map(Kind::learn).collect::<Result<_, _>>()?;
        Ok(Self { weights_sha256: weights_sha256.to_owned(), kinds })
    }
}

impl Kind {
    fn learn(goods: &KindOfGoods<'_>) -> Result<Self, BackboneError> {
        let unit = |row: &&[f32]| {
            let mut row = row.to_vec();
            scale_to(1.0, &mut row);
            row
        };
        let mut rows: Vec<Vec<f32>> = goods.embeddings.iter().map(unit).collect();
        let dim = rows.first().map_or(0, Vec::len);
        let mean_of = |wanted: PhotoSource| {
            let of_source = rows.iter().zip(&goods.sources).filter(|(_, one)| **one == wanted);
            mean(of_source.map(|(row, _)| (1.0, &row[..])), dim)
        };
        let (photos, pictures) = (mean_of(PhotoSource::Review), mean_of(PhotoSource::Catalogue));
        let mut by_product: BTreeMap<u32, Vec<(f32, &[f32])>> = BTreeMap::new();
        for ((row, source), product) in rows.iter_mut().zip(&goods.sources).zip(&goods.products) {
            let (mean, weight) = match source {
                PhotoSource::Review => (&photos, 1.0),
                PhotoSource::Catalogue => (&pictures, PICTURE_WEIGHT),
            };
            row.iter_mut().zip(mean).for_each(|(x, mean)| *x -= mean);
            scale_to(1.0, row);
            by_product.entry(*product).or_default().push((weight, &row[..]));
        }
        by_product.retain(|_, rows| rows.len() > 1);
        // Each product counts the same, however many photos it has.
        let products = by_product.len() as f32;
        let (mut within, mut moment) = (Vec::new(), Vec::new());
        for rows in by_product.values() {
            let total: f32 = rows.iter().map(|(weight, _)| weight).sum();
            let centre = mean(rows.iter().copied(), dim);
            for (weight, row) in rows {
                let scale = (weight / total / products).sqrt();
                moment.extend(row.iter().map(|x| x * scale));
                within.extend(row.iter().zip(&centre).map(|(x, centre)| (x - centre) * scale));
            }
        }
        Ok(Self {
            name: goods.name.to_owned(),
            photos,
            pictures,
            within: LowRank::of_rows(&within, dim)?,
            moment: LowRank::of_rows(&moment, dim)?,
        })
    }
}

impl LowRank {
    /// The best approximation of `rowsᵀ rows`.
    fn of_rows(rows: &[f32], dim: usize) -> Result<Self, BackboneError> {
        let basis = principal_subspace(rows, dim, RANK)?;
        let rank = basis.len() / dim.max(1);
        let matrix = |values: &[f32]| {
            Tensor::from_slice(values, (values.len() / dim.max(1), dim), &Device::Cpu)
        };
        // Of each row, its coordinates in the subspace.
        let along = matrix(rows)?.matmul(&matrix(&basis)?.t()?.contiguous()?)?;
        let inside = along.t()?.contiguous()?.matmul(&along)?.flatten_all()?.to_vec1::<f32>()?;
        let mut inside: Vec<f64> = inside.into_iter().map(f64::from).collect();
        let trace: f64 = rows.chunks(dim.max(1)).map(|row| f64::from(dot(row, row))).sum();
        let traced: f64 = (0..rank).map(|at| inside[at * rank + at]).sum();
        // What is left is spread evenly over the other dimensions, and so is the same in those of the subspace.
        let rest = ((trace - traced) / (dim - rank).max(1) as f64).max(0.0);
        (0..rank).for_each(|at| inside[at * rank + at] -= rest);
        let jitter = 1e-6 * traced / rank.max(1) as f64;
        (0..rank).for_each(|at| inside[at * rank + at] += jitter);
        if cholesky(&mut inside, rank).is_none() {
            return Ok(Self { factor: Vec::new(), rest: (trace / dim.max(1) as f64) as f32 });
        }
        // With `inside = L Lᵀ`, the factor is `Lᵀ basis`.
        let mut factor = vec![0f32; rank * dim];
        for (row, lower) in inside.chunks_exact(rank.max(1)).enumerate() {
            for (column, x) in lower.iter().enumerate().take(row + 1) {
                let out = &mut factor[column * dim..][..dim];
                let axis = &basis[row * dim..][..dim];
                out.iter_mut().zip(axis).for_each(|(out, axis)| *out += *x as f32 * axis);
            }
        }
        Ok(Self { factor, rest: rest as f32 })
    }
}

/// The weighted mean of rows; empty of none.
fn mean<'a>(rows: impl Iterator<Item = (f32, &'a [f32])>, dim: usize) -> Vec<f32> {
    let (mut sum, mut total) = (vec![0f64; dim], 0f64);
    for (weight, row) in rows {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(weight * x));
        total += f64::from(weight);
    }
    if total == 0.0 {
        return Vec::new();
    }
    sum.into_iter().map(|sum| (sum / total) as f32).collect()
}
