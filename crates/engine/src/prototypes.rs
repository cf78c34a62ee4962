//! Products by the mean of their photos, beside the vote of single photos.

use std::collections::BTreeMap;

use lookalike_rank::Opinion;
use lookalike_vectors::Vectors;

use crate::IndexedPhoto;
use crate::linear::{dot, scale_to};

/// A share is as `exp(similarity / temperature)`; [`lookalike_rank::fit_pool`] sharpens or flattens that.
const TEMPERATURE: f32 = 0.05;

/// Products that have a share: the nearest. Of the rest, nothing is said.
const MOST: usize = 256;

/// The sum of each product's vectors, whose direction is its prototype (Snell, Swersky and Zemel,
/// "Prototypical networks for few-shot learning", 2017).
pub(crate) struct Prototypes {
    dim: usize,
    /// Shape `(products, dim)`; zeros for a product without photos.
    sums: Vec<f32>,
    /// What makes each of them a direction: 0 for a product without photos.
    scales: Vec<f32>,
}

impl Prototypes {
    /// `vectors` are the photos', in their order.
    pub(crate) fn new(products: usize, photos: &[IndexedPhoto], vectors: &Vectors) -> Self {
        Self::of_sums(vectors.dim(), sums(products, photos, vectors))
    }

    /// From the sum of each product's vectors, shape `(products, dim)`.
    pub(crate) fn of_sums(dim: usize, sums: Vec<f32>) -> Self {
        let scales = sums.chunks_exact(dim).map(scale).collect();
        Self { dim, sums, scales }
    }

    /// What the prototypes of some products say of a vector of length 1. `own` is a product and one of its
    /// vectors, which is left out of the prototype.
    pub(crate) fn opinion(
        &self,
        vector: &[f32],
        own: Option<(u32, &[f32])>,
        is_wanted: impl Fn(u32) -> bool,
    ) -> Opinion {
        let each = self.sums.chunks_exact(self.dim).zip(&self.scales).zip(0u32..);
        let mut near: Vec<(u32, f32)> = each
            .filter(|((_, scale), product)| **scale > 0.0 && is_wanted(*product))
            .map(|((sum, scale), product)| (product, dot(sum, vector) * scale))
            .collect();
        if let Some((product, row)) = own {
            near.retain(|(other, _)| *other != product);
            let mut sum = self.sums[product as usize * self.dim..][..self.dim].to_vec();
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum -= x);
            // What rounding leaves of a product's only photo has no direction.
            if dot(&sum, &sum) > 1e-6 {
                scale_to(1.0, &mut sum);
                near.push((product, dot(&sum, vector)));
            }
        }
        near.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        near.truncate(MOST);
        let most = near.first().map_or(0.0, |(_, similarity)| *similarity);
        let weight = |similarity: f32| ((similarity - most) / TEMPERATURE).exp();
        let total: f32 = near.iter().map(|(_, similarity)| weight(*similarity)).sum();
        let shares: BTreeMap<u32, f32> = near
            .into_iter()
            .map(|(product, similarity)| (product, weight(similarity) / total))
            .collect();
        Opinion { shares }
    }
}

/// The sum of each product's vectors, shape `(products, dim)`. `vectors` are the photos', in their order.
pub(crate) fn sums(products: usize, photos: &[IndexedPhoto], vectors: &Vectors) -> Vec<f32> {
    let dim = vectors.dim();
    let mut sums = vec![0f32; products * dim];
    for (photo, row) in photos.iter().zip(0..vectors.len() as u32) {
        let sum = &mut sums[photo.product as usize * dim..][..dim];
        sum.iter_mut().zip(vectors.row(row)).for_each(|(sum, x)| *sum += x);
    }
    sums
}

fn scale(sum: &[f32]) -> f32 {
    let length = dot(sum, sum).sqrt();
    if length > 1e-6 { 1.0 / length } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(product: u32) -> IndexedPhoto {
        IndexedPhoto { product, path: String::new(), split: None, sha256: [0; 32] }
    }

    #[test]
    fn the_nearest_mean_has_the_most_and_all_have_one_in_all() {
        let photos = [photo(0), photo(0), photo(2)];
        let rows = vec![1.0, 0.0, 0.6, 0.8, 0.0, 1.0];
        let vectors = Vectors::normalised(2, rows).expect("directions");
        let prototypes = Prototypes::new(3, &photos, &vectors);
        let opinion = prototypes.opinion(&[0.8, 0.6], None, |_| true);
        assert_eq!(opinion.shares.len(), 2, "a product without photos has no share");
        assert!(opinion.shares[&0] > 0.99);
        assert!((opinion.shares.values().sum::<f32>() - 1.0).abs() < 1e-6);
        // Without its first photo, the first product is further up.
        let without = prototypes.opinion(&[0.8, 0.6], Some((0, &vectors.row(0)[..])), |_| true);
        assert!(without.shares[&0] < opinion.shares[&0]);
        let far = prototypes.opinion(&[0.8, 0.6], None, |product| product == 2);
        assert_eq!(far.shares[&2], 1.0, "it is the only one");
        let only = prototypes.opinion(&[0.0, 1.0], Some((2, &vectors.row(2)[..])), |_| true);
        assert!(!only.shares.contains_key(&2), "nothing is left of it");
    }
}
