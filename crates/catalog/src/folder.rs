//! Catalogues from folders: each folder of photos is a product.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::image_files::is_photo;
use crate::names::{is_visible, nfc};
use crate::patterns::{not_utf8, relative};
use crate::{Catalog, CatalogError, Photo, PhotoSource, Product, Skipped, Split};

/// Files that belong beside a catalogue's folders, by their extensions.
const BESIDE: &[&str] = &[
    "csv", "htm", "html", "json", "jsonl", "log", "md", "ndjson", "toml", "tsv", "txt", "xml",
    "yaml", "yml",
];

/// Files of a folder that are no photos.
#[derive(Default)]
struct Others {
    files: u64,
    endings: BTreeSet<String>,
}

/// Reads a folder. Every folder that directly holds photos is a product: its path is the id, its own name the name,
/// the path above it the category.
///
/// Top folders called `train` and `val` or `test` are splits and not part of the ids; other top folders are then
/// skipped.
pub(crate) fn read(root: &Path) -> Result<Catalog, CatalogError> {
    let splits = top_folders_are_splits(root)?;
    let mut skipped = Vec::new();
    let mut outside: BTreeMap<String, u64> = BTreeMap::new();
    let mut found: BTreeMap<String, Vec<(String, Option<Split>)>> = BTreeMap::new();
    let mut others: BTreeMap<String, Others> = BTreeMap::new();
    let mut with_photos: HashSet<String> = HashSet::new();
    for entry in walk(root) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                skipped.push(unreadable(&error, root));
                continue;
            }
        };
        if !entry.file_type().is_file() {
            continue;
        }
        let is_photo = is_photo(entry.path());
        if !is_photo && entry.depth() == 1 && is_beside(entry.path()) {
            continue;
        }
        let Some(path) = relative(entry.path(), root) else {
            skipped.push(not_utf8(entry.path(), root));
            continue;
        };
        let mut folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let whole_folder = folder;
        let mut split = None;
        if splits {
            let (top, rest) = folder.split_once('/').unwrap_or((folder, ""));
            split = top.parse().ok();
            if split.is_none() && !top.is_empty() {
                *outside.entry(top.to_owned()).or_default() += u64::from(is_photo);
                continue;
            }
            folder = rest;
        }
        if !is_photo {
            let others = others.entry(whole_folder.to_owned()).or_default();
            others.files += 1;
            others.endings.insert(ending(entry.path()));
            continue;
        }
        if folder.is_empty() {
            let reason = "in no product's folder: move it into one".to_owned();
            skipped.push(Skipped { path, reason });
            continue;
        }
        with_photos.insert(whole_folder.to_owned());
        found.entry(nfc(folder).into_owned()).or_default().push((path, split));
    }
    for (folder, photos) in outside.into_iter().filter(|(_, photos)| *photos > 0) {
        let reason = format!("beside train, val and test: its photos ({photos}) are in no split");
        skipped.push(Skipped { path: folder, reason });
    }
    for (folder, others) in others {
        let files = others.describe();
        let has_photos = folder.is_empty() || with_photos.contains(&folder);
        let reason = if has_photos { files } else { format!("no photos in it: {files}") };
        let path = if folder.is_empty() { ".".to_owned() } else { folder };
        skipped.push(Skipped { path, reason });
    }
    let mut catalog = Catalog { root: root.to_owned(), skipped, ..Catalog::default() };
    for (id, mut files) in found {
        // Folders that are one product may hold files of one name.
        files.sort();
        let number = catalog.products.len() as u32;
        let photo =
            |(path, split)| Photo { product: number, path, split, source: PhotoSource::Review };
        catalog.photos.extend(files.into_iter().map(photo));
        let (category, name) = match id.rsplit_once('/') {
            Some((category, name)) => (Some(category.to_owned()), name.to_owned()),
            None => (None, id.clone()),
        };
        catalog.products.push(Product { id, name, category, ..Product::default() });
    }
    if catalog.photos.is_empty() {
        // Only loose photos: what is wrong is the layout, not each of them.
        return Err(CatalogError::NoPhotos { path: root.to_owned() });
    }
    Ok(catalog)
}

impl Others {
    /// `3 files are no photos (.psd, .txt)`
    fn describe(&self) -> String {
        const LISTED: usize = 5;
        let listed = self.endings.iter().take(LISTED).cloned();
        let rest = (self.endings.len() > LISTED).then(|| "…".to_owned());
        let endings: Vec<String> = listed.chain(rest).collect();
        let (files, endings) = (self.files, endings.join(", "));
        match files {
            1 => format!("1 file is no photo ({endings})"),
            _ => format!("{files} files are no photos ({endings})"),
        }
    }
}

