//! What the files of all reports have in common.

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;

/// The time, as reports show it.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The command that this process carries out.
pub(crate) fn this_command() -> String {
    let args: Vec<_> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    args.join(" ")
}

/// Writes a report's files into a folder.
pub(crate) fn write_files(folder: &Path, files: &[(&str, String)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
