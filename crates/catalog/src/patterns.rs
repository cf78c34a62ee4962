//! The files that a manifest's paths and glob patterns name.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{RowProblem, Split};

/// A file or pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The file or pattern, relative to the catalogue's root.
    pub path: String,
    /// Why, in one line.
    pub reason: String,
}

/// The files of one product, by path, with their splits.
#[derive(Debug, Default)]
pub(crate) struct PhotoSet {
    pub(crate) files: BTreeMap<String, Option<Split>>,
    pub(crate) skipped: Vec<Skipped>,
}

impl PhotoSet {
    /// Adds a path, or every file that a glob pattern (`*`, `?`, `[a-z]`, `**`) matches.
    ///
    /// The path of a missing file is added: reading the photos will report it.
    pub(crate) fn add(
        &mut self,
        root: &Path,
        pattern: &str,
        split: Option<Split>,
    ) -> Result<(), RowProblem> {
        let is_glob = pattern.contains(['*', '?', '[']) && !root.join(pattern).is_file();
        if !is_glob {
            // An absolute path may be within the root.
            let inner = std::path::absolute(root).ok().and_then(|root| {
                Path::new(pattern).strip_prefix(root).ok()?.to_str().map(str::to_owned)
            });
            return self.add_file(inner.unwrap_or_else(|| pattern.to_owned()), split);
        }
        let bad = |reason: String| RowProblem::BadPattern { pattern: pattern.to_owned(), reason };
        // The root's name may have characters of patterns.
        let escaped = glob::Pattern::escape(&root.to_string_lossy());
        let full = Path::new(&escaped).join(pattern);
        let matches = glob::glob(&full.to_string_lossy()).map_err(|e| bad(e.msg.to_owned()))?;
        let mut any = false;
        for path in matches.filter_map(Result::ok).filter(|path| path.is_file()) {
            any = true;
            match relative(&path, root) {
                Some(path) => self.add_file(path, split)?,
                None => self.skipped.push(not_utf8(&path, root)),
            }
        }
        if !any {
            let reason = "no file matches the pattern".to_owned();
            self.skipped.push(Skipped { path: pattern.to_owned(), reason });
        }
        Ok(())
    }

    fn add_file(&mut self, path: String, split: Option<Split>) -> Result<(), RowProblem> {
        match self.files.get(&path) {
            Some(&first) if first != split => {
                let name = |split: Option<Split>| split.map_or("none", Split::name);
                Err(RowProblem::TwoSplits { path, first: name(first), second: name(split) })
            }
            _ => {
                self.files.insert(path, split);
                Ok(())
            }
        }
    }
}

/// A path relative to `root` with `/` between its parts; `None` if it is not UTF-8.
pub(crate) fn relative(path: &Path, root: &Path) -> Option<String> {
    let inner = path.strip_prefix(root).unwrap_or(path);
    if inner.is_absolute() {
        return inner.to_str().map(str::to_owned);
    }
    let parts: Option<Vec<&str>> = inner.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

pub(crate) fn not_utf8(path: &Path, root: &Path) -> Skipped {
    let reason = "the name is not UTF-8: rename it".to_owned();
    let inner = path.strip_prefix(root).unwrap_or(path);
    Skipped { path: inner.to_string_lossy().into_owned(), reason }
}
