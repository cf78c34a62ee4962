//! From the command line to a loaded network.

use std::path::{Path, PathBuf};

use lookalike_backbone::{BackboneKind, WEIGHTS_FOLDER_VARIABLE, find_weights, load};
use lookalike_engine::{Encoder, EngineError, Index, Searcher};

use crate::args::{Device, ModelArgs};

/// The network to build an index with.
pub(crate) fn encoder(args: &ModelArgs) -> Result<Encoder, EngineError> {
    encoder_like(args, args.backbone, None)
}

/// Opens an index with the network that made it.
pub(crate) fn searcher(index: &Path, args: &ModelArgs) -> Result<Searcher, EngineError> {
    let index = Index::open(index)?;
    let made_by = index.model().backbone.parse().ok();
    let encoder = encoder_like(args, args.backbone.or(made_by), Some(index.weights()))?;
    Searcher::new(index, encoder)
}

fn encoder_like(
    args: &ModelArgs,
    backbone: Option<BackboneKind>,
    recorded: Option<&Path>,
) -> Result<Encoder, EngineError> {
    let Device::Cpu = args.device;
    let weights = match (&args.weights, recorded) {
        (Some(named), _) => weights_at(named, backbone)?,
        (None, Some(recorded)) if recorded.is_file() => recorded.to_owned(),
        (None, _) => {
            if let Some(gone) = recorded {
                eprintln!("note: the index's weights are no longer at {}", gone.display());
            }
            let folder = std::env::var_os(WEIGHTS_FOLDER_VARIABLE).filter(|f| !f.is_empty());
            match folder {
                Some(folder) => weights_at(Path::new(&folder), backbone)?,
                None => find_weights(None, backbone)?,
            }
        }
    };
    Ok(Encoder::new(load(&weights, args.backbone)?))
}

/// A weights file, or the one in a folder of them.
fn weights_at(path: &Path, backbone: Option<BackboneKind>) -> Result<PathBuf, EngineError> {
    if path.is_dir() { Ok(find_weights(Some(path), backbone)?) } else { Ok(path.to_owned()) }
}
