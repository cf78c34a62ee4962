//! What to type about an error. Libraries say what is wrong and with which value; flags and commands are
//! the command line's to name.

use lookalike_backbone::BackboneError;
use lookalike_detect::DetectError;
use lookalike_download::DownloadError;
use lookalike_engine::EngineError;
use lookalike_server::ServeError;
use lookalike_train::TrainError;
use lookalike_vectors::RemoteError;
use lookalike_vectors::snapshot::SnapshotError;
use lookalike_weights::WeightsError;

use crate::output;

/// An error in one line, with what to do about it.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let text = output::error(error);
    match hint(error) {
        Some(hint) => format!("{text}; {hint}"),
        None => text,
    }
}

fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        let fixed = None
            .or_else(|| cause.downcast_ref().and_then(engine))
            .or_else(|| cause.downcast_ref().and_then(backbone))
            .or_else(|| cause.downcast_ref().and_then(detect))
            .or_else(|| cause.downcast_ref().and_then(download))
            .or_else(|| cause.downcast_ref().and_then(serve));
        fixed
            .map(str::to_owned)
            .or_else(|| cause.downcast_ref().and_then(weights))
            .or_else(|| cause.downcast_ref().and_then(train))
    })
}

fn engine(error: &EngineError) -> Option<&'static str> {
    match error {
        EngineError::Backbone(error) => backbone(error),
        EngineError::Detect(error) => detect(error),
        EngineError::Snapshot(error) => snapshot(error),
        EngineError::Remote(RemoteError::TooManyDimensions { .. }) => {
            Some("build with fewer --dims")
        }
        EngineError::NoIndex { .. } => Some("build one with `lookalike index build PHOTOS`"),
        EngineError::EmbeddingCache { .. } => {
            Some("free some space, or write to another folder with --out")
        }
        EngineError::NotInIndex { .. } => Some(
            "`lookalike search --json` and the manifest have the ids of products and the paths of photos",
        ),
        _ => None,
    }
}

fn backbone(error: &BackboneError) -> Option<&'static str> {
    match error {
        BackboneError::NoCuda => {
            Some("build it with `cargo build --release --features cuda`, or leave out --device")
        }
        BackboneError::NoDevice { .. } => Some("see what nvidia-smi says, or use --device cpu"),
        BackboneError::DtypeNeedsGpu { .. } => Some("use --dtype f32, or --device cuda"),
        BackboneError::NoPhotos { .. } => {
            Some("name a folder or a manifest of photos that can be read")
        }
        BackboneError::OutOfRange { .. } => Some("use --precision bf16 or f32"),
        BackboneError::WrongNetwork { .. } => Some("name it with --weights"),
        _ => None,
    }
}

fn weights(error: &WeightsError) -> Option<String> {
    match error {
        WeightsError::NotFound { kind, download } => {
            let name = download.as_deref().unwrap_or(kind.name());
            Some(format!(
                "fetch some with `lookalike weights fetch {name}`, name a file with --weights FILE, or put \
                 one into the folder that LOOKALIKE_WEIGHTS names"
            ))
        }
        WeightsError::Backbone(error) => backbone(error).map(str::to_owned),
        _ => None,
    }
}

fn detect(error: &DetectError) -> Option<&'static str> {
    match error {
        DetectError::Backbone(error) => backbone(error),
        DetectError::NotBuilt => Some(
            "build it with `cargo build --release --features detector`, or leave out --detector",
        ),
        _ => None,
    }
}

fn download(error: &DownloadError) -> Option<&'static str> {
    match error {
        DownloadError::Offline { .. } => Some("or use `lookalike weights import FILE`"),
        DownloadError::Unreachable { .. } | DownloadError::UrlRefused { .. } => {
            Some("or fetch the file elsewhere and use `lookalike weights import FILE`")
        }
        _ => None,
    }
}

fn snapshot(error: &SnapshotError) -> Option<&'static str> {
    match error {
        SnapshotError::Locked { .. } => Some("or write to another folder with --out"),
        _ => None,
    }
}

fn train(error: &TrainError) -> Option<String> {
    match error {
        TrainError::Backbone(error) => backbone(error).map(str::to_owned),
        TrainError::Teacher { .. } => Some("name its weights with --teacher".to_owned()),
        TrainError::Diverged { learning_rate, .. } => {
            Some(format!("try --learning-rate {learning_rate}"))
        }
        TrainError::NotOnGpu => Some("use --device cpu".to_owned()),
        TrainError::OtherRun { .. } => Some("name another folder with --out".to_owned()),
        _ => None,
    }
}

fn serve(error: &ServeError) -> Option<&'static str> {
    match error {
        ServeError::Address { .. } => Some("name it with --addr"),
        ServeError::Index(error) => engine(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_found_behind_other_errors() {
        let error = anyhow::Error::from(EngineError::from(BackboneError::NoCuda));
        assert!(message(&error).ends_with("or leave out --device"), "{}", message(&error));
        let error = error.context("while opening");
        assert!(message(&error).starts_with("while opening"), "{}", message(&error));
        assert!(message(&error).ends_with("or leave out --device"), "{}", message(&error));
    }
}
