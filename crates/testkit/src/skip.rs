//! What a test lacks on this machine.

use std::io::Write;
use std::path::PathBuf;

/// Says that something is not tested here, and why.
pub fn skipped(what: &str) {
    // Past the test runner, which hides what passing tests print.
    let _ = writeln!(std::io::stderr(), "SKIPPED {what}");
}

/// The folders of real photos and of public weights, where this machine has them: `LOOKALIKE_DATASETS` and
/// `LOOKALIKE_WEIGHTS`. Where it has not, says that `test` is skipped.
pub fn real_folders(test: &str) -> Option<(PathBuf, PathBuf)> {
    let folder = |variable| std::env::var_os(variable).map(PathBuf::from);
    let folders = folder("LOOKALIKE_DATASETS").zip(folder("LOOKALIKE_WEIGHTS"));
    if folders.is_none() {
        skipped(&format!("{test}: set LOOKALIKE_DATASETS and LOOKALIKE_WEIGHTS to run it"));
    }
    folders
}
