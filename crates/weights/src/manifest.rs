//! The manifest, `weights/manifest.toml`: the weight files that are known by name.

use lookalike_backbone::BackboneKind;
use lookalike_download::{Expected, RemoteFile, Source};
use serde::{Deserialize, Serialize};

/// One weights file of the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightFile {
    /// Its name, for users to type.
    pub name: String,
    /// Name of the file in a weights folder.
    pub file: String,
    /// The network it holds.
    pub backbone: BackboneKind,
    /// Where it is on a Hugging Face hub.
    #[serde(default)]
    pub hub: Option<HubFile>,
    /// Where else it is.
    #[serde(default)]
    pub url: Option<String>,
    /// Whether it is compiled into the program: [`crate::BUNDLED`].
    #[serde(default)]
    pub bundled: bool,
    /// Its SHA-256 in hexadecimal, or the first eight digits or more, where published.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Its size, where published.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// How photos are prepared for it: a table of the manifest, a name for
    /// [`lookalike_backbone::preprocess_named`].
    pub preprocess: String,
    /// The publisher's top-1 accuracy on ImageNet-1k, in percent.
    #[serde(default)]
    pub top1: Option<f64>,
    /// Under what terms it may be used, as an SPDX identifier.
    pub licence: String,
    /// Who made it, and how.
    pub source: String,
}

impl WeightFile {
    /// Where it can be downloaded, if anywhere.
    pub fn remote(&self) -> Option<RemoteFile> {
        let source = match (&self.hub, &self.url) {
            (Some(hub), _) => Source::Hub {
                repo: hub.repo.clone(),
                revision: hub.revision.clone(),
                file: hub.file.clone(),
            },
            (None, Some(url)) => Source::Url(url.clone()),
            (None, None) => return None,
        };
        let expected = Expected { sha256: self.sha256.clone(), bytes: self.bytes };
        Some(RemoteFile { source, expected })
    }
}

/// A file of a repository on a hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// `timm/resnet50.a1_in1k`
    pub repo: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// Path in the repository.
    pub file: String,
}

#[derive(Deserialize)]
struct Manifest {
    weights: Vec<WeightFile>,
}

const TEXT: &str = include_str!("../../../weights/manifest.toml");

/// The manifest's files, in order of preference.
pub fn weight_files() -> Vec<WeightFile> {
    let manifest: Manifest =
        toml::from_str(TEXT).expect("the manifest is part of the program and checked by its tests");
    manifest.weights
}

/// The first of the manifest's files for a network that can be downloaded.
pub fn downloadable(kind: BackboneKind) -> Option<WeightFile> {
    weight_files().into_iter().find(|file| file.backbone == kind && file.remote().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_backbone::preprocess_named;
    use lookalike_photo::{ChannelOrder, Normalisation, Preprocess};
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Stated {
        fit: String,
        size: u32,
        order: String,
        mean: [f32; 3],
        std: [f32; 3],
    }

    #[derive(Deserialize)]
    struct Tables {
        preprocess: BTreeMap<String, Stated>,
    }

    #[test]
    fn names_are_unique_and_each_file_can_be_told_apart() {
        let files = weight_files();
        for (at, file) in files.iter().enumerate() {
            for other in &files[..at] {
                assert!(file.name != other.name && file.file != other.file, "{}", file.name);
            }
            assert!(file.hub.is_none() || file.url.is_none(), "{}: two addresses", file.name);
            let digits = file.sha256.as_deref().unwrap_or("00000000");
            assert!(digits.len() >= 8 && digits.bytes().all(|d| d.is_ascii_hexdigit()));
            // Files of other publishers do not state their preprocessing: it is the network's usual one.
            assert_eq!(file.preprocess, file.backbone.preprocess_name(), "{}", file.name);
        }
        for kind in BackboneKind::ALL {
            assert!(files.iter().any(|file| file.backbone == kind), "none for {kind}");
        }
    }

    #[test]
    fn the_preprocessing_that_is_stated_is_the_one_that_is_done() {
        let tables: Tables = toml::from_str(TEXT).expect("tables");
        assert_eq!(tables.preprocess.len(), 4);
        for (name, stated) in tables.preprocess {
            let (mut mean, mut std) = (stated.mean, stated.std);
            // The same to a ten-thousandth: the program's are products of PyTorch's fractions.
            let known = [Normalisation::IMAGENET, Normalisation::INCEPTION, Normalisation::CAFFE];
            for exact in known {
                let close =
                    |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
                if close(mean, exact.mean) && close(std, exact.std) {
                    (mean, std) = (exact.mean, exact.std);
                }
            }
            let order = match stated.order.as_str() {
                "rgb" => ChannelOrder::Rgb,
                "bgr" => ChannelOrder::Bgr,
                other => panic!("{other}"),
            };
            assert_eq!(stated.fit, "letterbox");
            let stated = Preprocess::letterbox(stated.size, Normalisation { order, mean, std });
            assert_eq!(preprocess_named(&name), Some(stated), "{name}");
        }
    }
}
