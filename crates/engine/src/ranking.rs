//! How products are ranked, and how sure that is: fitted when an index is built, and kept in it.

mod answers;
mod classifiers;
mod fit;
mod own_photos;
mod parameters;
mod prototypes;

pub(crate) use answers::{calibration_features, photo_counts};
pub(crate) use classifiers::{Classifiers, restrict};
pub(crate) use fit::fit;
pub use parameters::{FittedOn, Ranking};
pub(crate) use prototypes::{Prototypes, product_sums, prototype_scores};

/// Vectors with a larger cosine similarity are taken to be of the same photo.
pub(crate) const SAME_PHOTO: f32 = 0.9999;
