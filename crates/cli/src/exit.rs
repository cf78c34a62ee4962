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

pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    let code = match error.downcast_ref::<EngineError>() {
        Some(EngineError::Catalog(error)) => catalog(error),
        Some(EngineError::Backbone(BackboneError::NoPhotos { .. })) => 3,
        Some(EngineError::Backbone(_)) => 5,
        Some(EngineError::Filter { .. } | EngineError::Detect(DetectError::NotBuilt)) => 2,
        Some(EngineError::Detect(DetectError::InvalidDetector { .. })) => 5,
        Some(
            EngineError::Photo { .. }
            | EngineError::NothingToMeasure { .. }
            | EngineError::NothingUsable { .. }
            | EngineError::EmptySplit { .. }
            | EngineError::NotInIndex { .. }
            | EngineError::NothingLeft,
        ) => 3,
        Some(EngineError::Snapshot(SnapshotError::Unwritable { .. })) => 1,
        Some(
            EngineError::Snapshot(_)
            | EngineError::NoIndex { .. }
            | EngineError::DamagedIndex { .. }
            | EngineError::OtherModel { .. }
            | EngineError::Remote(_)
            | EngineError::VectorsInStore
            | EngineError::Vector(_),
        ) => 4,
        Some(_) => 1,
        None if matches!(
            error.downcast_ref(),
            Some(
                BackboneError::NoCuda
                    | BackboneError::NoDevice { .. }
                    | BackboneError::DtypeNeedsGpu { .. }
            )
        ) =>
        {
            2
        }
        None if error.is::<BackboneError>() || error.is::<DownloadError>() => 5,
        None if error.is::<WeightsError>() => 5,
        None if error.is::<BadWeights>() => 5,
        None if error.is::<WrongUsage>() => 2,
        None if error.is::<Interrupted>() => 130,
        None => match error.downcast_ref::<TrainError>() {
            Some(TrainError::Backbone(_) | TrainError::Teacher { .. }) => 5,
            Some(TrainError::TooFew { .. } | TrainError::Catalog(_)) => 3,
            Some(_) => 1,
            None => match error.downcast_ref::<CurateError>() {
                Some(CurateError::Backbone(_)) => 5,
                Some(CurateError::NothingKept { .. } | CurateError::InvalidOverride { .. }) => 3,
                Some(CurateError::SplitFractions { .. } | CurateError::GroupBy { .. }) => 2,
                Some(_) => 1,
                None => error.downcast_ref::<CatalogError>().map_or(1, catalog),
            },
        },
    };
    ExitCode::from(code)
}

fn catalog(_: &CatalogError) -> u8 {
    3
}

/// Whether nobody reads what we print any more, as in `lookalike ... | head`.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
