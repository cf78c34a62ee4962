//! Catalogues from folders: each folder of photos is a product.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::patterns::{not_utf8, relative};
use crate::{Catalog, CatalogError, Photo, PhotoSource, Product, Skipped, Split};

/// File extensions of photos. The decoder detects the format by the content.
const PHOTO_EXTENSIONS: &[&str] = &[
    "avif", "bmp", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff",
    "webp",
];

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
    for entry in walk(root) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                skipped.push(unreadable(&error, root));
                continue;
            }
        };
        if !entry.file_type().is_file() || !looks_like_photo(entry.path()) {
            continue;
        }
        let Some(path) = relative(entry.path(), root) else {
            skipped.push(not_utf8(entry.path(), root));
            continue;
        };
        let mut folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut split = None;
        if splits {
            let (top, rest) = folder.split_once('/').unwrap_or((folder, ""));
            split = top.parse().ok();
            if split.is_none() && !top.is_empty() {
                *outside.entry(top.to_owned()).or_default() += 1;
                continue;
            }
            folder = rest;
        }
        if folder.is_empty() {
            let reason = "in no product's folder: move it into one".to_owned();
            skipped.push(Skipped { path, reason });
            continue;
        }
        found.entry(folder.to_owned()).or_default().push((path, split));
    }
    for (folder, photos) in outside {
        let reason = format!("beside train, val and test: its photos ({photos}) are in no split");
        skipped.push(Skipped { path: folder, reason });
    }
    let mut catalog = Catalog { root: root.to_owned(), products: vec![], photos: vec![], skipped };
    for (id, files) in found {
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
            Ok(entry) if entry.file_type().is_file() && looks_like_photo(entry.path()) => {
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

/// Whether an entry is the user's: names of system files begin with a dot, those of storage boxes with `@`.
fn is_visible(name: &OsStr) -> bool {
    !name.to_string_lossy().starts_with(['.', '@'])
}

fn looks_like_photo(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|e| PHOTO_EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()))
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
        assert_eq!(catalog.skipped.len(), 1);
        assert_eq!(catalog.skipped[0].path, "loose.jpg");
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
