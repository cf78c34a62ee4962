use std::path::{Path, PathBuf};

use lookalike_backbone::{ModelIdentity, is_bundled, weights_exist};
use serde::{Deserialize, Serialize};

use crate::linear::scale_to;

/// What made the embeddings of an index: one network, or several whose embeddings stand side by side.
///
/// Embeddings of different models look alike and mean nothing together, so an index is searched with
/// its own model only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The networks, in the order of their embeddings.
    pub parts: Vec<ModelPart>,
}

/// One network of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelPart {
    /// Network, weights and preprocessing.
    pub identity: ModelIdentity,
    /// Its share in the similarity of two photos: above 0, and 1 in all.
    pub share: f32,
    /// Where the weights were; [`lookalike_backbone::BUNDLED`] for those that are part of the program.
    pub weights: PathBuf,
}

impl Model {
    /// `mobilenet_v3`, `mobilenet_v3 + resnet50`.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.parts.iter().map(|p| p.identity.backbone.as_str()).collect();
        names.join(" + ")
    }

    /// Length of an embedding.
    pub fn embedding_dim(&self) -> usize {
        self.parts.iter().map(|part| part.identity.embedding_dim as usize).sum()
    }

    /// One embedding from those of the networks, in their order.
    pub(crate) fn side_by_side(&self, parts: Vec<Vec<f32>>) -> Vec<f32> {
        let several = self.parts.len() > 1;
        let mut whole = Vec::with_capacity(self.embedding_dim());
        for (mut embedding, part) in parts.into_iter().zip(&self.parts) {
            if several {
                scale_to(part.share.sqrt(), &mut embedding);
            }
            whole.append(&mut embedding);
        }
        whole
    }

    /// The first thing in which another model differs, and how: here, there.
    pub(crate) fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        if self.name() != other.name() {
            return Some(("backbone", self.name(), other.name()));
        }
        for (here, there) in self.parts.iter().zip(&other.parts) {
            let (a, b) = (&here.identity, &there.identity);
            if a.weights_sha256 != b.weights_sha256 {
                let short = |sha256: &str| sha256.chars().take(12).collect();
                let (a, b) = (short(&a.weights_sha256), short(&b.weights_sha256));
                return Some(("weights file, by its SHA-256", a, b));
            }
            if a.preprocess != b.preprocess {
                return Some(("photo preprocessing", a.preprocess.clone(), b.preprocess.clone()));
            }
            if (here.share - there.share).abs() > 1e-6 {
                let share = |part: &ModelPart| format!("{} {:.3}", a.backbone, part.share);
                return Some(("share of a backbone", share(here), share(there)));
            }
        }
        None
    }

    /// Whether every weights file is still where it was.
    pub(crate) fn weights_found(&self) -> bool {
        self.parts.iter().all(|part| weights_exist(&part.weights))
    }
}

/// As a path that still leads there from elsewhere.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    if is_bundled(path) {
        return path.to_owned();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
