//! Shops written to folders, with few and small photos.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use lookalike_base::progress::{Phase, Progress, Silent};
use lookalike_catalog::{Catalog, Split as CatalogSplit};
use lookalike_demo::{DemoError, PhotoAnnotations, PhotoKind, Settings, Shop, write};

fn settings(photos: u32) -> Settings {
    Settings { seed: 11, photos, side: 64 }
}

/// Every file below a folder, by path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_owned();
                found.insert(name, fs::read(path).expect("a file"));
            }
        }
    }
    found
}

fn annotations(folder: &Path) -> Vec<PhotoAnnotations> {
    let text = fs::read_to_string(folder.join("annotations.jsonl")).expect("annotations");
    text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect()
}

/// Cancels after so many pictures.
struct CancelAfter {
    left: AtomicU64,
}

impl Progress for CancelAfter {
    fn begin(&self, _: Phase<'_>) {}

    fn end(&self) {}

    fn advance(&self, pictures: u64) {
        let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            Some(left.saturating_sub(pictures))
        });
    }

    fn is_cancelled(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

#[test]
fn threads_and_interruptions_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, three) = (folder.path().join("one"), folder.path().join("three"));
    let pool =
        |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool(1).install(|| write(&one, &settings(60), &Silent)).expect("written");

    for stops in [20, 40, 25] {
        let progress = CancelAfter { left: AtomicU64::new(stops) };
        let stopped = pool(3).install(|| write(&three, &settings(60), &progress));
        assert!(matches!(stopped, Err(DemoError::Cancelled)), "{stopped:?}");
        assert!(!three.join("catalog.jsonl").exists(), "the manifest comes last");
    }
    // As a power cut leaves things: half a line of annotations, half a photo.
    let partial = three.join("annotations.partial.jsonl");
    let text = fs::read_to_string(&partial).expect("annotations");
    fs::write(&partial, &text[..text.len() - 20]).expect("cut");
    let first = three.join(photos_of(&text)[0].photo.as_str());
    let bytes = fs::read(&first).expect("a photo");
    fs::write(&first, &bytes[..bytes.len() / 2]).expect("cut");

    let done = pool(3).install(|| write(&three, &settings(60), &Silent)).expect("written");
    assert!((2..114).contains(&done.drawn), "{}", done.drawn);
    let (a, b) = (files(&one), files(&three));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(&b[name] == bytes, "{} differs", name.display());
    }
    // With everything there, nothing is drawn.
    assert_eq!(write(&one, &settings(60), &Silent).expect("written").drawn, 0);
}

