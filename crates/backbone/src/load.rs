//! Loading a network for inference.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lookalike_photo::Preprocess;
use serde::{Deserialize, Serialize};

use crate::checkpoint::reader::Checkpoint;
use crate::checkpoint::variables::Use;
use crate::{Backbone, BackboneError, BackboneKind, Device, networks};

/// What made an embedding. Embeddings with different identities must never be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// [`BackboneKind::name`].
    pub backbone: String,
    /// SHA-256 of the weights file, in hexadecimal.
    pub weights_sha256: String,
    /// [`Preprocess::id`].
    pub preprocess: String,
    /// Length of an embedding.
    pub embedding_dim: u32,
}

/// A network with everything needed to use it.
pub struct LoadedBackbone {
    /// The network.
    pub network: Arc<dyn Backbone>,
    /// How photos are prepared for it.
    pub preprocess: Preprocess,
    /// What to store with its embeddings.
    pub identity: ModelIdentity,
    /// The names of its classifier's classes, if the file has them: ids of products, for a network that
    /// this program trained.
    pub classes: Option<Vec<String>>,
    /// Where it computes. Batches may lie portable.
    pub device: Device,
    /// Whether it computes in int8, as [quantised](crate::Quantiser) networks do on the CPU.
    pub is_int8: bool,
    /// Its weights file; [`crate::BUNDLED`] for the bundled weights.
    pub weights: PathBuf,
}

/// Loads a network from a safetensors file or a PyTorch checkpoint, recognised by its tensors' names.
///
/// # Errors
/// [`BackboneError`]; in particular [`BackboneError::WrongNetwork`] where the file holds another
/// network than `wanted`, or none that is known.
pub fn load(weights: &Path, wanted: Option<BackboneKind>) -> Result<LoadedBackbone, BackboneError> {
    load_on(weights, wanted, &Device::default())
}

/// [`load`], to compute on another device than the CPU, or with another data type.
///
/// # Errors
/// [`load`]'s.
pub fn load_on(
    weights: &Path,
    wanted: Option<BackboneKind>,
    device: &Device,
) -> Result<LoadedBackbone, BackboneError> {
    let checkpoint = Checkpoint::open(weights, wanted, Use::Inference, device)?;
    let preprocess = checkpoint.preprocess()?;
    let ranges = if device.is_cpu() { checkpoint.ranges()? } else { None };
    let is_int8 = ranges.is_some();
    let network: Arc<dyn Backbone> = if device.is_cpu() {
        Arc::new(networks::compile(&checkpoint, preprocess.size(), ranges)?)
    } else {
        networks::build(&checkpoint)?
    };
    let identity = ModelIdentity {
        backbone: checkpoint.kind().name().to_owned(),
        weights_sha256: checkpoint.sha256().to_owned(),
        preprocess: preprocess.id(),
        embedding_dim: network.embedding_dim() as u32,
    };
    let classes = checkpoint.classes();
    let (device, weights) = (device.clone(), weights.to_owned());
    Ok(LoadedBackbone { network, preprocess, identity, classes, device, is_int8, weights })
}
