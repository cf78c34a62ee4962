use std::path::{Path, PathBuf};
use std::sync::Arc;

use lookalike_infer::Ranges;
use lookalike_photo::Preprocess;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Use};
use crate::compiled::Compiled;
use crate::mobilenet_v3::MobileNetV3;
use crate::resnet50::ResNet50;
use crate::vgg19::Vgg19;
use crate::{Backbone, BackboneError, BackboneKind, Device};

/// Under this key a weights file of this program's names its classes, a JSON list.
pub const CLASSES_KEY: &str = "lookalike.classes";

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
    pub network: Arc<dyn Backbone>,
    /// How photos are prepared for it.
    pub preprocess: Preprocess,
    /// What to store with its embeddings.
    pub identity: ModelIdentity,
    /// What the classes of its classifier are called, where the file says so: ids of products, for a
    /// network that this program trained.
    pub classes: Option<Vec<String>>,
    /// Where it computes. Batches may lie portable.
    pub device: Device,
    /// Whether it computes with bytes, as [quantised](crate::Quantiser) networks do on a CPU.
    pub is_int8: bool,
    /// The file it came from; [`crate::BUNDLED`] for the weights that are part of the program.
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

/// [`load`], to compute on another device than the CPU, or with other numbers.
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
        Arc::new(compiled(&checkpoint, preprocess.size(), ranges)?)
    } else {
        network(&checkpoint)?
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

/// The network that a file holds, in candle.
pub(crate) fn network(checkpoint: &Checkpoint) -> Result<Arc<dyn Backbone>, BackboneError> {
    Ok(match checkpoint.kind() {
        BackboneKind::MobileNetV3 | BackboneKind::MobileNetV3Minimalistic => {
            Arc::new(MobileNetV3::load(checkpoint)?)
        }
        BackboneKind::ResNet50 => Arc::new(ResNet50::load(checkpoint)?),
        BackboneKind::Vgg19 => Arc::new(Vgg19::load(checkpoint)?),
    })
}

/// The network that a file holds, for the CPU.
pub(crate) fn compiled(
    checkpoint: &Checkpoint,
    side: usize,
    ranges: Option<Ranges>,
) -> Result<Compiled, BackboneError> {
    let quantised = ranges.is_some();
    let compiled = match checkpoint.kind() {
        BackboneKind::MobileNetV3 | BackboneKind::MobileNetV3Minimalistic => {
            Compiled::of(&MobileNetV3::load(checkpoint)?, side, ranges)
        }
        BackboneKind::ResNet50 => Compiled::of(&ResNet50::load(checkpoint)?, side, ranges),
        BackboneKind::Vgg19 => Compiled::of(&Vgg19::load(checkpoint)?, side, ranges),
    };
    compiled.map_err(|error| match quantised {
        true => {
            {
                // candle's errors may go on with a backtrace.
                let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
                BackboneError::Ranges { path: checkpoint.path().to_owned(), reason }
            }
        }
        false => error.into(),
    })
}