fn photos_of(text: &str) -> Vec<PhotoAnnotations> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn annotations_agree_with_the_photos() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = folder.path().join("shop");
    let settings = settings(216);
    write(&shop, &settings, &Silent).expect("written");
    let photos = annotations(&shop);
    assert_eq!(photos.len(), 216);
    let ids: HashSet<String> = Shop::new(11).products().iter().map(|p| p.id.clone()).collect();
    let by_photo: BTreeMap<&str, &PhotoAnnotations> =
        photos.iter().map(|photo| (photo.photo.as_str(), photo)).collect();
    let read = |photo: &str| fs::read(shop.join(photo)).expect("a photo");
    for photo in &photos {
        let pixels = image::load_from_memory(&read(&photo.photo)).expect("a JPEG").to_rgb8();
        assert_eq!(pixels.dimensions(), (photo.width, photo.height), "{}", photo.photo);
        let mut sum = 0.0;
        for annotation in &photo.annotations {
            let bbox = &annotation.bbox;
            assert!(ids.contains(&annotation.product));
            assert!(bbox.x >= 0.0 && bbox.y >= 0.0, "{}", photo.photo);
            assert!(
                bbox.x + bbox.width <= 1.00001 && bbox.y + bbox.height <= 1.00001,
                "{}",
                photo.photo
            );
            assert!(
                annotation.area_fraction > 0.0
                    && annotation.area_fraction <= bbox.width * bbox.height + 1e-5,
                "{}",
                photo.photo
            );
            sum += annotation.area_fraction;
        }
        assert!(sum <= 1.00001, "{}", photo.photo);
        assert_eq!(photo.blurry, photo.kind == PhotoKind::Blurry);
        assert_eq!(photo.duplicate_of.is_some(), photo.kind == PhotoKind::Duplicate);
        assert_eq!(photo.near_duplicate_of.is_some(), photo.kind == PhotoKind::NearDuplicate);
        if let Some(original) = &photo.duplicate_of {
            assert!(read(original) == read(&photo.photo), "{} is no duplicate", photo.photo);
            assert_eq!(by_photo[original.as_str()].annotations, photo.annotations);
        }
        if let Some(original) = &photo.near_duplicate_of {
            assert!(read(original) != read(&photo.photo), "{}", photo.photo);
            assert_eq!(by_photo[original.as_str()].split, photo.split);
            assert_eq!(by_photo[original.as_str()].product, photo.product);
        }
    }

    let area = |photo: &PhotoAnnotations| {
        let own = photo.annotations.iter().find(|one| one.product == photo.product);
        own.map_or(0.0, |one| one.area_fraction)
    };
    let of = |kind: PhotoKind| photos.iter().filter(move |t| t.kind == kind).collect::<Vec<_>>();
    let good = of(PhotoKind::Good);
    let enough = good.iter().filter(|t| area(t) >= 0.5 && t.annotations.len() == 1).count();
    assert!(enough * 100 >= good.len() * 95, "{enough} of {}", good.len());
    assert!(of(PhotoKind::Small).iter().all(|t| area(t) < 0.5));
    let two = of(PhotoKind::TwoProducts);
    let both = two.iter().filter(|t| t.annotations.len() == 2).count();
    assert!(both * 10 >= two.len() * 8, "{both} of {}", two.len());

    let brightness = |t: &&PhotoAnnotations| {
        let photo = image::load_from_memory(&read(&t.photo)).expect("a JPEG").to_luma8();
        photo.iter().map(|&p| f64::from(p)).sum::<f64>() / photo.len() as f64
    };
    assert!(of(PhotoKind::Dark).iter().all(|t| brightness(t) < 80.0));
    assert!(of(PhotoKind::Bright).iter().all(|t| brightness(t) > 190.0));
    let fair = good.iter().filter(|t| (70.0..235.0).contains(&brightness(t))).count();
    assert!(fair * 100 >= good.len() * 97, "{fair} of {}", good.len());
}

#[test]
fn the_program_can_open_the_manifest() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = write(folder.path(), &settings(108), &Silent).expect("written");
    let catalog = Catalog::open(&written.manifest, None).expect("a catalogue");
    assert_eq!((catalog.products.len(), catalog.photos.len()), (54, 108));
    assert!(catalog.skipped.is_empty());
    for photo in &catalog.photos {
        assert!(catalog.file(photo).is_file(), "{}", photo.path);
    }
    for split in CatalogSplit::ALL {
        assert!(catalog.photos.iter().any(|photo| photo.split == Some(split)), "{split}");
    }
    for product in &catalog.products {
        assert!(product.price <= product.list_price && product.currency.as_deref() == Some("KRW"));
        let picture = product.image.as_ref().expect("a picture");
        assert!(image::open(folder.path().join(picture)).is_ok(), "{picture}");
    }
}

#[test]
fn files_of_others_are_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let theirs = folder.path().join("catalog.jsonl");
    fs::write(&theirs, "someone's").expect("a file");
    let refused = write(folder.path(), &settings(2), &Silent);
    assert!(matches!(refused, Err(DemoError::NotOurs { .. })), "{refused:?}");
    assert_eq!(fs::read_to_string(&theirs).expect("still there"), "someone's");

    let shop = folder.path().join("shop");
    write(&shop, &settings(2), &Silent).expect("written");
    fs::write(shop.join("notes.txt"), "mine").expect("a file");
    let other = write(&shop, &Settings { seed: 12, ..settings(2) }, &Silent);
    let Err(DemoError::OtherSettings { differs, .. }) = &other else { panic!("{other:?}") };
    assert_eq!(differs, "seed 11 there, 12 now");
    write(&shop, &settings(2), &Silent).expect("written again");
    assert!(shop.join("notes.txt").is_file());
}

#[test]
fn settings_out_of_range_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for settings in [settings(0), settings(100_000), Settings { side: 8, ..settings(1) }] {
        let refused = write(folder.path(), &settings, &Silent);
        assert!(matches!(refused, Err(DemoError::Settings(_))), "{refused:?}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "in the way").expect("a file");
    let refused = write(&file.join("shop"), &settings(1), &Silent);
    assert!(matches!(refused, Err(DemoError::Unwritable { .. })), "{refused:?}");
}
