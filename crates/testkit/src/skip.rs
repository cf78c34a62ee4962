//! Skipping tests that need what this machine lacks.

use std::io::Write;
use std::path::PathBuf;

/// Reports that a test is skipped, and why.
pub fn skipped(what: &str) {
    // Not `eprintln!`: the test runner captures its output.
    let _ = writeln!(std::io::stderr(), "SKIPPED {what}");
}

/// The folders of real photos and public weights: `LOOKALIKE_DATASETS` and `LOOKALIKE_WEIGHTS`. If one is not set, reports
/// that `test` is skipped.
pub fn real_folders(test: &str) -> Option<(PathBuf, PathBuf)> {
    let folder = |variable| std::env::var_os(variable).map(PathBuf::from);
    let folders = folder("LOOKALIKE_DATASETS").zip(folder("LOOKALIKE_WEIGHTS"));
    if folders.is_none() {
        skipped(&format!("{test}: set LOOKALIKE_DATASETS and LOOKALIKE_WEIGHTS to run it"));
    }
    folders
}
