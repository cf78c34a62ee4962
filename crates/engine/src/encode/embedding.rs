//! What the networks make of a photo.

use lookalike_photo::PerceptualHash;

/// The reason that is reported for a photo whose embedding is [degenerate](is_degenerate).
pub(crate) const EMPTY_EMBEDDING: &str =
    "the network finds nothing in it (its embedding is zero): try another photo";

/// Whether an embedding has no direction: all zeros, or a number that is not finite.
pub(crate) fn is_degenerate(embedding: &[f32]) -> bool {
    embedding.iter().all(|&x| x == 0.0) || embedding.iter().any(|x| !x.is_finite())
}

/// The outputs of all networks for one picture.
pub(crate) struct PhotoEmbedding {
    /// The networks' embeddings, concatenated; see [`Model::concatenate`](super::Model::concatenate).
    pub(crate) embedding: Vec<f32>,
    /// For each network, the probability of each class of its classifier; empty for a network whose classifier knows
    /// no products.
    pub(crate) class_probabilities: Vec<Vec<f32>>,
}

/// The embedding of a photo in a file.
pub(crate) struct FileEmbedding {
    /// Without class probabilities where a part of it came from the cache.
    pub(crate) photo: PhotoEmbedding,
    /// Checksum of the file.
    pub(crate) sha256: [u8; 32],
    /// The photo's perceptual hash.
    pub(crate) perceptual_hash: PerceptualHash,
    /// Whether all of it came from the cache.
    pub(crate) is_cached: bool,
}
