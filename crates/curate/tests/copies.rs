//! Copies of photos are found, other photos are not taken for copies.

use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{FilterType, resize};
use lookalike_catalog::{Catalog, Photo, Product};
use lookalike_curate::{Code, Finder, Limits, Look, Overrides, PhotoHash, Verdict, curate};
use lookalike_detect::ActivationFinder;
use lookalike_testkit::{photos, weights};

fn brightened(photo: &RgbImage, by: u8) -> RgbImage {
    let mut photo = photo.clone();
    photo.iter_mut().for_each(|value| *value = value.saturating_add(by));
    photo
}

/// A photo and what people make of it: compressed harder, smaller, slightly brighter.
fn copies(photo: &RgbImage) -> Vec<Vec<u8>> {
    let (width, height) = photo.dimensions();
    let smaller = resize(photo, width * 2 / 3, height * 2 / 3, FilterType::Triangle);
    vec![
        photos::jpeg(photo, 92),
        photos::jpeg(photo, 55),
        photos::jpeg(&smaller, 85),
        photos::jpeg(&brightened(photo, 12), 85),
    ]
}

fn catalog(root: &Path, files: &[(u32, &str)]) -> Catalog {
    let product =
        |id: u32| Product { id: id.to_string(), name: id.to_string(), ..Product::default() };
    let photo =
        |&(product, path): &(u32, &str)| Photo { product, path: path.to_owned(), split: None };
    Catalog {
        root: root.to_owned(),
        products: (0..10).map(product).collect(),
        photos: files.iter().map(photo).collect(),
        skipped: Vec::new(),
    }
}

fn made_up_finder(folder: &Path) -> ActivationFinder {
    let file = folder.join("mobilenet_v3_large_minimalistic.safetensors");
    weights::write_minimalistic(&file);
    ActivationFinder::new(&lookalike_backbone::load(&file, None).expect("weights"))
}

/// Limits that drop nothing but copies.
fn only_copies() -> Limits {
    Limits { min_side: 0, min_sharpness: 0.0, min_share: 0.0, max_text: 1.0, ..Limits::default() }
}

#[test]
fn hashes_of_copies_are_near_and_of_others_far() {
    let of = |bytes: &[u8]| {
        let limits = lookalike_photo::DecodeLimits::default();
        PhotoHash::of(&lookalike_photo::decode(bytes, &limits).expect("a photo").pixels)
    };
    let hashes: Vec<Vec<PhotoHash>> = (0..12)
        .map(|seed| copies(&photos::pattern(seed, 480, 360)).iter().map(|copy| of(copy)).collect())
        .collect();
    for (a, copies) in hashes.iter().enumerate() {
        let most = copies.iter().map(|copy| copy.distance(copies[0])).max();
        assert!(most <= Some(6), "copies of {a} are {most:?} bits apart");
        for (b, other) in hashes.iter().enumerate().skip(a + 1) {
            let apart = copies[0].distance(other[0]);
            assert!(apart >= 14, "{a} and {b} are {apart} bits apart");
        }
    }
}