fn ending(path: &Path) -> String {
    match path.extension() {
        Some(extension) => {
            crate::errors::shown(&format!(".{}", extension.to_string_lossy())).to_lowercase()
        }
        None => "without an ending".to_owned(),
    }
}

/// Whether a file is one that belongs beside a catalogue's folders.
fn is_beside(path: &Path) -> bool {
    match path.extension() {
        Some(extension) => {
            BESIDE.contains(&extension.to_string_lossy().to_ascii_lowercase().as_str())
        }
        None => path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy().to_ascii_lowercase();
            ["readme", "license", "licence", "changelog", "makefile"].contains(&name.as_str())
        }),
    }
}

/// All photos in a folder and its subfolders, in the order of their paths, and the entries that cannot be read.
///
/// # Errors
/// [`CatalogError::Empty`], and [`CatalogError::Unreadable`] for a folder that cannot be read.
pub fn photos_below(root: &Path) -> Result<(Vec<PathBuf>, Vec<Skipped>), CatalogError> {
    std::fs::read_dir(root)
        .map_err(|reason| CatalogError::Unreadable { path: root.to_owned(), reason })?;
    let (mut photos, mut skipped) = (Vec::new(), Vec::new());
    for entry in walk(root) {
        match entry {
            Ok(entry) if entry.file_type().is_file() && is_photo(entry.path()) => {
                photos.push(entry.into_path());
            }
            Ok(_) => {}
            Err(error) => skipped.push(unreadable(&error, root)),
        }
    }
    if photos.is_empty() {
        return Err(CatalogError::Empty { path: root.to_owned() });
    }
    Ok((photos, skipped))
}

/// All visible entries of a folder and its subfolders, in the order of their names.
fn walk(root: &Path) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    let visible = |entry: &DirEntry| entry.depth() == 0 || is_visible(entry.file_name());
    WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible)
}

fn top_folders_are_splits(root: &Path) -> Result<bool, CatalogError> {
    let unreadable = |reason| CatalogError::Unreadable { path: root.to_owned(), reason };
    let mut found = HashSet::new();
    let mut others = false;
    for entry in std::fs::read_dir(root).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.path().is_dir() || !is_visible(&entry.file_name()) {
            continue;
        }
        match entry.file_name().to_string_lossy().parse::<Split>() {
            Ok(split) => others |= !found.insert(split),
            Err(_) => others = true,
        }
    }
    // `train` alone beside other folders may be a shop's category of toys; with `val` or `test` it is a split.
    Ok(found.contains(&Split::Train) && (found.len() > 1 || !others))
}

