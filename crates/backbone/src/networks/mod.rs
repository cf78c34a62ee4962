//! The networks: EfficientNet-Lite, MobileNetV3-Large, ResNet-50 and VGG19, defined in candle, and compiled for the CPU.

pub(crate) mod compiled;
mod efficientnet_lite;
pub(crate) mod efficientnet_lite_table;
mod graph;
mod inverted_residual;
mod mobilenet_v3;
pub(crate) mod mobilenet_v3_table;
pub(crate) mod network;
mod resnet50;
mod vgg19;

use std::sync::Arc;

use lookalike_infer::Ranges;

use crate::checkpoint::reader::Checkpoint;
use crate::{BackboneError, BackboneKind};

use compiled::CompiledNetwork;
use efficientnet_lite::EfficientNetLite;
use mobilenet_v3::MobileNetV3;
use network::TrainableNetwork;
use resnet50::ResNet50;
use vgg19::Vgg19;

/// The network in a file, in candle: for a GPU, and for training.
pub(crate) fn build(checkpoint: &Checkpoint) -> Result<Arc<dyn TrainableNetwork>, BackboneError> {
    Ok(match checkpoint.kind() {
        BackboneKind::MobileNetV3 | BackboneKind::MobileNetV3Minimalistic => {
            Arc::new(MobileNetV3::load(checkpoint)?)
        }
        BackboneKind::EfficientNetLite0
        | BackboneKind::EfficientNetLite1
        | BackboneKind::EfficientNetLite2
        | BackboneKind::EfficientNetLite3
        | BackboneKind::EfficientNetLite4 => Arc::new(EfficientNetLite::load(checkpoint)?),
        BackboneKind::ResNet50 => Arc::new(ResNet50::load(checkpoint)?),
        BackboneKind::Vgg19 => Arc::new(Vgg19::load(checkpoint)?),
    })
}

/// The network in a file, compiled for inference on the CPU: in int8, if it is calibrated by `ranges`.
pub(crate) fn compile(
    checkpoint: &Checkpoint,
    side: usize,
    ranges: Option<Ranges>,
) -> Result<CompiledNetwork, BackboneError> {
    let quantised = ranges.is_some();
    let compiled = match checkpoint.kind() {
        BackboneKind::MobileNetV3 | BackboneKind::MobileNetV3Minimalistic => {
            CompiledNetwork::of(&MobileNetV3::load(checkpoint)?, side, ranges)
        }
        BackboneKind::EfficientNetLite0
        | BackboneKind::EfficientNetLite1
        | BackboneKind::EfficientNetLite2
        | BackboneKind::EfficientNetLite3
        | BackboneKind::EfficientNetLite4 => {
            CompiledNetwork::of(&EfficientNetLite::load(checkpoint)?, side, ranges)
        }
        BackboneKind::ResNet50 => CompiledNetwork::of(&ResNet50::load(checkpoint)?, side, ranges),
        BackboneKind::Vgg19 => CompiledNetwork::of(&Vgg19::load(checkpoint)?, side, ranges),
    };
    compiled.map_err(|error| match quantised {
        true => {
            // candle's errors may go on with a backtrace.
            let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
            BackboneError::Ranges { path: checkpoint.path().to_owned(), reason }
        }
        false => error.into(),
    })
}
