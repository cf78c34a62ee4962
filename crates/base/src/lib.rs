//! What every crate needs and none should write twice: atomic file writes, hex, portable random
//! numbers, progress, the frame of HTML pages.
//!
//! This crate depends on no other crate of the workspace.
//!
//! ```
//! use std::io::Write as _;
//! use lookalike_base::{atomic_write, hex};
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("checksum");
//! atomic_write(&file, |out| write!(out, "{}", hex::encode(&[0xAB, 1])))?;
//! assert_eq!(std::fs::read_to_string(&file)?, "ab01");
//! # Ok::<(), std::io::Error>(())
//! ```

mod atomic_write;
pub mod hex;
pub mod html;
pub mod progress;
pub mod random;

pub use atomic_write::{
    atomic_write, folder_of, publish, rename, temporary_beside, with_added_extension,
};
