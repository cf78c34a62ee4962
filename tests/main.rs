//! The program as its users run it. One binary, so that it is linked once.
//!
//! Most tests use a made-up network and made-up photos and need nothing else. Those in `real` need
//! real data; they say so on standard error when it is not there.

mod admin;
mod api;
mod catalogue_pictures;
mod catalogues;
mod clients;
mod curate;
mod demo;
mod docs;
mod edits;
mod eval;
mod examples;
mod features;
mod feedback;
mod filters;
mod formats;
mod helpers;
mod indexes;
mod limits;
mod objects;
mod operation;
mod overload;
mod photos;
#[cfg(feature = "stores")]
#[path = "../crates/stores/tests/qdrant_server/mod.rs"]
mod qdrant_server;
mod real;
mod running_server;
mod server;
#[cfg(feature = "stores")]
mod stores;
mod train;
mod verdicts;
mod weights;
