use std::path::PathBuf;

use lookalike_backbone::BackboneError;
use lookalike_catalog::CatalogError;

/// Why training cannot go on. Each message is one line that says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The network cannot be loaded or run.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// candle refused an operation.
    #[error("the network failed while it was trained: {0}")]
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
    /// The tutor does not know a product.
    #[error(
        "{} does not know the product '{class}': --tutor takes weights that were trained on the same products",
        path.display()
    )]
    Tutor {
        /// Its weights.
        path: PathBuf,
        /// The product's id.
        class: String,
    },
    /// The loss is no number any more.
    #[error(
        "the loss is no number any more in epoch {epoch}: the learning rate is too high, try \
         --rate {rate}"
    )]
    Diverged {
        /// Counted from 1.
        epoch: usize,
        /// A lower learning rate.
        rate: f64,
    },
    /// A network whose training on a GPU is not right.
    #[error("MobileNetV3 does not learn on a GPU yet: train it with --device cpu (docs/nvidia.md)")]
    NotOnGpu,
    /// The folder has another run's checkpoint.
    #[error(
        "{} has a run with other settings ({differs}): name another folder with --out, or remove it",
        folder.display()
    )]
    OtherRun {
        /// The run's folder.
        folder: PathBuf,
        /// What differs.
        differs: String,
    },
    /// A checkpoint cannot be read.
    #[error("{} is damaged ({reason}): remove it to begin again", path.display())]
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
