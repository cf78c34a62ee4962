//! Verdicts that can be trusted in a shop without a validation split: copies of indexed photos, one photo a product, no match,
//! confidence that is fitted again and on real queries.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use lookalike::demo::Settings;
use lookalike::photo::PerceptualHash;
use lookalike::{Catalog, Silent, demo};
use lookalike_testkit::photos;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::helpers::{Run, Shop, command, finish};

/// Products of the drawn shop, photos of each that are drawn, and that are wanted without copies.
const PRODUCTS: usize = 54;
const DRAWN: usize = 10;
const PHOTOS: usize = 6;

/// The photos of each product of a drawn shop, without splits.
fn drawn() -> &'static BTreeMap<String, Vec<PathBuf>> {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    static PRODUCTS_DRAWN: OnceLock<BTreeMap<String, Vec<PathBuf>>> = OnceLock::new();
    PRODUCTS_DRAWN.get_or_init(|| {
        let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder"));
        let photos = (PRODUCTS * DRAWN) as u32;
        let settings = Settings { photos, side: 144, ..Settings::default() };
        let written = demo::write(&folder.path().join("shop"), &settings, &Silent).expect("a shop");
        let catalog = Catalog::open(&written.manifest, None).expect("its manifest");
        let mut products: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let mut hashes: Vec<PerceptualHash> = Vec::new();
        for photo in &catalog.photos {
            let file = catalog.file(photo);
            let hash = PerceptualHash::of(&image::open(&file).expect("a picture").into_rgb8());
            // The shop has copies, as real ones have.
            if hashes.iter().any(|other| other.hamming_distance(hash) <= 6) {
                continue;
            }
            hashes.push(hash);
            let id = &catalog.products[photo.product as usize].id;
            products.entry(id.clone()).or_default().push(file);
        }
        products.retain(|_, files| files.len() >= PHOTOS);
        assert!(products.len() >= PRODUCTS - 4, "{} products", products.len());
        products
    })
}

/// A manifest of some products, each with the photos from one position up to another.
fn manifest(
    shop: &Shop,
    name: &str,
    products: std::ops::Range<usize>,
    photos: std::ops::Range<usize>,
) -> PathBuf {
    let rows = drawn().iter().skip(products.start).take(products.len()).map(|(id, files)| {
        let files: Vec<_> =
            files[photos.clone()].iter().map(|file| file.to_string_lossy()).collect();
        json!({"id": id, "name": id, "photos": files}).to_string() + "\n"
    });
    shop.beside(name, rows.collect::<String>())
}

fn built(products: std::ops::Range<usize>, photos: std::ops::Range<usize>) -> Shop {
    let shop = Shop::empty();
    let manifest = manifest(&shop, "shop.jsonl", products, photos);
    let mut build = command(["index", "build", "--quiet", "--weights", "bundled", "--out"]);
    build.arg(shop.index()).arg(manifest);
    finish(build).ok();
    shop
}

fn change(shop: &Shop, what: &str, manifest: &PathBuf) -> Run {
    let mut command = command(["index", what, "--quiet", "--json", "--index"]);
    command.arg(shop.index()).arg(manifest);
    finish(command)
}

fn fitted_on(shop: &Shop) -> Value {
    shop.run(["index", "info", "--json"]).json()["ranking"]["fitted_on"].clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"))
}

#[test]
fn a_copy_of_an_indexed_photo_is_said_to_be_one_and_is_always_a_match() {
    let shop = built(0..12, 0..5);
    for (id, files) in drawn().iter().take(12) {
        let file = &files[1];
        let picture = image::open(file).expect("a picture").into_rgb8();
        let (width, height) = picture.dimensions();
        let filter = image::imageops::FilterType::Triangle;
        let half = image::imageops::resize(&picture, width / 2, height / 2, filter);
        let half = shop.beside("half.jpg", photos::jpeg(&half, 60));
        let encoded = shop.beside("encoded.jpg", photos::jpeg(&picture, 70));
        for (what, photo) in
            [("the file", file), ("half the size", &half), ("compressed", &encoded)]
        {
            let answer = shop.search(photo);
            assert_eq!(answer["verdict"]["is_match"], true, "{what} of {id}: {answer}");
            let copy = answer["copy_of"].as_str().unwrap_or_else(|| panic!("{what} of {id}"));
            assert!(file.ends_with(copy) || file.to_string_lossy() == copy, "{copy}");
        }
        let answer = shop.search(file);
        assert_eq!(answer["matches"][0]["product"]["id"], *id);
        assert!(number(&answer["verdict"]["confidence"]) >= 0.99, "{answer}");
        assert_eq!(answer["matches"][0]["similarity"], 1.0, "of the very file: {answer}");
        assert_eq!(answer["matches"][0]["evidence"][0]["photo"], answer["copy_of"]);
    }
    let text =
        shop.run(["search".as_ref(), drawn().values().next().expect("one")[0].as_os_str()]).ok();
    assert!(text.starts_with("this photo is in the index: "), "{text}");
    let other = shop.search(&drawn().values().next().expect("one")[5]);
    assert!(other["copy_of"].is_null(), "another photo of the product is no copy: {other}");
}

