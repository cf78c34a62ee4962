use std::fmt;
use std::str::FromStr;

use lookalike_photo::{Normalisation, Preprocess};

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackboneKind {
    /// MobileNetV3-Large (Howard et al., 2019, table 1), with squeeze-and-excitation, hard-swish and
    /// 5x5 kernels; the checkpoints of timm.
    MobileNetV3,
    /// The same network without those three ("minimalistic"), Google's TensorFlow checkpoints.
    MobileNetV3Minimalistic,
}

impl BackboneKind {
    /// All networks, in the order in which a weights folder is looked through.
    pub const ALL: [Self; 2] = [Self::MobileNetV3, Self::MobileNetV3Minimalistic];

    /// The name used on the command line, in the weight manifest and in an index's identity.
    pub fn name(self) -> &'static str {
        match self {
            Self::MobileNetV3 => "mobilenet_v3",
            Self::MobileNetV3Minimalistic => "mobilenet_v3_minimalistic",
        }
    }

    /// How photos are prepared for it.
    pub fn preprocess(self) -> Preprocess {
        match self {
            Self::MobileNetV3 => Preprocess::letterbox(224, Normalisation::IMAGENET),
            Self::MobileNetV3Minimalistic => Preprocess::letterbox(224, Normalisation::SYMMETRIC),
        }
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
