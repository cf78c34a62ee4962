//! Why weights cannot be found or loaded.

use lookalike_backbone::{BackboneError, BackboneKind};

use crate::manifest::downloadable;

/// Why weights cannot be found or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// There are no weights for a network on this machine.
    #[error("no weights for {kind} on this machine")]
    NotFound {
        /// The network.
        kind: BackboneKind,
        /// The name of a manifest's file that holds it and can be downloaded.
        download: Option<String>,
    },
    /// There are weights, which cannot be used.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
}

impl WeightsError {
    /// [`Self::NotFound`] for a network.
    pub fn not_found(kind: BackboneKind) -> Self {
        Self::NotFound { kind, download: downloadable(kind).map(|file| file.name) }
    }
}
