//! Products by the mean of their photos' vectors, beside the vote of single photos: prototypes (Snell, Swersky and
//! Zemel, "Prototypical networks for few-shot learning", 2017).

use std::collections::BTreeMap;

use lookalike_rank::{ClassScores, ProductSimilarity};
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

    /// The similarities of a vector of length 1 to the prototypes of the allowed products, in no order. `own` is a product
    /// and one of its vectors, which is left out of its prototype.
    pub(crate) fn similarities(
        &self,
        vector: &[f32],
        own: Option<(u32, &[f32])>,
        is_allowed: impl Fn(u32) -> bool,
    ) -> Vec<ProductSimilarity> {
        let each = self.sums.chunks_exact(self.dim).zip(&self.scales).zip(0u32..);
        let mut all: Vec<ProductSimilarity> = each
            .filter(|((_, scale), product)| **scale > 0.0 && is_allowed(*product))
            .map(|((sum, scale), product)| ProductSimilarity {
                product,
                similarity: dot(sum, vector) * scale,
            })
            .collect();
        if let Some((product, row)) = own {
            all.retain(|one| one.product != product);
            let mut sum = self.sums[product as usize * self.dim..][..self.dim].to_vec();
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum -= x);
            // Of a product's only photo, nothing but rounding errors is left.
            if dot(&sum, &sum) > 1e-6 {
                scale_to(1.0, &mut sum);
                all.push(ProductSimilarity { product, similarity: dot(&sum, vector) });
            }
        }
        all
    }
}

/// A softmax over the similarities of prototypes.
pub(crate) fn prototype_scores(similarities: &[ProductSimilarity]) -> ClassScores {
    let mut near = similarities.to_vec();
    let by_similarity = |a: &ProductSimilarity, b: &ProductSimilarity| {
        b.similarity.total_cmp(&a.similarity).then(a.product.cmp(&b.product))
    };
    near.sort_unstable_by(by_similarity);
    near.truncate(MOST);
    let most = near.first().map_or(0.0, |one| one.similarity);
    let weight = |similarity: f32| ((similarity - most) / TEMPERATURE).exp();
    let total: f32 = near.iter().map(|one| weight(one.similarity)).sum();
    let probabilities: BTreeMap<u32, f32> =
        near.into_iter().map(|one| (one.product, weight(one.similarity) / total)).collect();
    ClassScores { probabilities }
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
    use lookalike_catalog::PhotoSource;
    use lookalike_photo::PerceptualHash;

    fn photo(product: u32) -> IndexedPhoto {
        let path = String::new();
        let perceptual_hash = PerceptualHash::default();
        let source = PhotoSource::Review;
        IndexedPhoto { product, path, split: None, source, sha256: [0; 32], perceptual_hash }
    }

    #[test]
    fn the_nearest_prototype_has_the_most_and_probabilities_sum_to_one() {
        let photos = [photo(0), photo(0), photo(2)];
        let rows = vec![1.0, 0.0, 0.6, 0.8, 0.0, 1.0];
        let vectors = Vectors::normalised(2, rows).expect("directions");
        let prototypes = Prototypes::new(3, &photos, &vectors);
        let (first, third) = (vectors.row(0), vectors.row(2));
        let class_scores = |vector: &[f32], own, is_allowed: &dyn Fn(u32) -> bool| {
            prototype_scores(&prototypes.similarities(vector, own, is_allowed))
        };
        let scores = class_scores(&[0.8, 0.6], None, &|_| true);
        assert_eq!(scores.probabilities.len(), 2, "a product without photos has no probability");
        assert!(scores.probabilities[&0] > 0.99);
        assert!((scores.probabilities.values().sum::<f32>() - 1.0).abs() < 1e-6);
        // Without its first photo, the first product is further up.
        let without = class_scores(&[0.8, 0.6], Some((0, &first[..])), &|_| true);
        assert!(without.probabilities[&0] < scores.probabilities[&0]);
        let far = class_scores(&[0.8, 0.6], None, &|product| product == 2);
        assert_eq!(far.probabilities[&2], 1.0, "it is the only one");
        let only = class_scores(&[0.0, 1.0], Some((2, &third[..])), &|_| true);
        assert!(!only.probabilities.contains_key(&2), "nothing is left of it");
    }
}
