//! What `--backbone` says: which networks, and the weight of each.

use std::path::PathBuf;
use std::str::FromStr;

use lookalike_backbone::BackboneKind;
use lookalike_engine::ModelPart;

/// What `--backbone` says: `resnet50`, `mobilenet_v3=2,resnet50`, `all`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Backbones(Vec<Wanted>);

/// One network that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    /// Any of these, the first that is at hand.
    pub(crate) kinds: Vec<BackboneKind>,
    pub(crate) weight: f32,
    /// Where an index found its weights, and their checksum.
    pub(crate) recorded: Option<(PathBuf, String)>,
}

impl Wanted {
    fn new(kind: BackboneKind, weight: f32) -> Self {
        let mut kinds = vec![kind];
        if kind == BackboneKind::MobileNetV3 {
            kinds.push(BackboneKind::MobileNetV3Minimalistic);
        }
        Self { kinds, weight, recorded: None }
    }

    pub(crate) fn of_index(part: &ModelPart) -> Option<Self> {
        let kind = part.identity.backbone.parse().ok()?;
        let recorded = Some((part.weights.clone(), part.identity.weights_sha256.clone()));
        Some(Self { kinds: vec![kind], weight: part.weight, recorded })
    }
}

impl Backbones {
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        self.0.clone()
    }
}

impl FromStr for Backbones {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [BackboneKind::MobileNetV3, BackboneKind::ResNet50, BackboneKind::Vgg19];
        let mut wanted = Vec::new();
        for item in text.split(',') {
            let (name, weight) = match item.split_once('=') {
                Some((name, weight)) => (name, weight.parse().unwrap_or(f32::NAN)),
                None => (item, 1.0),
            };
            // From a hundredth to a hundred times another's: beyond that, leave one of them out.
            if !(0.01..=100.0).contains(&weight) {
                return Err(format!("'{item}': a weight is from 0.01 to 100"));
            }
            match name.trim() {
                "all" => wanted.extend(all.map(|kind| Wanted::new(kind, weight))),
                name => wanted.push(Wanted::new(name.parse()?, weight)),
            }
        }
        for (at, one) in wanted.iter().enumerate() {
            if wanted[..at].iter().any(|other| other.kinds[0] == one.kinds[0]) {
                return Err(format!("{} is named twice", one.kinds[0]));
            }
        }
        Ok(Self(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backbones_are_named_alone_together_and_with_weights() {
        let parsed = |text: &str| {
            let parsed = text.parse::<Backbones>()?.0;
            Ok::<_, String>(
                parsed.iter().map(|w| (w.kinds[0].name(), w.weight)).collect::<Vec<_>>(),
            )
        };
        assert_eq!(parsed("resnet50"), Ok(vec![("resnet50", 1.0)]));
        assert_eq!(parsed("vgg19=0.5, resnet50=2"), Ok(vec![("vgg19", 0.5), ("resnet50", 2.0)]));
        assert_eq!(parsed("all").map(|all| all.len()), Ok(3));
        for wrong in ["", "resnet", "resnet50=0", "resnet50=x", "resnet50=inf", "all,vgg19"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
