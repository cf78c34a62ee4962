//! Errors of the command line itself.

use lookalike_backbone::{BackboneError, BackboneKind};
use lookalike_engine::EngineError;

use crate::shelf::to_fetch;

/// A command that was given what it cannot take.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUsage(pub(crate) String);

/// Weights that are not there, or not what they should be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadWeights(pub(crate) String);

/// A run that ctrl-C stopped. The command reported that already; it is an error only so that scripts do not
/// go on with what is half done.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Interrupted;

/// That there are no weights for any of these networks, and which to fetch.
pub(crate) fn none_for(kinds: &[BackboneKind]) -> EngineError {
    let wanted = kinds[0];
    let fetch = to_fetch(wanted).map_or_else(|| wanted.name().to_owned(), |file| file.name);
    BackboneError::NoWeights { wanted, fetch }.into()
}
