//! Errors of the command line itself.

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
