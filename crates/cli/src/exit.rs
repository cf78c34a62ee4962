//! Exit codes, so that scripts can tell what to do.

use std::process::ExitCode;

use lookalike_backbone::BackboneError;
use lookalike_catalog::CatalogError;
use lookalike_curate::CurateError;
use lookalike_detect::DetectError;
use lookalike_download::DownloadError;
use lookalike_engine::EngineError;
use lookalike_train::TrainError;
use lookalike_vectors::snapshot::SnapshotError;
use lookalike_weights::WeightsError;

use crate::error::{BadWeights, Interrupted, WrongUsage};

/// The end of `--help`.
pub(crate) const HELP: &str = "Exit codes:
  0  done; skipped photos are listed, but are no failure
  1  failed for another reason
  2  wrong usage
  3  nothing usable: a bad photo to search for, no usable photos to index,
     to train on or to keep, a bad manifest
  4  the index is missing, damaged, of another version, being written, or made by another model, or
     the store that has it does not answer
  5  the weights are missing, damaged, another network's, or cannot be fetched
130  stopped by ctrl-C: the same command resumes";

/// The exit code of an error: that of the first of its causes that has one.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    let of = |cause: &(dyn std::error::Error + 'static)| {
        None.or_else(|| cause.downcast_ref().map(engine))
            .or_else(|| cause.downcast_ref().map(backbone))
            .or_else(|| cause.downcast_ref().map(train))
            .or_else(|| cause.downcast_ref().map(curate))
            .or_else(|| cause.downcast_ref().map(weights))
            .or_else(|| cause.is::<DownloadError>().then_some(5))
            .or_else(|| cause.is::<BadWeights>().then_some(5))
            .or_else(|| cause.is::<CatalogError>().then_some(3))
            .or_else(|| cause.is::<WrongUsage>().then_some(2))
            .or_else(|| cause.is::<Interrupted>().then_some(130))
    };
    ExitCode::from(error.chain().find_map(of).unwrap_or(1))
}

fn engine(error: &EngineError) -> u8 {
    match error {
        EngineError::Filter { .. }
        | EngineError::UnknownColumn { .. }
        | EngineError::Detect(DetectError::NotBuilt) => 2,
        EngineError::Catalog(_)
        | EngineError::Photo { .. }
        | EngineError::NothingToMeasure { .. }
        | EngineError::Feedback { .. }
        | EngineError::NothingUsable { .. }
        | EngineError::EmptySplit { .. }
        | EngineError::NotInIndex { .. }
        | EngineError::NothingLeft
        | EngineError::Backbone(BackboneError::NoPhotos { .. }) => 3,
        EngineError::Snapshot(SnapshotError::Unwritable { .. }) => 1,
        EngineError::Snapshot(_)
        | EngineError::NoIndex { .. }
        | EngineError::DamagedIndex { .. }
        | EngineError::OtherModel { .. }
        | EngineError::Remote(_)
        | EngineError::VectorsInStore
        | EngineError::NotCalibrated
        | EngineError::Vector(_) => 4,
        EngineError::Backbone(_) | EngineError::Detect(DetectError::InvalidDetector { .. }) => 5,
        _ => 1,
    }
}

fn backbone(error: &BackboneError) -> u8 {
    match error {
        BackboneError::NoCuda
        | BackboneError::NoDevice { .. }
        | BackboneError::DtypeNeedsGpu { .. } => 2,
        _ => 5,
    }
}

fn weights(_: &WeightsError) -> u8 {
    5
}

fn train(error: &TrainError) -> u8 {
    match error {
        TrainError::TooFew { .. } | TrainError::Catalog(_) => 3,
        TrainError::Backbone(_) | TrainError::Teacher { .. } => 5,
        _ => 1,
    }
}

fn curate(error: &CurateError) -> u8 {
    match error {
        CurateError::SplitFractions { .. } | CurateError::GroupBy { .. } => 2,
        CurateError::NothingKept { .. } | CurateError::InvalidOverride { .. } => 3,
        CurateError::Backbone(_) => 5,
        _ => 1,
    }
}

/// Whether nobody reads what we print any more, as in `lookalike ... | head`.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
