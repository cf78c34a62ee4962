//! Shops written to folders: small photos, few of them.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use lookalike_catalog::{Catalog, Split as CatalogSplit};
use lookalike_demo::{DemoError, Kind, Observer, Settings, Shop, Silent, Truth, write};

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

fn truths(folder: &Path) -> Vec<Truth> {
    let text = fs::read_to_string(folder.join("truth.jsonl")).expect("the truth");
    text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect()
}

/// Stops after so many pictures.
struct StopAfter {
    left: AtomicU32,
}

impl Observer for StopAfter {
    fn begin(&self, _: u32, _: u32) {}

    fn advance(&self, pictures: u32) {
        let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            Some(left.saturating_sub(pictures))
        });
    }

    fn stop(&self) -> bool {
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
        let observer = StopAfter { left: AtomicU32::new(stops) };
        let stopped = pool(3).install(|| write(&three, &settings(60), &observer));
        assert!(matches!(stopped, Err(DemoError::Stopped)), "{stopped:?}");
        assert!(!three.join("catalog.jsonl").exists(), "the manifest comes last");
    }
    // As a power cut leaves things: half a line of truth, half a photo.
    let partial = three.join("truth.partial.jsonl");
    let text = fs::read_to_string(&partial).expect("the truth so far");
    fs::write(&partial, &text[..text.len() - 20]).expect("cut");
    let first = three.join(truths_of(&text)[0].photo.as_str());
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

fn truths_of(text: &str) -> Vec<Truth> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn the_truth_is_true() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = folder.path().join("shop");
    let settings = settings(216);
    write(&shop, &settings, &Silent).expect("written");
    let truths = truths(&shop);
    assert_eq!(truths.len(), 216);
    let ids: HashSet<String> = Shop::new(11).products().iter().map(|p| p.id.clone()).collect();
    let by_photo: BTreeMap<&str, &Truth> = truths.iter().map(|t| (t.photo.as_str(), t)).collect();
    let read = |photo: &str| fs::read(shop.join(photo)).expect("a photo");
    for truth in &truths {
        let photo = image::load_from_memory(&read(&truth.photo)).expect("a JPEG").to_rgb8();
        assert_eq!(photo.dimensions(), (truth.width, truth.height), "{}", truth.photo);
        let mut sum = 0.0;
        for seen in &truth.shown {
            let area = &seen.area;
            assert!(ids.contains(&seen.id));
            assert!(area.x >= 0.0 && area.y >= 0.0, "{}", truth.photo);
            assert!(area.x + area.w <= 1.00001 && area.y + area.h <= 1.00001, "{}", truth.photo);
            assert!(seen.share > 0.0 && seen.share <= area.w * area.h + 1e-5, "{}", truth.photo);
            sum += seen.share;
        }
        assert!(sum <= 1.00001, "{}", truth.photo);
        assert_eq!(truth.blurred, truth.kind == Kind::Blurred);
        assert_eq!(truth.duplicate_of.is_some(), truth.kind == Kind::Duplicate);
        assert_eq!(truth.near_duplicate_of.is_some(), truth.kind == Kind::NearDuplicate);
        if let Some(original) = &truth.duplicate_of {
            assert!(read(original) == read(&truth.photo), "{} is no duplicate", truth.photo);
            assert_eq!(by_photo[original.as_str()].shown, truth.shown);
        }
        if let Some(original) = &truth.near_duplicate_of {
            assert!(read(original) != read(&truth.photo), "{}", truth.photo);
            assert_eq!(by_photo[original.as_str()].split, truth.split);
            assert_eq!(by_photo[original.as_str()].product, truth.product);
        }
    }

    let share = |t: &Truth| t.shown.iter().find(|s| s.id == t.product).map_or(0.0, |s| s.share);
    let of = |kind: Kind| truths.iter().filter(move |t| t.kind == kind).collect::<Vec<_>>();
    let good = of(Kind::Good);
    let enough = good.iter().filter(|t| share(t) >= 0.5 && t.shown.len() == 1).count();
    assert!(enough * 100 >= good.len() * 95, "{enough} of {}", good.len());
    assert!(of(Kind::Small).iter().all(|t| share(t) < 0.5));
    let two = of(Kind::Two);
    let both = two.iter().filter(|t| t.shown.len() == 2).count();
    assert!(both * 10 >= two.len() * 8, "{both} of {}", two.len());

    let brightness = |t: &&Truth| {
        let photo = image::load_from_memory(&read(&t.photo)).expect("a JPEG").to_luma8();
        photo.iter().map(|&p| f64::from(p)).sum::<f64>() / photo.len() as f64
    };
    assert!(of(Kind::Dark).iter().all(|t| brightness(t) < 80.0));
    assert!(of(Kind::Bright).iter().all(|t| brightness(t) > 190.0));
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
fn what_is_not_this_shops_is_left_alone() {
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
fn what_cannot_be_is_refused() {
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
