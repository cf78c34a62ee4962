use serde::{Deserialize, Serialize};

/// How much evidence the mean needs, in photos. See [`Centring::fit`].
const SHRINKAGE: f64 = 50.0;

/// Takes away what all photos of a catalogue have in common, so that cosine similarity measures what
/// tells them apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Centring {
    pub(crate) mean: Vec<f32>,
}

impl Centring {
    /// Fits the mean of embeddings, shape `(n, dim)`, each first scaled to length 1.
    ///
    /// The mean is shrunk towards zero by `n / (n + 50)`: that of a few photos is mostly those
    /// photos themselves, and of a single one it is all there is. Of thousands, it is nearly whole.
    pub(crate) fn fit(embeddings: &[f32], dim: usize) -> Self {
        let count = embeddings.len() / dim;
        let mut sum = vec![0.0f64; dim];
        for embedding in embeddings.chunks_exact(dim) {
            let scale = 1.0 / length(embedding).max(f64::MIN_POSITIVE);
            sum.iter_mut().zip(embedding).for_each(|(sum, &x)| *sum += f64::from(x) * scale);
        }
        let divisor = count as f64 + SHRINKAGE;
        Self { mean: sum.into_iter().map(|sum| (sum / divisor) as f32).collect() }
    }

    /// Scales an embedding to length 1 and subtracts the mean.
    pub(crate) fn apply(&self, embedding: &mut [f32]) {
        let scale = 1.0 / length(embedding).max(f64::MIN_POSITIVE);
        for (x, mean) in embedding.iter_mut().zip(&self.mean) {
            *x = (f64::from(*x) * scale) as f32 - mean;
        }
    }
}

fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_photos_lose_what_they_share() {
        let embeddings: Vec<f32> =
            (0..1000).flat_map(|i| [3.0, if i % 2 == 0 { 4.0 } else { -4.0 }]).collect();
        let centring = Centring::fit(&embeddings, 2);
        let mut first = [3.0, 4.0];
        centring.apply(&mut first);
        assert!(first[0].abs() < 0.04 && (first[1] - 0.8).abs() < 1e-6, "{first:?}");
    }

    #[test]
    fn a_single_photo_keeps_its_direction() {
        let centring = Centring::fit(&[0.0, 5.0], 2);
        let mut only = [0.0, 5.0];
        centring.apply(&mut only);
        assert!(only[1] > 0.9);
    }
}
