//! The tensor names of Google's, timm's and torchvision's checkpoints, translated to this crate's own.

use std::collections::BTreeMap;

use crate::BackboneKind;
use crate::networks::efficientnet_lite_table::STAGES;
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
    /// timm's EfficientNet-Lite: as its MobileNetV3, with `conv_head` before the pool. Has the blocks of each stage.
    TimmEfficientNetLite([usize; STAGES]),
    /// torchvision's MobileNetV3: `features.4.block.0.0.weight`, batch norm apart.
    TorchvisionMobileNet,
    /// ResNet, which timm and torchvision name alike: `layer1.0.conv1.weight`.
    ResNet,
    /// torchvision's VGG: `features.0.weight`, `classifier.0.weight`.
    TorchvisionVgg,
    /// timm's VGG: the dense layers as convolutions, `pre_logits.fc1.weight`.
    TimmVgg,
    /// VGG without its two dense layers: `classifier.weight` on the pooled features, or nothing.
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
    pub(crate) fn recognise(
        tensors: &BTreeMap<String, Vec<usize>>,
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
        } else if let Some(kind) = lite(tensors) {
            let scale = kind.lite_scale().expect("one of EfficientNet-Lite");
            Ok((kind, Self::TimmEfficientNetLite(scale.repeats())))
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
            let has_any = |prefix: &str| tensors.keys().any(|name| name.starts_with(prefix));
            let is_headless =
                !has_any("classifier.") && !has_any("head.") && !has_any("pre_logits.");
            let naming = if has("classifier.weight") || is_headless {
                Self::PlainVgg
            } else if has_any("head.") || has_any("pre_logits.") {
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
    /// PyTorch's default, torchvision's MobileNetV3 the paper's, and networks of TensorFlow's theirs.
    pub(crate) fn batch_norm_eps(self) -> f64 {
        match self {
            Self::TorchvisionMobileNet | Self::TimmEfficientNetLite(_) => 1e-3,
            _ => 1e-5,
        }
    }

    /// The names in the file of a layer that this crate calls `layer`.
    pub(crate) fn layer(self, layer: &str) -> LayerNames {
        let (layer, norm) = match self {
            Self::Folded => (layer.to_owned(), None),
            Self::TimmMobileNet => timm_mobilenet(layer),
            Self::TimmEfficientNetLite(stages) => timm_lite(layer, &stages),
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

/// The EfficientNet-Lite whose stages and channels these are.
fn lite(tensors: &BTreeMap<String, Vec<usize>>) -> Option<BackboneKind> {
    let out = |stage: usize, block: usize| {
        let shape = tensors.get(&format!("blocks.{stage}.{block}.conv_pwl.weight"))?;
        shape.first().copied()
    };
    let has_squeeze = tensors.contains_key("blocks.1.0.se.conv_reduce.weight");
    let is_stem = tensors.contains_key("conv_stem.weight");
    let mut kinds = BackboneKind::LITE.into_iter().filter(|_| is_stem && !has_squeeze);
    kinds.find(|kind| {
        let Some(scale) = kind.lite_scale() else { return false };
        (1..STAGES).all(|stage| {
            let blocks = scale.repeats()[stage];
            out(stage, 0) == Some(scale.channels(stage))
                && out(stage, blocks - 1).is_some()
                && out(stage, blocks).is_none()
        })
    })
}

fn timm_mobilenet(layer: &str) -> (String, Option<String>) {
    timm_block(layer, &TIMM_STAGES).unwrap_or_else(|| match layer {
        "conv" => ("conv_stem".into(), Some("bn1".into())),
        "conv_1" => ("blocks.6.0.conv".into(), Some("blocks.6.0.bn1".into())),
        "conv_2" => ("conv_head".into(), None),
        _ => ("classifier".into(), None),
    })
}

fn timm_lite(layer: &str, stages: &[usize]) -> (String, Option<String>) {
    timm_block(layer, stages).unwrap_or_else(|| match layer {
        "conv" => ("conv_stem".into(), Some("bn1".into())),
        "conv_1" => ("conv_head".into(), Some("bn2".into())),
        _ => ("classifier".into(), None),
    })
}

/// A layer of a block, which timm counts by stage.
fn timm_block(layer: &str, stages: &[usize]) -> Option<(String, Option<String>)> {
    let (mut block, part) = block_part(layer)?;
    let mut stage = 0;
    while stage + 1 < stages.len() && block >= stages[stage] {
        block -= stages[stage];
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
    Some((format!("{prefix}.{conv}"), norm.map(|norm| format!("{prefix}.{norm}"))))
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
    use crate::networks::efficientnet_lite_table::SCALES;

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
    fn timm_counts_blocks_of_efficientnet_lite_by_stage() {
        let name = |layer: &str| Naming::TimmEfficientNetLite(SCALES[2].repeats()).layer(layer);
        assert_eq!(name("blocks.0.depthwise").layer, "blocks.0.0.conv_dw");
        assert_eq!(name("blocks.3.project").layer, "blocks.1.2.conv_pwl");
        assert_eq!(name("blocks.20.project").layer, "blocks.6.0.conv_pwl");
        assert_eq!(name("conv_1").norm.as_deref(), Some("bn2"));
        assert_eq!(name("logits").layer, "classifier");
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
