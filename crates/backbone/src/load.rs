use std::path::{Path, PathBuf};

use lookalike_photo::Preprocess;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::mobilenet_v3::MobileNetV3;
use crate::{Backbone, BackboneError, BackboneKind, weight_files};

/// The environment variable that names a folder of weight files.
pub const WEIGHTS_FOLDER_VARIABLE: &str = "LOOKALIKE_WEIGHTS";

/// What made an embedding. Embeddings of different identities must never be compared.
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
    pub network: Box<dyn Backbone>,
    /// How photos are prepared for it.
    pub preprocess: Preprocess,
    /// What to store with its embeddings.
    pub identity: ModelIdentity,
    /// The file it came from.
    pub weights: PathBuf,
}

/// Loads a network from a safetensors file, recognised by its tensors' names.
///
/// # Errors
/// [`BackboneError`]; in particular [`BackboneError::WrongNetwork`] where the file holds another
/// network than `wanted`, or none that is known.
pub fn load(weights: &Path, wanted: Option<BackboneKind>) -> Result<LoadedBackbone, BackboneError> {
    let checkpoint = Checkpoint::open(weights, wanted)?;
    let kind = checkpoint.kind();
    let network: Box<dyn Backbone> = match kind {
        BackboneKind::MobileNetV3 | BackboneKind::MobileNetV3Minimalistic => {
            Box::new(MobileNetV3::load(&checkpoint)?)
        }
    };
    let preprocess = kind.preprocess();
    let identity = ModelIdentity {
        backbone: kind.name().to_owned(),
        weights_sha256: checkpoint.sha256().to_owned(),
        preprocess: preprocess.id(),
        embedding_dim: network.embedding_dim() as u32,
    };
    Ok(LoadedBackbone { network, preprocess, identity, weights: weights.to_owned() })
}

/// The first of the manifest's files that is in `folder`, for the network `wanted` if one is.
///
/// # Errors
/// [`BackboneError::NoWeights`] when there is none, or no folder.
pub fn find_weights(
    folder: Option<&Path>,
    wanted: Option<BackboneKind>,
) -> Result<PathBuf, BackboneError> {
    let files = || weight_files().into_iter().filter(|f| wanted.is_none_or(|w| w == f.backbone));
    folder
        .and_then(|folder| files().map(|f| folder.join(f.file)).find(|path| path.is_file()))
        .ok_or_else(|| BackboneError::NoWeights {
            expected: files().map(|f| f.file).collect(),
            folder: folder.map(Path::to_owned),
        })
}
