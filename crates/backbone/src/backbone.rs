//! The trait of all networks.

use candle_core::{Result, Tensor};

/// The feature map after a stage of a network.
pub struct Stage {
    /// `stem`, `block_3`, `layer1` and the like.
    pub name: String,
    /// `(n, c, h, w)`
    pub output: Tensor,
}

/// A network as a feature extractor and classifier, for inference.
pub trait Backbone: Send + Sync {
    /// Penultimate features of a batch: `(n, 3, s, s)` to `(n, embedding_dim)`, not normalised.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device.
    fn embed(&self, batch: &Tensor) -> Result<Tensor>;

    /// Class logits of a batch: `(n, 3, s, s)` to `(n, classes)`, before softmax.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device, or the weights have no classifier.
    fn logits(&self, batch: &Tensor) -> Result<Tensor>;

    /// [`Self::embed`] and [`Self::logits`] of a batch, in one pass.
    ///
    /// # Errors
    /// [`Self::logits`]'s.
    fn embed_and_logits(&self, batch: &Tensor) -> Result<(Tensor, Tensor)>;

    /// [`Self::embed`] of a batch, and the last of its [`Self::stages`] whose map is at least `cells`
    /// wide, in one pass: `(n, embedding_dim)` and `(n, c, h, w)`.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device, or no map is so wide.
    fn embed_with_map(&self, batch: &Tensor, cells: usize) -> Result<(Tensor, Tensor)>;

    /// The feature maps of a batch, stage by stage; the last is the one that is pooled.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device.
    fn stages(&self, batch: &Tensor) -> Result<Vec<Stage>>;

    /// Length of an embedding.
    fn embedding_dim(&self) -> usize;

    /// Number of classes of the classifier; 0 for weights without one.
    fn classes(&self) -> usize;
}