#[test]
fn one_photo_a_product_is_enough_to_say_how_sure_an_answer_is() {
    let shop = built(0..PRODUCTS, 0..1);
    let others = manifest(&shop, "others.jsonl", 0..PRODUCTS, 1..4);
    let mut eval = command(["eval", "--quiet", "--json", "--index"]);
    eval.arg(shop.index()).arg(others);
    let found = finish(eval).json();
    let all = &found["verdicts"]["all"];
    assert_eq!(found["verdicts"]["by_photos"][0]["photos_to"], 1);
    assert!(number(&all["ece"]) <= 0.2, "{all}");
    assert!(number(&all["false_no_match"]) <= 0.2, "{all}");
    let right = shop.search(&drawn().values().next().expect("one")[1]);
    assert!(number(&right["verdict"]["confidence"]) > 0.02, "{right}");
}

#[test]
fn no_match_is_said_of_other_things_and_never_with_a_high_confidence() {
    let shop = built(0..20, 0..5);
    let mut rejected = 0;
    for seed in 0..12 {
        let photo = shop.beside("other.jpg", photos::jpeg(&photos::pattern(seed, 300, 240), 90));
        let verdict = shop.search(&photo)["verdict"].clone();
        let (confidence, sold) = (number(&verdict["confidence"]), number(&verdict["sold"]));
        if verdict["is_match"] == false {
            rejected += 1;
            assert!(confidence <= sold && sold < 0.5, "{verdict}");
        }
    }
    assert!(rejected >= 10, "{rejected} of 12 patterns are no match");
    let accepted = drawn()
        .iter()
        .take(20)
        .filter(|(_, files)| shop.search(&files[5])["verdict"]["is_match"] == true);
    let accepted = accepted.count();
    assert!(accepted >= 18, "{accepted} of 20 photos of products are matches");
}

#[test]
fn confidence_says_what_it_rests_on_and_is_fitted_again_when_much_has_changed() {
    let shop = built(0..20, 0..4);
    let before = fitted_on(&shop);
    assert_eq!((&before["indexed"], &before["changes"]), (&json!(80), &json!(0)));
    let few = manifest(&shop, "few.jsonl", 20..22, 0..4);
    assert_eq!(change(&shop, "add", &few).json()["report"]["calibrated"], false);
    assert_eq!(fitted_on(&shop)["changes"], 8);
    let text = shop.run(["index", "info"]).ok();
    assert!(
        text.contains("confidence  rests on") && text.contains("8 photos changed since"),
        "{text}"
    );

    let many = manifest(&shop, "many.jsonl", 22..40, 0..4);
    assert_eq!(change(&shop, "add", &many).json()["report"]["calibrated"], true);
    let after = fitted_on(&shop);
    assert_eq!((&after["indexed"], &after["changes"]), (&json!(160), &json!(0)));
    // A removal has no embeddings to fit on: it only says so.
    let mut remove = command(["index", "remove", "--quiet", "--index"]);
    remove.arg(shop.index());
    for id in drawn().keys().take(12) {
        remove.arg("--product").arg(id);
    }
    finish(remove).ok();
    let text = shop.run(["index", "info"]).ok();
    assert!(text.contains("stale: 48 photos changed since"), "{text}");
}

#[test]
fn an_index_is_calibrated_on_real_queries_without_a_rebuild() {
    let shop = built(0..30, 0..3);
    let queries = manifest(&shop, "queries.jsonl", 0..30, 3..6);
    for seed in 0..25 {
        let picture = photos::pattern(seed, 300, 240);
        shop.beside(&format!("unsold/other/{seed}.jpg"), photos::jpeg(&picture, 90));
    }
    let plot = shop.folder.path().join("plot.svg");
    let calibrate = |dry: bool| {
        let mut calibrate = command(["index", "calibrate", "--quiet", "--index"]);
        calibrate.arg(shop.index()).arg(&queries);
        calibrate.arg("--unsold").arg(shop.folder.path().join("unsold")).arg("--plot").arg(&plot);
        if dry {
            calibrate.arg("--dry-run");
        } else {
            calibrate.arg("--json");
        }
        finish(calibrate)
    };
    let text = calibrate(true).ok();
    assert!(
        text.contains("expected calibration error") && text.contains("changed nothing"),
        "{text}"
    );
    assert_eq!(fitted_on(&shop)["queries"], 0);
    let report = calibrate(false).json()["report"].clone();
    assert_eq!((&report["queries"], &report["unsold"]), (&json!(90), &json!(25)));
    assert!(number(&report["after"]["calibration"]["ece"]) <= 0.2, "{report}");
    assert!(number(&report["after"]["taken_for_sold"]) <= 0.2, "{report}");
    assert!(std::fs::read_to_string(&plot).expect("the plot").starts_with("<svg"));
    assert_eq!(fitted_on(&shop)["queries"], 90);
    let text = shop.run(["index", "info"]).ok();
    assert!(text.contains("and on 90 photos that were searched for"), "{text}");
    // Twice is no more than once: the same photos count once.
    assert_eq!(calibrate(false).json()["report"]["queries"], 90);
    assert_eq!(fitted_on(&shop)["queries"], 90);
    // Nor does a refit after a large update forget them.
    let many = manifest(&shop, "many.jsonl", 30..45, 0..3);
    assert_eq!(change(&shop, "add", &many).json()["report"]["calibrated"], true);
    assert_eq!(fitted_on(&shop)["queries"], 90);
}

#[test]
fn too_few_photos_cannot_be_calibrated() {
    let shop = built(0..3, 0..2);
    let queries = manifest(&shop, "queries.jsonl", 0..3, 3..6);
    let mut calibrate = command(["index", "calibrate", "--quiet", "--index"]);
    calibrate.arg(shop.index()).arg(&queries);
    let line = finish(calibrate).error(4);
    assert!(line.contains("too few photos"), "{line}");
    assert!(shop.search(&drawn().values().next().expect("one")[5])["verdict"].is_null());
}
