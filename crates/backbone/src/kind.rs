//! Which networks there are, how their stages are counted, and how photos are prepared for them.

use std::fmt;
use std::str::FromStr;

use lookalike_photo::Preprocess;
use serde::{Deserialize, Serialize};

use crate::networks::efficientnet_lite_table::{LiteScale, SCALES};
use crate::preprocess::preprocess_named;

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[non_exhaustive]
pub enum BackboneKind {
    /// MobileNetV3-Large (Howard et al., 2019, table 1), with squeeze-and-excitation, hard-swish and
    /// 5x5 kernels; the checkpoints of timm.
    MobileNetV3,
    /// The same network without those three ("minimalistic"), Google's TensorFlow checkpoints.
    MobileNetV3Minimalistic,
    /// EfficientNet-Lite0 (Google, 2020), for photos of 224 pixels; the checkpoints of timm
    /// (`tf_efficientnet_lite0`).
    EfficientNetLite0,
    /// EfficientNet-Lite1, 240 pixels.
    EfficientNetLite1,
    /// EfficientNet-Lite2, 260 pixels.
    EfficientNetLite2,
    /// EfficientNet-Lite3, 280 pixels.
    EfficientNetLite3,
    /// EfficientNet-Lite4, 300 pixels.
    EfficientNetLite4,
    /// ResNet-50 (He et al., 2016) with the strides of torchvision ("v1.5"); the checkpoints of
    /// torchvision and timm.
    ResNet50,
    /// VGG19 (Simonyan and Zisserman, 2015), with its two dense layers or without; the checkpoints of
    /// torchvision and timm.
    Vgg19,
}

impl BackboneKind {
    /// All networks, in the order in which a weights folder is looked through.
    pub const ALL: [Self; 9] = [
        Self::MobileNetV3,
        Self::MobileNetV3Minimalistic,
        Self::EfficientNetLite0,
        Self::EfficientNetLite1,
        Self::EfficientNetLite2,
        Self::EfficientNetLite3,
        Self::EfficientNetLite4,
        Self::ResNet50,
        Self::Vgg19,
    ];

    /// EfficientNet-Lite, from the smallest on.
    pub(crate) const LITE: [Self; 5] = [
        Self::EfficientNetLite0,
        Self::EfficientNetLite1,
        Self::EfficientNetLite2,
        Self::EfficientNetLite3,
        Self::EfficientNetLite4,
    ];

    /// Of an EfficientNet-Lite, how it is scaled.
    pub(crate) fn lite_scale(self) -> Option<LiteScale> {
        let number = Self::LITE.into_iter().position(|kind| kind == self)?;
        Some(SCALES[number])
    }

    /// The name used on the command line, in the weight manifest and in an index's identity.
    pub fn name(self) -> &'static str {
        match self {
            Self::MobileNetV3 => "mobilenet_v3",
            Self::MobileNetV3Minimalistic => "mobilenet_v3_minimalistic",
            Self::EfficientNetLite0 => "efficientnet_lite0",
            Self::EfficientNetLite1 => "efficientnet_lite1",
            Self::EfficientNetLite2 => "efficientnet_lite2",
            Self::EfficientNetLite3 => "efficientnet_lite3",
            Self::EfficientNetLite4 => "efficientnet_lite4",
            Self::ResNet50 => "resnet50",
            Self::Vgg19 => "vgg19",
        }
    }

    /// Number of stages before the classifier, which can be frozen one after the other.
    pub(crate) fn stages(self) -> usize {
        match (self, self.lite_scale()) {
            (_, Some(scale)) => scale.repeats().iter().sum::<usize>() + 2,
            (Self::ResNet50, _) => 5,
            (Self::Vgg19, _) => 6,
            _ => 18,
        }
    }

    /// The stage of a layer, by this crate's own name for it; 0 is next to the input.
    pub(crate) fn stage_of(self, layer: &str) -> usize {
        let number = |text: &str| text.split('.').next().and_then(|n| n.parse::<usize>().ok());
        match self {
            Self::MobileNetV3 | Self::MobileNetV3Minimalistic => match layer {
                "conv" => 0,
                "conv_1" => 16,
                "conv_2" => 17,
                _ => layer.strip_prefix("blocks.").and_then(number).map_or(18, |n| n + 1),
            },
            Self::EfficientNetLite0
            | Self::EfficientNetLite1
            | Self::EfficientNetLite2
            | Self::EfficientNetLite3
            | Self::EfficientNetLite4 => match layer {
                "conv" => 0,
                "conv_1" => self.stages() - 1,
                _ => {
                    let block = layer.strip_prefix("blocks.").and_then(number);
                    block.map_or(self.stages(), |n| n + 1)
                }
            },
            Self::ResNet50 if layer == "conv1" => 0,
            Self::ResNet50 => layer.strip_prefix("layer").and_then(number).unwrap_or(5),
            // Where torchvision begins to count the convolutions of a block.
            Self::Vgg19 => match layer.strip_prefix("features.").and_then(number) {
                Some(n) => [5, 10, 19, 28].iter().filter(|&&start| n >= start).count(),
                None => {
                    if layer == "logits" {
                        6
                    } else {
                        5
                    }
                }
            },
        }
    }

    /// The name of [`Self::preprocess`]; see [`preprocess_named`].
    pub fn preprocess_name(self) -> &'static str {
        match self {
            Self::MobileNetV3Minimalistic => "symmetric",
            Self::EfficientNetLite0 => "inception",
            Self::EfficientNetLite1 => "inception 240",
            Self::EfficientNetLite2 => "inception 260",
            Self::EfficientNetLite3 => "inception 280",
            Self::EfficientNetLite4 => "inception 300",
            Self::MobileNetV3 | Self::ResNet50 | Self::Vgg19 => "imagenet",
        }
    }

    /// How photos are prepared for it, unless its weights say otherwise.
    pub fn preprocess(self) -> Preprocess {
        preprocess_named(self.preprocess_name()).expect("one of the names above")
    }
}

impl fmt::Display for BackboneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BackboneKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("no backbone is called '{name}': choose one of {known}")
        })
    }
}

impl From<BackboneKind> for &'static str {
    fn from(kind: BackboneKind) -> Self {
        kind.name()
    }
}

impl TryFrom<String> for BackboneKind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_counted_from_the_input() {
        let of = |kind: BackboneKind, layers: &[&str]| {
            layers.iter().map(|layer| kind.stage_of(layer)).collect::<Vec<_>>()
        };
        let mobile =
            of(BackboneKind::MobileNetV3, &["conv", "blocks.0.project", "blocks.14.expand"]);
        assert_eq!(mobile, [0, 1, 15]);
        let last = of(BackboneKind::MobileNetV3, &["conv_1", "conv_2", "logits"]);
        assert_eq!(last, [16, 17, BackboneKind::MobileNetV3.stages()]);
        let lite = BackboneKind::EfficientNetLite2;
        let layers = ["conv", "blocks.0.project", "blocks.20.expand", "conv_1", "logits"];
        assert_eq!(of(lite, &layers), [0, 1, 21, 22, lite.stages()]);
        let resnet =
            of(BackboneKind::ResNet50, &["conv1", "layer1.0.conv2", "layer4.2.conv3", "fc"]);
        assert_eq!(resnet, [0, 1, 4, BackboneKind::ResNet50.stages()]);
        let layers = ["features.0", "features.2", "features.5", "features.34", "dense_1", "logits"];
        assert_eq!(of(BackboneKind::Vgg19, &layers), [0, 0, 1, 4, 5, BackboneKind::Vgg19.stages()]);
    }
}
