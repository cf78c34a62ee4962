//! Names of files and folders: their Unicode form, and which are the user's.
//!
//! Macs write `가` as the letters `ㄱ` and `ㅏ` (NFD), other systems as one character (NFC). Both are the same name.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Folders and files of systems and storage boxes, in lower case.
const SYSTEM: &[&str] = &[
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "__macosx",
    "desktop.ini",
    "found.000",
    "lost+found",
    "recycled",
    "recycler",
    "system volume information",
    "thumbs.db",
];

/// A text in Unicode's normalisation form C, in which texts are compared.
///
/// ```
/// let of_a_mac = "\u{1100}\u{1161}\u{1107}\u{1161}\u{11bc}";
/// assert_eq!(lookalike_catalog::nfc(of_a_mac), "가방");
/// ```
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}

/// Whether an entry is the user's: names of system files begin with a dot, those of storage boxes with `@`.
pub(crate) fn is_visible(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    !name.starts_with(['.', '@']) && !SYSTEM.contains(&name.to_ascii_lowercase().as_str())
}

/// Names in NFC, and as they are on the disk.
type Listing = HashMap<String, Vec<String>>;

/// A catalogue's files. Finds them by names of either Unicode form.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) root: PathBuf,
    /// The folders listed so far.
    listings: RefCell<HashMap<PathBuf, Rc<Listing>>>,
}

impl Files {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), listings: RefCell::default() }
    }

    /// A path as it is on the disk, relative to the root; unchanged if there is none.
    pub(crate) fn on_disk(&self, path: &str) -> String {
        if path.is_ascii() || self.root.join(path).exists() {
            return path.to_owned();
        }
        self.all_on_disk(path).into_iter().next().unwrap_or_else(|| path.to_owned())
    }

    /// Whether a path is that of a file.
    pub(crate) fn is_file(&self, path: &str) -> bool {
        // The system refuses the longer ones, after a copy of each.
        path.len() <= 4096 && self.root.join(self.on_disk(path)).is_file()
    }

    /// Whether a path is that of a file or a folder.
    pub(crate) fn exists(&self, path: &str) -> bool {
        path.len() <= 4096 && self.root.join(self.on_disk(path)).exists()
    }

    /// The paths of folders and files that differ from a path in their Unicode form only.
    pub(crate) fn all_on_disk(&self, path: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        for part in Path::new(path).components() {
            let Component::Normal(name) = part else {
                for path in &mut found {
                    append(path, &part.as_os_str().to_string_lossy());
                }
                continue;
            };
            // A component of a text is a text.
            let name = name.to_string_lossy();
            let next = found.iter().flat_map(|above| {
                let names = match name.is_ascii() {
                    true => vec![name.to_string()],
                    false => self.same_names(&self.root.join(above), &name),
                };
                names.into_iter().map(move |name| {
                    let mut path = above.clone();
                    append(&mut path, &name);
                    path
                })
            });
            found = next.filter(|path| self.root.join(path).exists()).collect();
        }
        found
    }

    fn same_names(&self, folder: &Path, name: &str) -> Vec<String> {
        let mut listings = self.listings.borrow_mut();
        let listing = listings.entry(folder.to_owned()).or_insert_with(|| Rc::new(list(folder)));
        listing.get(nfc(name).as_ref()).cloned().unwrap_or_default()
    }
}

fn append(path: &mut String, name: &str) {
    if !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(name);
}

/// A folder's names beyond ASCII.
fn list(folder: &Path) -> Listing {
    let mut listing = Listing::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Ok(name) = entry.file_name().into_string()
            && !name.is_ascii()
        {
            listing.entry(nfc(&name).into_owned()).or_default().push(name);
        }
    }
    for names in listing.values_mut() {
        names.sort_unstable();
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nfd(text: &str) -> String {
        text.nfd().collect()
    }

    #[test]
    fn paths_of_one_form_find_files_of_the_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Files::new(folder.path());
        let write = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, "").expect("a file");
        };
        let of_a_mac = format!("{}/{}.jpg", nfd("가방"), nfd("파랑"));
        write(&of_a_mac);
        write("의자/é.jpg");
        assert_eq!(files.on_disk("가방/파랑.jpg"), of_a_mac);
        assert_eq!(files.on_disk(&nfd("의자/é.jpg")), "의자/é.jpg");
        assert_eq!(files.on_disk("가방/없음.jpg"), "가방/없음.jpg", "there is none");
        let whole = folder.path().join("가방/파랑.jpg");
        let whole = whole.to_str().expect("a text");
        assert!(files.on_disk(whole).ends_with(&of_a_mac) && files.is_file(whole));
        assert!(!files.is_file("가방") && !files.is_file(&"가".repeat(100_000)));
    }

    #[test]
    fn folders_of_both_forms_are_all_found() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["가방".to_owned(), nfd("가방")] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        assert_eq!(Files::new(folder.path()).all_on_disk("가방"), [nfd("가방"), "가방".into()]);
    }

    #[test]
    fn systems_have_folders_of_their_own() {
        for name in
            ["#Recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__MACOSX"]
                .into_iter()
                .chain(["@eaDir", ".DS_Store", "Thumbs.db"])
        {
            assert!(!is_visible(OsStr::new(name)), "{name}");
        }
        assert!(is_visible(OsStr::new("재활용")) && is_visible(OsStr::new("recycle bags")));
    }
}