fn unreadable(error: &walkdir::Error, root: &Path) -> Skipped {
    let path = error.path().unwrap_or(root);
    let reason = match (error.loop_ancestor(), error.io_error()) {
        (Some(_), _) => "a link to a folder above it".to_owned(),
        (None, Some(error)) => format!("cannot be read: {error}"),
        (None, None) => "cannot be read".to_owned(),
    };
    let path = relative(path, root).unwrap_or_else(|| path.to_string_lossy().into_owned());
    Skipped { path, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, "").expect("a file");
        }
        folder
    }

    #[test]
    fn nested_folders_are_categories_and_names_may_be_korean() {
        let shop = shop(&[
            "가구/의자/참나무 의자/2.JPG",
            "가구/의자/참나무 의자/1.heic",
            "가구/책상/readme.txt",
            "lamp/a.png",
            "lamp/.hidden.png",
            "loose.jpg",
        ]);
        let catalog = read(shop.path()).expect("read");
        let ids: Vec<_> = catalog.products.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids, ["lamp", "가구/의자/참나무 의자"]);
        assert_eq!(catalog.products[1].name, "참나무 의자");
        assert_eq!(catalog.products[1].category.as_deref(), Some("가구/의자"));
        let paths: Vec<_> = catalog.photos.iter().map(|p| (p.product, p.path.as_str())).collect();
        let chair = ["가구/의자/참나무 의자/1.heic", "가구/의자/참나무 의자/2.JPG"];
        assert_eq!(paths, [(0, "lamp/a.png"), (1, chair[0]), (1, chair[1])]);
        let skipped: Vec<_> = catalog.skipped.iter().map(|s| s.path.as_str()).collect();
        assert_eq!(skipped, ["loose.jpg", "가구/책상"]);
        assert_eq!(catalog.skipped[1].reason, "no photos in it: 1 file is no photo (.txt)");
    }

    #[test]
    fn top_folders_named_after_splits_are_splits() {
        let shop = shop(&[
            "train/cup/1.jpg",
            "test/cup/2.jpg",
            "valid/cup/3.jpg",
            "@eaDir/thumbs/4.jpg",
            "icons/cup/5.jpg",
        ]);
        let catalog = read(shop.path()).expect("read");
        assert_eq!(catalog.products.len(), 1);
        let of = |name: &str| catalog.photos.iter().find(|p| p.path == name).and_then(|p| p.split);
        assert_eq!(of("train/cup/1.jpg"), Some(Split::Train));
        assert_eq!(of("valid/cup/3.jpg"), Some(Split::Val));
        assert_eq!(of("test/cup/2.jpg"), Some(Split::Test));
        let skipped: Vec<_> = catalog.skipped.iter().map(|s| s.path.as_str()).collect();
        assert_eq!(skipped, ["icons"], "in no split");
    }

    #[test]
    fn what_is_left_out_is_said() {
        let shop = shop(&[
            "README.md",
            "products.csv",
            "notes.psd",
            "머그/1.jpg",
            "머그/a.TXT",
            "머그/b.psd",
            "머그/c",
            "병/3.mpo",
            "병/4",
            "#Recycle/old/1.jpg",
            "$RECYCLE.BIN/x/1.jpg",
            "lost+found/1.jpg",
            "System Volume Information/y/1.jpg",
            "__MACOSX/머그/1.jpg",
            "머그/Thumbs.db",
        ]);
        let photo = b"\xFF\xD8\xFF\xE0";
        for name in ["병/3.mpo", "병/4"] {
            std::fs::write(shop.path().join(name), photo).expect("a photo");
        }
        let catalog = read(shop.path()).expect("read");
        let paths: Vec<_> = catalog.photos.iter().map(|photo| photo.path.as_str()).collect();
        assert_eq!(paths, ["머그/1.jpg", "병/3.mpo", "병/4"]);
        let skipped: Vec<_> =
            catalog.skipped.iter().map(|s| (s.path.as_str(), s.reason.as_str())).collect();
        let of_mug = "3 files are no photos (.psd, .txt, without an ending)";
        assert_eq!(skipped, [(".", "1 file is no photo (.psd)"), ("머그", of_mug)]);
        for name in ["병/3.mpo", "병/4"] {
            std::fs::write(shop.path().join(name), "no photo").expect("a file");
        }
        let catalog = read(shop.path()).expect("read");
        let lost = "no photos in it: 2 files are no photos (.mpo, without an ending)";
        assert_eq!(catalog.skipped.last().map(|s| s.reason.as_str()), Some(lost));
        assert_eq!(photos_below(shop.path()).expect("photos").0.len(), 1);
    }

    #[test]
    fn folders_of_one_name_in_either_unicode_form_are_one_product() {
        use unicode_normalization::UnicodeNormalization;
        let of_a_mac: String = "가방/빨강".nfd().collect();
        let shop =
            shop(&["가방/빨강/1.jpg", &format!("{of_a_mac}/1.jpg"), &format!("{of_a_mac}/2.jpg")]);
        let catalog = read(shop.path()).expect("read");
        let [bag] = catalog.products.as_slice() else { panic!("{:?}", catalog.products) };
        assert_eq!((bag.id.as_str(), bag.category.as_deref()), ("가방/빨강", Some("가방")));
        assert_eq!(bag.name, "빨강");
        assert_eq!(catalog.photos.len(), 3);
        assert!(catalog.photos.iter().all(|photo| catalog.file(photo).is_file()));
    }

    #[test]
    fn a_folder_without_photos_is_an_error() {
        for files in [&["a/readme.txt"][..], &["loose.jpg"], &[]] {
            assert!(matches!(read(shop(files).path()), Err(CatalogError::NoPhotos { .. })));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf8_and_a_link_to_above_are_skipped() {
        use std::os::unix::ffi::OsStrExt;
        let shop = shop(&["cup/1.jpg"]);
        let name = std::ffi::OsStr::from_bytes(b"cup/\xff.jpg");
        std::fs::write(shop.path().join(name), "").expect("a file");
        std::os::unix::fs::symlink(shop.path(), shop.path().join("cup/up")).expect("a link");
        let catalog = read(shop.path()).expect("read");
        assert_eq!(catalog.photos.len(), 1);
        assert_eq!(catalog.skipped.len(), 2, "{:?}", catalog.skipped);
    }
}
