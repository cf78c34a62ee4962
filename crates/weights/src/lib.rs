//! Weight files: which ones are known (the manifest), where they are on this machine, and where they can be
//! downloaded.
//!
//! The bundled weights are compiled into `lookalike_backbone`, since every loader accepts their name in place
//! of a path; this crate re-exports the name.
//!
//! ```no_run
//! use lookalike_backbone::{BackboneKind, Device};
//! use lookalike_weights::{WeightStore, load};
//!
//! // The bundled network, or what the user put in its place.
//! let default = lookalike_backbone::load(&WeightStore::from_env().default_weights(), None)?;
//! // Another network, if its weights are on this machine.
//! let resnet = load(BackboneKind::ResNet50, &Device::default())?;
//! println!("{} and {}", default.identity.backbone, resnet.identity.backbone);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod hub_name;
mod manifest;
mod store;

use std::path::PathBuf;

use lookalike_backbone::{BackboneKind, Device, LoadedBackbone, load_on};

pub use error::WeightsError;
pub use hub_name::HubName;
pub use lookalike_backbone::{BUNDLED, is_bundled, weights_exist};
pub use manifest::{HubFile, WeightFile, downloadable, weight_files};
pub use store::{WeightStore, find_in};

/// The weights of a network on this machine: [`WeightStore::find`] with the environment's folders. `None` if
/// there are none.
pub fn locate(kind: BackboneKind) -> Option<PathBuf> {
    WeightStore::from_env().find(kind)
}

/// Loads a network from the weights that [`locate`] finds.
///
/// # Errors
/// [`WeightsError::NotFound`] if there are none, [`WeightsError::Backbone`] if they cannot be used.
pub fn load(kind: BackboneKind, device: &Device) -> Result<LoadedBackbone, WeightsError> {
    let file = locate(kind).ok_or_else(|| WeightsError::not_found(kind))?;
    Ok(load_on(&file, Some(kind), device)?)
}
