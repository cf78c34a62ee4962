//! The files that a manifest's paths and glob patterns name.

use std::collections::BTreeMap;
use std::path::Path;

use glob::{MatchOptions, Pattern};
use serde::{Deserialize, Serialize};

use crate::names::{Files, nfc};
use crate::{RowProblem, Split, is_web_address};

/// A file or pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The file, folder or pattern, relative to the catalogue's root; or a line of a manifest.
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
    /// Adds a web address, a path, or every file that a glob pattern (`*`, `?`, `[a-z]`, `**`) matches.
    ///
    /// The path of a missing file is added: reading the photos will report it.
    pub(crate) fn add(
        &mut self,
        files: &Files,
        pattern: &str,
        split: Option<Split>,
    ) -> Result<(), RowProblem> {
        if is_web_address(pattern) {
            return self.add_file(pattern.to_owned(), split);
        }
        let root = &files.root;
        let pattern = with_slashes(files, pattern);
        let is_glob = pattern.contains(['*', '?', '[']) && !files.is_file(&pattern);
        if !is_glob {
            let path = files.on_disk(&pattern);
            // An absolute path may be within the root.
            let inner = std::path::absolute(root).ok().and_then(|root| {
                Path::new(&path).strip_prefix(root).ok()?.to_str().map(str::to_owned)
            });
            return self.add_file(inner.unwrap_or(path), split);
        }
        let found = matches(files, &pattern).map_err(|reason| {
            let pattern = crate::errors::shown(&pattern);
            RowProblem::BadPattern { pattern, reason: reason.to_owned() }
        })?;
        if found.is_empty() {
            let reason = format!("no file in {} matches", root.display());
            self.skipped.push(Skipped { path: pattern, reason });
            return Ok(());
        }
        for path in found {
            match path {
                Ok(path) => self.add_file(path, split)?,
                Err(skipped) => self.skipped.push(skipped),
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: String, split: Option<Split>) -> Result<(), RowProblem> {
        match self.files.get(&path) {
            Some(&first) if first != split => {
                let name = |split: Option<Split>| split.map_or("none", Split::name);
                let path = crate::errors::shown(&path);
                Err(RowProblem::TwoSplits { path, first: name(first), second: name(split) })
            }
            _ => {
                self.files.insert(path, split);
                Ok(())
            }
        }
    }
}

/// A path as other systems than Windows write it, unless its backslashes belong to a file's name.
pub(crate) fn with_slashes(files: &Files, path: &str) -> String {
    match path.contains('\\') && !files.is_file(path) {
        true => path.replace('\\', "/"),
        false => path.to_owned(),
    }
}

type Found = Result<String, Skipped>;

/// The files that a pattern matches, whichever Unicode form its name and theirs have.
fn matches(files: &Files, pattern: &str) -> Result<Vec<Found>, &'static str> {
    // A component is one name: a pattern of it does not match a slash.
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
    let wrong = |error: glob::PatternError| error.msg;
    Pattern::new(pattern).map_err(wrong)?;
    let glob = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    let (above, names) = pattern.split_at(pattern[..glob].rfind('/').map_or(0, |slash| slash + 1));
    let folders = match above.is_ascii() {
        true => vec![above.to_owned()],
        false => files.all_on_disk(above),
    };
    let wanted = match names.is_ascii() {
        true => None,
        false => Some(Pattern::new(&nfc(names)).map_err(wrong)?),
    };
    let mut found = Vec::new();
    for folder in folders {
        let folder = files.root.join(folder);
        // The folder's name may have characters of patterns.
        let escaped = Pattern::escape(&folder.to_string_lossy());
        let full =
            Path::new(&escaped).join(if wanted.is_some() { wider(names) } else { names.into() });
        for path in glob::glob(&full.to_string_lossy()).map_err(wrong)?.filter_map(Result::ok) {
            let is_wanted = wanted.as_ref().is_none_or(|wanted| {
                let name = relative(&path, &folder);
                name.is_none_or(|name| wanted.matches_with(&nfc(&name), options))
            });
            if is_wanted && path.is_file() {
                found.push(relative(&path, &files.root).ok_or(not_utf8(&path, &files.root)));
            }
        }
    }
    Ok(found)
}

/// A pattern that matches names of either Unicode form, and others.
fn wider(pattern: &str) -> String {
    let component = |component: &str| {
        if component.is_ascii() {
            return component.to_owned();
        }
        if component.contains('[') {
            return "*".to_owned();
        }
        let mut wider = String::new();
        for c in component.chars().map(|c| if c.is_ascii() { c } else { '*' }) {
            if c != '*' || !wider.ends_with('*') {
                wider.push(c);
            }
        }
        wider
    };
    pattern.split('/').map(component).collect::<Vec<_>>().join("/")
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

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_normalization::UnicodeNormalization;

    #[test]
    fn patterns_match_names_of_either_form() {
        let nfd = |text: &str| text.nfd().collect::<String>();
        let shop = tempfile::tempdir().expect("a folder");
        let of_a_mac =
            [format!("{}/{}.jpg", nfd("가방"), nfd("앞")), format!("{}/1.jpg", nfd("가방"))];
        let others = ["의자/앞면.jpg", "의자/옆.jpg", "a,b/[1].jpg"];
        for path in of_a_mac.iter().map(String::as_str).chain(others) {
            let path = shop.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, "").expect("a file");
        }
        let files = Files::new(shop.path());
        let whole = shop.path().join("가방/*.jpg").to_str().expect("a text").to_owned();
        let [front, one] = [of_a_mac[0].as_str(), of_a_mac[1].as_str()];
        for (pattern, want) in [
            ("가방/*.jpg", &[one, front][..]),
            (&nfd("가방/앞*"), &[front]),
            ("가방/앞.jpg", &[front]),
            ("가*/[가-힣].jpg", &[front]),
            ("**/앞*.jpg", &[front, "의자/앞면.jpg"]),
            (&nfd("의자/*면.jpg"), &["의자/앞면.jpg"]),
            ("의자\\*.jpg", &["의자/앞면.jpg", "의자/옆.jpg"]),
            ("a,b\\[1].jpg", &["a,b/[1].jpg"]),
            (&whole, &[one, front]),
            ("의자/뒤*.jpg", &[]),
            ("의자/뒤.jpg", &["의자/뒤.jpg"]),
            ("https://shop.example/의자*.jpg?w=1", &["https://shop.example/의자*.jpg?w=1"]),
        ] {
            let mut photos = PhotoSet::default();
            photos.add(&files, pattern, None).expect("a pattern");
            let mut found: Vec<_> = photos.files.keys().map(String::as_str).collect();
            found.sort_unstable_by_key(|path| nfc(path).into_owned());
            assert_eq!(found, want, "{pattern}");
            assert_eq!(photos.skipped.len(), usize::from(want.is_empty()), "{pattern}");
        }
        let refused = PhotoSet::default().add(&files, "의자/a**", None);
        assert!(matches!(refused, Err(RowProblem::BadPattern { .. })));
    }
}
