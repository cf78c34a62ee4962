//! The tensor names of Google's, timm's and torchvision's checkpoints, translated to this crate's own.

use std::collections::BTreeMap;

use crate::BackboneKind;
use crate::networks::mobilenet_v3_table::squeezes;

/// Whose tensor names a file has. Elsewhere in this crate layers have names of its own; [`Naming::layer`]
/// translates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// MobileNetV3 as Google's minimalistic file has it: `blocks.3.expand.weight` with a bias, batch
    /// norm folded in. These are the project's own names.
    Folded,
    /// timm's MobileNetV3: `blocks.2.0.conv_pw.weight`, batch norm apart.
    TimmMobileNet,
    /// torchvision's MobileNetV3: `features.4.block.0.0.weight`, batch norm apart.
    TorchvisionMobileNet,
    /// ResNet, which timm and torchvision name alike: `layer1.0.conv1.weight`.
    ResNet,
    /// torchvision's VGG: `features.0.weight`, `classifier.0.weight`.
    TorchvisionVgg,
    /// timm's VGG: the dense layers as convolutions, `pre_logits.fc1.weight`.
    TimmVgg,
    /// VGG without its two dense layers: `classifier.weight` on the pooled features.
    PlainVgg,
}

/// A layer's tensors in a file.
pub(crate) struct LayerNames {
    /// Prefix of its weight, and of its bias where it has one.
    pub(crate) layer: String,
    /// Prefix of the batch norm behind it, where that is apart.
    pub(crate) norm: Option<String>,
}

/// Blocks in each of timm's stages of MobileNetV3-Large.
const TIMM_STAGES: [usize; 6] = [1, 2, 3, 4, 2, 3];

impl Naming {
    /// The network and the naming that a file's tensor names match, or what else they look like. With
    /// `parts`, a VGG19 without its last blocks is accepted.
    pub(crate) fn recognise<T>(
        tensors: &BTreeMap<String, T>,
        parts: bool,
    ) -> Result<(BackboneKind, Self), &'static str> {
        let has = |name: &str| tensors.contains_key(name);
        if has("blocks.0.depthwise.weight") {
            let full = has("blocks.3.squeeze.weight");
            let kind = if full {
                BackboneKind::MobileNetV3
            } else {
                BackboneKind::MobileNetV3Minimalistic
            };
            Ok((kind, Self::Folded))
        } else if has("conv_stem.weight") && has("blocks.6.0.conv.weight") {
            Ok((BackboneKind::MobileNetV3, Self::TimmMobileNet))
        } else if has("conv_stem.weight") {
            Err("another MobileNet or EfficientNet")
        } else if has("features.16.0.weight") && has("features.4.block.2.fc1.weight") {
            Ok((BackboneKind::MobileNetV3, Self::TorchvisionMobileNet))
        } else if has("features.0.0.weight") {
            Err("another MobileNet or EfficientNet with torchvision's tensor names")
        } else if has("layer1.0.conv1.weight") && has("layer3.5.conv3.weight") {
            let deeper = has("layer3.6.conv3.weight");
            if deeper { Err("a deeper ResNet") } else { Ok((BackboneKind::ResNet50, Self::ResNet)) }
        } else if has("layer1.0.conv1.weight") {
            Err("another ResNet")
        } else if has("features.1.running_mean") {
            Err("a VGG with batch norm")
        } else if has("features.0.weight") && has("features.34.weight") {
            let naming = if has("classifier.weight") {
                Self::PlainVgg
            } else if has("head.fc.weight") {
                Self::TimmVgg
            } else {
                Self::TorchvisionVgg
            };
            Ok((BackboneKind::Vgg19, naming))
        } else if parts && has("features.16.weight") && !has("features.19.weight") {
            // Of the VGGs only VGG19 has a convolution there and its next block three further.
            Ok((BackboneKind::Vgg19, Self::PlainVgg))
        } else if has("features.0.weight") {
            Err("another VGG, or a part of one")
        } else {
            Err("an unknown network")
        }
    }

    /// What batch norm adds to a variance. timm's and torchvision's plain configurations have
    /// PyTorch's default, torchvision's MobileNetV3 the paper's.
    pub(crate) fn batch_norm_eps(self) -> f64 {
        if self == Self::TorchvisionMobileNet { 1e-3 } else { 1e-5 }
    }

    /// The names in the file of a layer that this crate calls `layer`.
    pub(crate) fn layer(self, layer: &str) -> LayerNames {
        let (layer, norm) = match self {
            Self::Folded => (layer.to_owned(), None),
            Self::TimmMobileNet => timm_mobilenet(layer),
            Self::TorchvisionMobileNet => torchvision_mobilenet(layer),
            Self::ResNet => resnet(layer),
            Self::TorchvisionVgg => {
                (vgg(layer, ["classifier.0", "classifier.3", "classifier.6"]), None)
            }
            Self::TimmVgg => (vgg(layer, ["pre_logits.fc1", "pre_logits.fc2", "head.fc"]), None),
            Self::PlainVgg => (vgg(layer, ["", "", "classifier"]), None),
        };
        LayerNames { layer, norm }
    }
}

