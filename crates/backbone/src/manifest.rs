//! `weights/manifest.toml`: the weight files this program knows by name.

use serde::Deserialize;

use crate::BackboneKind;

/// One weights file of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightFile {
    /// Name of the file in a weights folder.
    pub file: String,
    /// The network it holds.
    pub backbone: BackboneKind,
}

#[derive(Deserialize)]
struct Manifest {
    weights: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    file: String,
    backbone: String,
}

/// The manifest's files, in the order in which a weights folder is looked through.
pub fn weight_files() -> Vec<WeightFile> {
    let manifest: Manifest = toml::from_str(include_str!("../../../weights/manifest.toml"))
        .expect("the manifest is part of the program and checked by its tests");
    let file = |entry: Entry| WeightFile {
        file: entry.file,
        backbone: entry.backbone.parse().expect("checked by a test"),
    };
    manifest.weights.into_iter().map(file).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manifest_names_known_networks() {
        assert!(!super::weight_files().is_empty());
    }
}
