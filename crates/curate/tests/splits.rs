//! Splits of generated shops: no near-duplicates and no sender in two splits.

use std::collections::HashMap;
use std::path::Path;

use lookalike_catalog::{Catalog, Split};
use lookalike_curate::{CurateError, GroupBy, NearDuplicateThresholds, SplitSettings, split};
use lookalike_testkit::photos;

fn settings(seed: u64) -> SplitSettings {
    let near_duplicates = NearDuplicateThresholds::SAME_SCENE;
    SplitSettings { val: 0.1, test: 0.2, seed, group_by: None, near_duplicates }
}

/// Ten photos each of four products by four senders; each third photo has a smaller copy in the next
/// product.
fn shop(folder: &Path) -> Catalog {
    for product in 0..4u32 {
        for number in 0..10u32 {
            let picture = photos::pattern(product * 100 + number, 240, 180);
            let sender = (product * 10 + number) % 7;
            let own = folder.join(format!("상품 {product}/{sender}_{number}.jpg"));
            let other =
                folder.join(format!("상품 {}/copy_{product}_{number}.jpg", (product + 1) % 4));
            for file in [&own, &other] {
                std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
            }
            photos::save_jpeg(&own, &picture);
            if number % 3 == 0 {
                photos::save_jpeg(&other, &photos::pattern(product * 100 + number, 200, 150));
            }
        }
    }
    Catalog::open(folder, None).expect("photos")
}

#[test]
fn copies_and_senders_stay_on_one_side_whatever_the_seed_and_the_cores() {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = shop(folder.path());
    let mut found = Vec::new();
    for seed in 0..12 {
        let by_sender = seed % 2 == 1;
        let mut settings = settings(seed);
        if by_sender {
            settings.group_by = Some(GroupBy::new("/([0-9]+)_", &catalog).expect("a pattern"));
        }
        let (parted, report) = split(&catalog, None, &settings, &|| ()).expect("a split");
        assert_eq!(report.train + report.val + report.test, catalog.photos.len() as u64);
        assert_eq!((report.near_duplicates.groups, report.near_duplicates.photos), (16, 32));
        assert_eq!((report.leaking_pairs, report.leaking_pairs_before), (0, None));
        let mut side: HashMap<String, Split> = HashMap::new();
        for photo in &parted.photos {
            let split = photo.split.expect("a split");
            let name = photo.path.rsplit('/').next().expect("a name").trim_end_matches(".jpg");
            let product =
                photo.path.split('/').next().expect("a folder").trim_start_matches("상품 ");
            let picture = match name.strip_prefix("copy_") {
                Some(of) => of.to_owned(),
                None => format!("{product}_{}", name.rsplit('_').next().expect("a number")),
            };
            assert_eq!(*side.entry(picture).or_insert(split), split, "seed {seed}: {}", photo.path);
            if by_sender && !name.starts_with("copy") {
                let sender = format!("sender {}", name.split('_').next().expect("a sender"));
                assert_eq!(*side.entry(sender).or_insert(split), split, "{}", photo.path);
            }
        }
        if !by_sender {
            assert!(report.too_few_photos.is_empty() && report.not_in_train_and_test.is_empty());
            for product in 0..4 {
                for wanted in [Split::Train, Split::Test] {
                    let of = |p: &&lookalike_catalog::Photo| {
                        p.product == product && p.split == Some(wanted)
                    };
                    assert!(
                        parted.photos.iter().any(|p| of(&p)),
                        "product {product} not in {wanted}"
                    );
                }
            }
            found.push(parted);
        }
    }
    assert!(found.iter().skip(1).any(|other| other.photos != found[0].photos), "seeds differ");
    let again = split(&catalog, None, &settings(0), &|| ()).expect("a split").0;
    assert_eq!(again, found[0], "the same seed, the same split");

    // The report counts leaks of the splits that are replaced.
    let mut leaky = catalog.clone();
    leaky.photos.iter_mut().for_each(|photo| {
        let is_copy = photo.path.contains("copy");
        photo.split = Some(if is_copy { Split::Test } else { Split::Train });
    });
    let report = split(&leaky, None, &settings(0), &|| ()).expect("a split").1;
    assert_eq!((report.leaking_pairs_before, report.leaking_pairs), (Some(16), 0));
}

#[test]
fn few_photos_are_enough_and_nonsense_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, seed) in [("a/1.jpg", 1), ("b/1.jpg", 2), ("b/2.jpg", 3), ("b/3.jpg", 4)] {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
        photos::save_jpeg(&file, &photos::pattern(seed, 120, 90));
    }
    std::fs::write(folder.path().join("b/4.jpg"), "no photo").expect("a file");
    let catalog = Catalog::open(folder.path(), None).expect("photos");
    let (parted, report) = split(&catalog, None, &settings(1), &|| ()).expect("a split");
    assert_eq!(parted.photos[0].split, Some(Split::Train), "a lone photo is for training");
    assert_eq!((report.too_few_photos, report.skipped.len()), (vec!["a".to_owned()], 1));
    assert!(
        report.not_in_train_and_test.is_empty() && report.test >= 1,
        "three photos: one is tested"
    );

    let wrong = SplitSettings { val: 0.5, test: 0.5, ..settings(1) };
    assert!(matches!(
        split(&catalog, None, &wrong, &|| ()),
        Err(CurateError::SplitFractions { .. })
    ));
    for by in ["(", "no such thing"] {
        assert!(matches!(GroupBy::new(by, &catalog), Err(CurateError::GroupBy { .. })), "{by}");
    }
    assert!(matches!(GroupBy::new("name", &catalog), Ok(GroupBy::Column(_))));
}
