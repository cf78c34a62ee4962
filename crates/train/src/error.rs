//! Why training fails.

use std::path::PathBuf;

use lookalike_backbone::BackboneError;
use lookalike_catalog::CatalogError;

/// Why training cannot go on. Each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A network cannot be loaded.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// candle refused an operation.
    #[error("training failed: {0}")]
    Candle(#[from] candle_core::Error),
    /// The catalogue cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Too little to train on.
    #[error(
        "{found}: training needs two products or more, three photos of some, and more than a batch in all"
    )]
    TooFew {
        /// What there is.
        found: String,
    },
    /// The teacher has no class for a product.
    #[error(
        "{} has no class for the product '{class}': a teacher has to be trained on the same products",
        path.display()
    )]
    Teacher {
        /// The teacher's weights.
        path: PathBuf,
        /// The product's id.
        class: String,
    },
    /// The loss became infinite or NaN.
    #[error("the loss diverged in epoch {epoch}: the learning rate is too high")]
    Diverged {
        /// Counted from 1.
        epoch: usize,
        /// A lower learning rate to try.
        learning_rate: f64,
    },
    /// Networks of depthwise convolutions do not learn on a GPU.
    #[error("MobileNetV3 and EfficientNet-Lite do not learn on a GPU yet: train them on the CPU")]
    NotOnGpu,
    /// The folder has the checkpoint of another run.
    #[error(
        "{} has a run whose {differs} differ: use another folder, or remove it",
        folder.display()
    )]
    OtherRun {
        /// The run's folder.
        folder: PathBuf,
        /// What differs: `settings`, `products`, `teacher weights`, `initial weights`.
        differs: String,
    },
    /// A checkpoint cannot be read.
    #[error("{} is damaged ({reason}): remove it to start the run again", path.display())]
    DamagedCheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