fn timm_mobilenet(layer: &str) -> (String, Option<String>) {
    match block_part(layer) {
        Some((mut block, part)) => {
            let mut stage = 0;
            while stage + 1 < TIMM_STAGES.len() && block >= TIMM_STAGES[stage] {
                block -= TIMM_STAGES[stage];
                stage += 1;
            }
            let prefix = format!("blocks.{stage}.{block}");
            // The first block has no expansion, which shifts the numbers of its norms.
            let (conv, norm) = match (part, stage) {
                ("expand", _) => ("conv_pw", Some("bn1")),
                ("depthwise", 0) => ("conv_dw", Some("bn1")),
                ("depthwise", _) => ("conv_dw", Some("bn2")),
                ("project", 0) => ("conv_pw", Some("bn2")),
                ("project", _) => ("conv_pwl", Some("bn3")),
                ("squeeze", _) => ("se.conv_reduce", None),
                _ => ("se.conv_expand", None),
            };
            (format!("{prefix}.{conv}"), norm.map(|norm| format!("{prefix}.{norm}")))
        }
        None => match layer {
            "conv" => ("conv_stem".into(), Some("bn1".into())),
            "conv_1" => ("blocks.6.0.conv".into(), Some("blocks.6.0.bn1".into())),
            "conv_2" => ("conv_head".into(), None),
            _ => ("classifier".into(), None),
        },
    }
}

fn torchvision_mobilenet(layer: &str) -> (String, Option<String>) {
    let normed = |prefix: String| (format!("{prefix}.0"), Some(format!("{prefix}.1")));
    match block_part(layer) {
        Some((block, part)) => {
            // The parts of a block are counted: the first block has no expansion, and some have
            // squeeze-and-excitation between depthwise convolution and projection.
            let expands = usize::from(block > 0);
            let squeeze = usize::from(squeezes(block));
            let prefix = |part: usize| format!("features.{}.block.{part}", block + 1);
            match part {
                "expand" => normed(prefix(0)),
                "depthwise" => normed(prefix(expands)),
                "squeeze" => (format!("{}.fc1", prefix(expands + 1)), None),
                "excite" => (format!("{}.fc2", prefix(expands + 1)), None),
                _ => normed(prefix(expands + 1 + squeeze)),
            }
        }
        None => match layer {
            "conv" => normed("features.0".into()),
            "conv_1" => normed("features.16".into()),
            "conv_2" => ("classifier.0".into(), None),
            _ => ("classifier.3".into(), None),
        },
    }
}

/// `blocks.3.expand` as `(3, "expand")`.
fn block_part(layer: &str) -> Option<(usize, &str)> {
    let (number, part) = layer.strip_prefix("blocks.")?.split_once('.')?;
    Some((number.parse().ok()?, part))
}

/// Convolutions are `conv1` or `layer1.0.conv2`, a shortcut's is `layer1.0.downsample`.
fn resnet(layer: &str) -> (String, Option<String>) {
    if layer.ends_with("downsample") {
        return (format!("{layer}.0"), Some(format!("{layer}.1")));
    }
    let norm = layer.contains("conv").then(|| layer.replace("conv", "bn"));
    (layer.to_owned(), norm)
}

fn vgg(layer: &str, dense: [&str; 3]) -> String {
    match layer {
        "dense_1" => dense[0].to_owned(),
        "dense_2" => dense[1].to_owned(),
        "logits" => dense[2].to_owned(),
        _ => layer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timm_counts_blocks_by_stage() {
        let name = |layer: &str| Naming::TimmMobileNet.layer(layer);
        assert_eq!(name("blocks.0.project").layer, "blocks.0.0.conv_pw");
        assert_eq!(name("blocks.1.expand").layer, "blocks.1.0.conv_pw");
        assert_eq!(name("blocks.3.squeeze").layer, "blocks.2.0.se.conv_reduce");
        assert_eq!(name("blocks.9.project").layer, "blocks.3.3.conv_pwl");
        assert_eq!(name("blocks.10.depthwise").layer, "blocks.4.0.conv_dw");
        assert_eq!(name("blocks.14.depthwise").layer, "blocks.5.2.conv_dw");
        assert_eq!(name("blocks.0.depthwise").norm.as_deref(), Some("blocks.0.0.bn1"));
        assert_eq!(name("blocks.2.depthwise").norm.as_deref(), Some("blocks.1.1.bn2"));
    }

    #[test]
    fn torchvision_counts_the_parts_of_a_block() {
        let name = |layer: &str| Naming::TorchvisionMobileNet.layer(layer).layer;
        assert_eq!(name("blocks.0.depthwise"), "features.1.block.0.0");
        assert_eq!(name("blocks.0.project"), "features.1.block.1.0");
        assert_eq!(name("blocks.1.project"), "features.2.block.2.0");
        assert_eq!(name("blocks.3.squeeze"), "features.4.block.2.fc1");
        assert_eq!(name("blocks.3.project"), "features.4.block.3.0");
    }

    #[test]
    fn batch_norms_of_resnet_stand_beside_their_convolutions() {
        let norm = |layer: &str| Naming::ResNet.layer(layer).norm;
        assert_eq!(norm("conv1").as_deref(), Some("bn1"));
        assert_eq!(norm("layer2.3.conv3").as_deref(), Some("layer2.3.bn3"));
        assert_eq!(norm("layer2.0.downsample").as_deref(), Some("layer2.0.downsample.1"));
        assert_eq!(norm("fc"), None);
    }
}
