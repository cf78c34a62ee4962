//! Fetching from a hub on this machine that fails in all the ways it is asked to.

mod cache;
mod checks;
mod failures;
mod photos;
mod resume;
mod routes;
mod setup;
