//! What made the embeddings of an index: the networks, their weights files and preprocessing.

use std::path::{Path, PathBuf};

use lookalike_backbone::{ModelIdentity, is_bundled, weights_exist};
use serde::{Deserialize, Serialize};

use crate::metric::scale_to;

/// What made the embeddings of an index: one network, or several whose embeddings are
/// concatenated.
///
/// Embeddings of different models cannot be compared, so an index is searched with its own model only.
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
    /// Its weight in the similarity of two photos: above 0; the weights sum to 1.
    pub weight: f32,
    /// The weights file when the embeddings were made; [`lookalike_backbone::BUNDLED`] for weights that are part of the program.
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

    /// One embedding from those of the networks, in their order: each scaled to the square root of its weight if there
    /// are several, then concatenated.
    pub(crate) fn concatenate(&self, parts: Vec<Vec<f32>>) -> Vec<f32> {
        let several = self.parts.len() > 1;
        let mut whole = Vec::with_capacity(self.embedding_dim());
        for (mut embedding, part) in parts.into_iter().zip(&self.parts) {
            if several {
                scale_to(part.weight.sqrt(), &mut embedding);
            }
            whole.append(&mut embedding);
        }
        whole
    }

    /// The first difference to another model: what differs, here and there.
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
            if (here.weight - there.weight).abs() > 1e-6 {
                let weight = |part: &ModelPart| format!("{} {:.3}", a.backbone, part.weight);
                return Some(("weight of a backbone", weight(here), weight(there)));
            }
        }
        None
    }

    /// Whether every weights file still exists.
    pub(crate) fn weights_found(&self) -> bool {
        self.parts.iter().all(|part| weights_exist(&part.weights))
    }
}

/// An absolute path, so that it stays valid in another working directory.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    if is_bundled(path) {
        return path.to_owned();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
