//! The principal subspace of a catalogue's photos: the few directions that span most of their embeddings. A photo of
//! another kind of thing lies outside it, which its similarity to the nearest photos hides (Wang et al., "ViM:
//! out-of-distribution with virtual-logit matching", 2022, use the same residual).

use candle_core::{Device, Tensor};
use lookalike_backbone::BackboneError;

use super::linear::{dot, orthonormal};

/// Dimensions of the subspace at most.
const MOST: usize = 64;

/// The least photos for each dimension: with fewer, every one of them lies in it.
const PHOTOS_FOR_EACH: usize = 4;

/// Dimensions at least, if there are so many photos.
const LEAST: usize = 4;

/// Rounds of orthogonal iteration.
const ROUNDS: usize = 8;

/// The dimensions of the principal subspace of so many photos.
pub(super) fn subspace_dims(photos: usize) -> usize {
    (photos / PHOTOS_FOR_EACH).clamp(LEAST, MOST)
}

/// An orthonormal basis of the principal subspace of centred embeddings, shape `(dims, dim)`; of fewer dimensions where
/// there are fewer embeddings.
pub(super) fn principal_subspace(
    rows: &[f32],
    dim: usize,
    dims: usize,
) -> Result<Vec<f32>, BackboneError> {
    let count = rows.len() / dim;
    let kept = dims.min(count).min(dim);
    let start: Vec<f32> =
        (0..kept).flat_map(|number| &rows[number * count / kept * dim..][..dim]).copied().collect();
    // Directions that depend on others are dropped: there are fewer of them where photos are copies.
    let matrix = |values: Vec<f32>| {
        let shape = (values.len() / dim, dim);
        Tensor::from_vec(values, shape, &Device::Cpu)
    };
    let all = matrix(rows.to_vec())?;
    let transposed = all.t()?.contiguous()?;
    let mut basis = orthonormal(start, dim);
    for _ in 0..ROUNDS {
        if basis.is_empty() {
            break;
        }
        let next = matrix(basis)?.matmul(&transposed)?.matmul(&all)?;
        basis = orthonormal(next.flatten_all()?.to_vec1()?, dim);
    }
    Ok(basis)
}

/// The length of the projection of a vector of length 1 onto a subspace, 0 to 1.
pub(super) fn projected_length(basis: &[f32], vector: &[f32]) -> f32 {
    let along = basis.chunks_exact(vector.len().max(1)).map(|axis| dot(axis, vector).powi(2));
    along.sum::<f32>().min(1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_photos_span_is_inside_and_the_rest_outside() {
        // Forty photos in the first two of six dimensions, with a little noise in the third.
        let photo = |n: usize| {
            let angle = n as f32;
            [angle.cos(), angle.sin(), 0.02 * (3.0 * angle).cos(), 0.0, 0.0, 0.0]
        };
        let rows: Vec<f32> = (0..40).flat_map(photo).collect();
        let basis = principal_subspace(&rows, 6, 2).expect("a basis");
        assert_eq!(basis.len() % 6, 0);
        let inside = projected_length(&basis, &[0.6, 0.8, 0.0, 0.0, 0.0, 0.0]);
        let outside = projected_length(&basis, &[0.0, 0.0, 0.0, 0.0, 0.6, 0.8]);
        assert!(inside > 0.999 && outside < 0.6, "{inside} {outside}");
    }

    #[test]
    fn copies_span_no_more_than_one_of_them() {
        let rows = [0.6, 0.8, 0.0].repeat(50);
        let basis = principal_subspace(&rows, 3, 2).expect("a basis");
        assert_eq!(basis.len(), 3);
        assert!((projected_length(&basis, &[0.6, 0.8, 0.0]) - 1.0).abs() < 1e-5);
        let zeros = principal_subspace(&[0.0; 30], 3, 2).expect("a basis");
        assert_eq!(projected_length(&zeros, &[1.0, 0.0, 0.0]), 0.0);
    }

    #[test]
    fn of_few_photos_it_is_small() {
        assert_eq!([9, 100, 5000].map(subspace_dims), [4, 25, 64]);
        let one = principal_subspace(&[0.0, 1.0], 2, 4).expect("a basis");
        assert!((projected_length(&one, &[0.0, 1.0]) - 1.0).abs() < 1e-6);
        assert_eq!(projected_length(&[], &[1.0]), 0.0);
    }
}
