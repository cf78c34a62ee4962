//! Near-duplicates are found, and other photos are not taken for them.

use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{FilterType, resize};
use lookalike_catalog::{Catalog, Photo, PhotoSource, Product};
use lookalike_curate::{
    Decision, IssueKind, Overrides, PerceptualHash, PhotoAnalyser, PhotoMeasurement, Thresholds,
    curate,
};
use lookalike_detect::ActivationDetector;
use lookalike_testkit::{photos, weights};

fn brightened(photo: &RgbImage, by: u8) -> RgbImage {
    let mut photo = photo.clone();
    photo.iter_mut().for_each(|value| *value = value.saturating_add(by));
    photo
}

/// A photo and its copies: compressed harder, smaller, slightly brighter.
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
    let photo = |&(product, path): &(u32, &str)| Photo {
        product,
        path: path.to_owned(),
        split: None,
        source: PhotoSource::Review,
    };
    Catalog {
        root: root.to_owned(),
        products: (0..10).map(product).collect(),
        photos: files.iter().map(photo).collect(),
        ..Catalog::default()
    }
}

fn random_analyser(folder: &Path) -> ActivationDetector {
    let file = folder.join("mobilenet_v3_large_minimalistic.safetensors");
    weights::write_minimalistic(&file);
    ActivationDetector::new(&lookalike_backbone::load(&file, None).expect("weights"))
}

/// Thresholds that drop nothing but duplicates.
fn only_duplicates() -> Thresholds {
    Thresholds {
        min_side: 0,
        min_sharpness: 0.0,
        min_object_area: 0.0,
        max_text_score: 1.0,
        ..Thresholds::default()
    }
}

#[test]
fn hashes_of_copies_are_near_and_of_other_photos_far() {
    let of = |bytes: &[u8]| {
        let limits = lookalike_photo::DecodeLimits::default();
        PerceptualHash::of(&lookalike_photo::decode(bytes, &limits).expect("a photo").pixels)
    };
    let hashes: Vec<Vec<PerceptualHash>> = (0..12)
        .map(|seed| copies(&photos::pattern(seed, 480, 360)).iter().map(|copy| of(copy)).collect())
        .collect();
    for (a, copies) in hashes.iter().enumerate() {
        let most = copies.iter().map(|copy| copy.hamming_distance(copies[0])).max();
        assert!(most <= Some(6), "copies of {a} are {most:?} bits apart");
        for (b, other) in hashes.iter().enumerate().skip(a + 1) {
            let apart = copies[0].hamming_distance(other[0]);
            assert!(apart >= 14, "{a} and {b} are {apart} bits apart");
        }
    }
}

#[test]
fn the_best_of_each_group_of_duplicates_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let analyser = random_analyser(folder.path());
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
    for analyser in [Some(&analyser as &dyn PhotoAnalyser), None] {
        let found = curate(&catalog, analyser, &only_duplicates(), &Overrides::default(), &|| ())
            .expect("decisions");
        let mut kept: Vec<&str> = found.kept.photos.iter().map(|p| p.path.as_str()).collect();
        kept.sort_unstable();
        let seeds: Vec<&str> = kept.iter().map(|path| &path[..1]).collect();
        assert_eq!(seeds, ["0", "1", "2", "3", "4", "5"], "with a network: {}", analyser.is_some());
        assert!(!kept.iter().any(|path| path.ends_with("-2.jpg")), "the smaller one: {kept:?}");
        let dropped = found.decisions.iter().filter(|d| d.decision == Decision::Drop);
        for decision in dropped {
            let issue = &decision.issues[0];
            assert_eq!(issue.kind, IssueKind::Duplicate);
            assert_eq!(
                issue.duplicate_of.as_deref().map(|kept| &kept[..1]),
                Some(&decision.photo[..1])
            );
        }
        let again = found.decisions.iter().find(|d| d.photo == "0-again.jpg").expect("it");
        let first = found.decisions.iter().find(|d| d.photo == "0-0.jpg").expect("it");
        assert_eq!(again.sha256, first.sha256);
        assert_eq!(again.decision, Decision::Drop, "of the same file, the later one");
    }

    // A person keeps a copy and drops what would have been kept: the next best is kept instead.
    let first =
        curate(&catalog, Some(&analyser), &only_duplicates(), &Overrides::default(), &|| ());
    let first = first.expect("decisions");
    let best =
        first.kept.photos.iter().find(|p| p.path.starts_with('2')).expect("one").path.clone();
    let mut overrides = Overrides::default();
    overrides.set(best.clone(), Decision::Drop);
    overrides.set("4-1.jpg", Decision::Keep);
    overrides.set("4-2.jpg", Decision::Keep);
    let found = curate(&catalog, Some(&analyser), &only_duplicates(), &overrides, &|| ());
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
fn copies_of_real_photos_are_distinguished_from_other_photos() {
    let Some((data, weights)) = lookalike_testkit::real_folders(
        "copies_of_real_photos_are_distinguished_from_other_photos",
    ) else {
        return;
    };
    let weights = weights.join("mobilenet_v3_large_minimalistic.safetensors");
    let analyser =
        ActivationDetector::new(&lookalike_backbone::load(&weights, None).expect("weights"));
    let limits = lookalike_photo::DecodeLimits::default();
    let temporary = tempfile::tempdir().expect("a folder");
    let products = std::fs::read_dir(data.join("grocery-store/val/Fruit")).expect("photos");
    let mut products: Vec<PathBuf> = products.map(|e| e.expect("an entry").path()).collect();
    products.sort();
    let mut measurements: Vec<Vec<PhotoMeasurement>> = Vec::new();
    for product in &products {
        let Some(file) = first_photo(product) else { continue };
        let bytes = std::fs::read(&file).expect("a photo");
        let photo = lookalike_photo::decode(&bytes, &limits).expect("a photo").pixels;
        let measurement = |bytes: Vec<u8>| {
            let file = temporary.path().join("copy.jpg");
            std::fs::write(&file, bytes).expect("a file");
            PhotoMeasurement::of_file(&file, Some(&analyser)).expect("a network").expect("a photo")
        };
        measurements.push(copies(&photo).into_iter().map(measurement).collect());
    }
    assert!(measurements.len() >= 8, "few products in {}", data.display());
    let cosine = |a: &PhotoMeasurement, b: &PhotoMeasurement| -> f32 {
        let (Some(a), Some(b)) = (&a.embedding, &b.embedding) else { panic!("no embedding") };
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    };
    let same = Thresholds::default().near_duplicates;
    let (mut far, mut least, mut near, mut most) = (0, 1.0f32, 64, 0.0f32);
    for (number, copies) in measurements.iter().enumerate() {
        for copy in &copies[1..] {
            far = far.max(copies[0].hash.hamming_distance(copy.hash));
            least = least.min(cosine(&copies[0], copy));
        }
        for other in &measurements[number + 1..] {
            near = near.min(copies[0].hash.hamming_distance(other[0].hash));
            most = most.max(cosine(&copies[0], &other[0]));
        }
    }
    println!(
        "{} photos: copies up to {far} bits apart, cosine at least {least:.3}; \
         others at least {near} bits, cosine up to {most:.3}",
        measurements.len()
    );
    assert!(
        far <= same.max_hamming && least >= same.min_cosine,
        "copies: {far} bits, cosine {least}"
    );
    assert!(
        near > same.max_hamming || most < same.min_cosine,
        "others: {near} bits, cosine {most}"
    );
}

fn first_photo(folder: &Path) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
        .iter()
        .find_map(|path| if path.is_dir() { first_photo(path) } else { Some(path.clone()) })
}