#[test]
fn one_of_each_group_of_copies_is_kept_the_best() {
    let folder = tempfile::tempdir().expect("a folder");
    let finder = made_up_finder(folder.path());
    let mut files = Vec::new();
    for seed in 0..6u32 {
        for (number, copy) in copies(&photos::pattern(seed, 480, 360)).into_iter().enumerate() {
            // Copies of odd ones are spread over products.
            let product = if seed % 2 == 1 { number as u32 } else { seed };
            let path = format!("{seed}-{number}.jpg");
            std::fs::write(folder.path().join(&path), &copy).expect("a file");
            files.push((product, path));
        }
        let again = format!("{seed}-again.jpg");
        std::fs::copy(folder.path().join(format!("{seed}-0.jpg")), folder.path().join(&again))
            .expect("a copy");
        files.push((seed, again));
    }
    let files: Vec<(u32, &str)> = files.iter().map(|(p, path)| (*p, path.as_str())).collect();
    let catalog = catalog(folder.path(), &files);
    for finder in [Some(&finder as &dyn Finder), None] {
        let found = curate(&catalog, finder, &only_copies(), &Overrides::default(), &|| ())
            .expect("decisions");
        let mut kept: Vec<&str> = found.kept.photos.iter().map(|p| p.path.as_str()).collect();
        kept.sort_unstable();
        let seeds: Vec<&str> = kept.iter().map(|path| &path[..1]).collect();
        assert_eq!(seeds, ["0", "1", "2", "3", "4", "5"], "with a network: {}", finder.is_some());
        assert!(!kept.iter().any(|path| path.ends_with("-2.jpg")), "the smaller one: {kept:?}");
        let dropped = found.decisions.iter().filter(|d| d.decision == Verdict::Drop);
        for decision in dropped {
            let reason = &decision.reasons[0];
            assert_eq!(reason.code, Code::Duplicate);
            assert_eq!(reason.kept.as_deref().map(|kept| &kept[..1]), Some(&decision.photo[..1]));
        }
        let again = found.decisions.iter().find(|d| d.photo == "0-again.jpg").expect("it");
        let first = found.decisions.iter().find(|d| d.photo == "0-0.jpg").expect("it");
        assert_eq!(again.sha256, first.sha256);
        assert_eq!(again.decision, Verdict::Drop, "of the same file, the later one");
    }

    // A person keeps a copy and drops what would have been kept: the next best is kept instead.
    let first = curate(&catalog, Some(&finder), &only_copies(), &Overrides::default(), &|| ());
    let first = first.expect("decisions");
    let best =
        first.kept.photos.iter().find(|p| p.path.starts_with('2')).expect("one").path.clone();
    let mut overrides = Overrides::default();
    overrides.set(best.clone(), Verdict::Drop);
    overrides.set("4-1.jpg", Verdict::Keep);
    overrides.set("4-2.jpg", Verdict::Keep);
    let found = curate(&catalog, Some(&finder), &only_copies(), &overrides, &|| ());
    let found = found.expect("decisions");
    let kept_of = |seed: char| -> Vec<&str> {
        let kept = found.kept.photos.iter().map(|photo| photo.path.as_str());
        kept.filter(|path| path.starts_with(seed)).collect()
    };
    assert_eq!(kept_of('2').len(), 1);
    assert_ne!(kept_of('2')[0], best);
    assert_eq!(kept_of('4'), ["4-1.jpg", "4-2.jpg"], "the person's, and none beside them");
}

/// Real photos: all of their copies are found, and none are found among photos of different products.
#[test]
fn copies_of_real_photos_are_told_from_other_photos() {
    let Some((data, weights)) =
        lookalike_testkit::real_folders("copies_of_real_photos_are_told_from_other_photos")
    else {
        return;
    };
    let weights = weights.join("mobilenet_v3_large_minimalistic.safetensors");
    let finder = ActivationFinder::new(&lookalike_backbone::load(&weights, None).expect("weights"));
    let limits = lookalike_photo::DecodeLimits::default();
    let temporary = tempfile::tempdir().expect("a folder");
    let products = std::fs::read_dir(data.join("grocery-store/val/Fruit")).expect("photos");
    let mut products: Vec<PathBuf> = products.map(|e| e.expect("an entry").path()).collect();
    products.sort();
    let mut looks: Vec<Vec<Look>> = Vec::new();
    for product in &products {
        let Some(file) = first_photo(product) else { continue };
        let bytes = std::fs::read(&file).expect("a photo");
        let photo = lookalike_photo::decode(&bytes, &limits).expect("a photo").pixels;
        let look = |bytes: Vec<u8>| {
            let file = temporary.path().join("copy.jpg");
            std::fs::write(&file, bytes).expect("a file");
            Look::at(&file, Some(&finder)).expect("a network").expect("a photo")
        };
        looks.push(copies(&photo).into_iter().map(look).collect());
    }
    assert!(looks.len() >= 8, "few products in {}", data.display());
    let cosine = |a: &Look, b: &Look| -> f32 {
        let (Some(a), Some(b)) = (&a.embedding, &b.embedding) else { panic!("no embedding") };
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    };
    let same = Limits::default().same;
    let (mut far, mut least, mut near, mut most) = (0, 1.0f32, 64, 0.0f32);
    for (number, copies) in looks.iter().enumerate() {
        for copy in &copies[1..] {
            far = far.max(copies[0].hash.distance(copy.hash));
            least = least.min(cosine(&copies[0], copy));
        }
        for other in &looks[number + 1..] {
            near = near.min(copies[0].hash.distance(other[0].hash));
            most = most.max(cosine(&copies[0], &other[0]));
        }
    }
    println!(
        "{} photos: copies up to {far} bits apart, cosine at least {least:.3}; \
         others at least {near} bits, cosine up to {most:.3}",
        looks.len()
    );
    assert!(far <= same.distance && least >= same.cosine, "copies: {far} bits, cosine {least}");
    assert!(near > same.distance || most < same.cosine, "others: {near} bits, cosine {most}");
}

fn first_photo(folder: &Path) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
        .iter()
        .find_map(|path| if path.is_dir() { first_photo(path) } else { Some(path.clone()) })
}
