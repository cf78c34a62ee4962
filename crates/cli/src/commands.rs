//! One module a command.

pub(crate) mod completions;
pub(crate) mod curate;
pub(crate) mod demo;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod index;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod split;
pub(crate) mod train;
pub(crate) mod weights;
