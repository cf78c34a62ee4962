use std::fmt;
use std::str::FromStr;

use lookalike_photo::{Normalisation, Preprocess};
use serde::{Deserialize, Serialize};

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
    /// ResNet-50 (He et al., 2016) with the strides of torchvision ("v1.5"); the checkpoints of
    /// torchvision and timm.
    ResNet50,
    /// VGG19 (Simonyan and Zisserman, 2015), with its two dense layers or without; the checkpoints of
    /// torchvision and timm.
    Vgg19,
}

/// Under this key a safetensors file of this program's says how photos are prepared for its network.
pub(crate) const PREPROCESS_KEY: &str = "lookalike.preprocess";

/// The ways of preparing photos, by the names that the weight manifest and weight files use.
pub(crate) fn preprocess_named(name: &str) -> Option<Preprocess> {
    let normalisation = match name {
        "imagenet" => Normalisation::IMAGENET,
        "symmetric" => Normalisation::SYMMETRIC,
        "caffe" => Normalisation::CAFFE,
        _ => return None,
    };
    Some(Preprocess::letterbox(224, normalisation))
}

impl BackboneKind {
    /// All networks, in the order in which a weights folder is looked through.
    pub const ALL: [Self; 4] =
        [Self::MobileNetV3, Self::MobileNetV3Minimalistic, Self::ResNet50, Self::Vgg19];

    /// The name used on the command line, in the weight manifest and in an index's identity.
    pub fn name(self) -> &'static str {
        match self {
            Self::MobileNetV3 => "mobilenet_v3",
            Self::MobileNetV3Minimalistic => "mobilenet_v3_minimalistic",
            Self::ResNet50 => "resnet50",
            Self::Vgg19 => "vgg19",
        }
    }

    /// How photos are prepared for it, unless its weights say otherwise: a name of the weight
    /// manifest's.
    pub fn preprocess_name(self) -> &'static str {
        match self {
            Self::MobileNetV3Minimalistic => "symmetric",
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
