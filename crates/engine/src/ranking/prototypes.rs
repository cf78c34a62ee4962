//! Products by the mean of their photos' vectors, beside the vote of single photos: prototypes (Snell, Swersky and
//! Zemel, "Prototypical networks for few-shot learning", 2017).

use std::collections::BTreeMap;

use lookalike_rank::ClassScores;
use lookalike_vectors::Vectors;

use crate::index::IndexedPhoto;
use crate::metric::{dot, scale_to};

/// Probabilities are a softmax of `similarity / TEMPERATURE`; [`lookalike_rank::fit_log_linear_pool`] sharpens or flattens
/// them.
const TEMPERATURE: f32 = 0.05;

/// The nearest products, which get a probability; the rest get none.
const MOST: usize = 256;

/// The sum of each product's vectors; its direction is the product's prototype.
pub(crate) struct Prototypes {
    dim: usize,
    /// Shape `(products, dim)`; zeros for a product without photos.
    sums: Vec<f32>,
    /// The inverse length of each sum; 0 for a product without photos.
    scales: Vec<f32>,
}

impl Prototypes {
    /// `vectors` are the photos', in their order.
    pub(crate) fn new(products: usize, photos: &[IndexedPhoto], vectors: &Vectors) -> Self {
        Self::of_sums(vectors.dim(), product_sums(products, photos, vectors))
    }

    /// From the sum of each product's vectors, shape `(products, dim)`.
    pub(crate) fn of_sums(dim: usize, sums: Vec<f32>) -> Self {
        let scales = sums.chunks_exact(dim).map(scale).collect();
        Self { dim, sums, scales }
    }

    /// A softmax over the similarities of a vector of length 1 to the prototypes of the allowed products. `own` is a
    /// product and one of its vectors, which is left out of its prototype.
    pub(crate) fn class_scores(
        &self,
        vector: &[f32],
        own: Option<(u32, &[f32])>,
        is_allowed: impl Fn(u32) -> bool,
    ) -> ClassScores {
        let each = self.sums.chunks_exact(self.dim).zip(&self.scales).zip(0u32..);
        let mut near: Vec<(u32, f32)> = each
            .filter(|((_, scale), product)| **scale > 0.0 && is_allowed(*product))
            .map(|((sum, scale), product)| (product, dot(sum, vector) * scale))
            .collect();
        if let Some((product, row)) = own {
            near.retain(|(other, _)| *other != product);
            let mut sum = self.sums[product as usize * self.dim..][..self.dim].to_vec();
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum -= x);
            // Of a product's only photo, nothing but rounding errors is left.
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
        let probabilities: BTreeMap<u32, f32> = near
            .into_iter()
            .map(|(product, similarity)| (product, weight(similarity) / total))
            .collect();
        ClassScores { probabilities }
    }
}

/// The sum of each product's vectors, shape `(products, dim)`. `vectors` are the photos', in their order.
pub(crate) fn product_sums(
    products: usize,
    photos: &[IndexedPhoto],
    vectors: &Vectors,
) -> Vec<f32> {
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
    fn the_nearest_prototype_has_the_most_and_probabilities_sum_to_one() {
        let photos = [photo(0), photo(0), photo(2)];
        let rows = vec![1.0, 0.0, 0.6, 0.8, 0.0, 1.0];
        let vectors = Vectors::normalised(2, rows).expect("directions");
        let prototypes = Prototypes::new(3, &photos, &vectors);
        let scores = prototypes.class_scores(&[0.8, 0.6], None, |_| true);
        assert_eq!(scores.probabilities.len(), 2, "a product without photos has no probability");
        assert!(scores.probabilities[&0] > 0.99);
        assert!((scores.probabilities.values().sum::<f32>() - 1.0).abs() < 1e-6);
        // Without its first photo, the first product is further up.
        let without =
            prototypes.class_scores(&[0.8, 0.6], Some((0, &vectors.row(0)[..])), |_| true);
        assert!(without.probabilities[&0] < scores.probabilities[&0]);
        let far = prototypes.class_scores(&[0.8, 0.6], None, |product| product == 2);
        assert_eq!(far.probabilities[&2], 1.0, "it is the only one");
        let only = prototypes.class_scores(&[0.0, 1.0], Some((2, &vectors.row(2)[..])), |_| true);
        assert!(!only.probabilities.contains_key(&2), "nothing is left of it");
    }
}
