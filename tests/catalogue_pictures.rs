//! Catalogue pictures as photos of their products: along with customers' photos, and in their place.

use std::path::PathBuf;
use std::sync::OnceLock;

use lookalike::demo::Settings;
use lookalike::{Silent, demo};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::helpers::{Run, Shop, command, finish};

/// Products of the drawn shop.
const PRODUCTS: u64 = 54;

/// A drawn shop's manifest, with catalogue pictures and splits.
fn drawn() -> &'static PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    static MANIFEST: OnceLock<PathBuf> = OnceLock::new();
    MANIFEST.get_or_init(|| {
        let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder"));
        let settings = Settings { photos: 4 * PRODUCTS as u32, side: 144, ..Settings::default() };
        demo::write(&folder.path().join("shop"), &settings, &Silent).expect("a shop").manifest
    })
}

fn build(shop: &Shop, manifest: &PathBuf, flags: &[&str]) -> Run {
    let mut build = command(["index", "build", "--quiet", "--json", "--weights", "bundled"]);
    build.args(flags).arg(manifest).arg("--out").arg(shop.index());
    finish(build)
}

fn info(shop: &Shop) -> Value {
    shop.run(["index", "info", "--json"]).json()
}

#[test]
fn catalogue_pictures_are_indexed_where_they_are_asked_for() {
    let shop = Shop::empty();
    build(&shop, drawn(), &[]).json();
    let plain = info(&shop);
    assert_eq!(plain["catalogue_pictures"], 0);
    build(&shop, drawn(), &["--with-catalogue-pictures"]).json();
    let along = info(&shop);
    assert_eq!(along["catalogue_pictures"], PRODUCTS);
    assert_eq!(along["photos"].as_u64(), plain["photos"].as_u64().map(|photos| photos + PRODUCTS));
    let text = shop.run(["index", "info"]).ok();
    assert!(text.contains(", 54 of them catalogue pictures"), "{text}");

    // A change keeps what the index has.
    let mut update = command(["index", "update", "--quiet", "--json", "--index"]);
    update.arg(shop.index()).arg(drawn());
    let report = finish(update).json()["report"].clone();
    assert_eq!((&report["added"], &report["removed"]), (&json!(0), &json!(0)), "{report}");
    shop.run(["index", "compact", "--quiet"]).ok();
    assert_eq!(info(&shop)["catalogue_pictures"], PRODUCTS);

    // They are found as what they are, and a report keeps the products apart by what they have.
    let picture = drawn().with_file_name("catalogue/oak-chair.jpg");
    let answer = shop.search(&picture);
    let evidence = &answer["matches"][0]["evidence"][0];
    assert_eq!(evidence["source"], "catalogue", "{answer}");
    assert!(answer["copy_of"].is_string(), "{answer}");
    let mut eval = command(["eval", "--quiet", "--json", "--index"]);
    eval.arg(shop.index()).arg(drawn());
    let found = finish(eval).json();
    assert_eq!(found["verdicts"]["by_source"][0]["sources"], "both", "{}", found["verdicts"]);
}

#[test]
fn catalogue_pictures_alone_find_customers_photos() {
    let shop = Shop::empty();
    build(&shop, drawn(), &["--only-catalogue-pictures"]).json();
    let only = info(&shop);
    assert_eq!((&only["photos"], &only["catalogue_pictures"]), (&json!(54), &json!(54)));
    let mut eval = command(["eval", "--quiet", "--json", "--split", "train", "--index"]);
    eval.arg(shop.index()).arg(drawn());
    let found = finish(eval).json();
    let group = &found["verdicts"]["by_source"][0];
    assert_eq!(group["sources"], "picture", "{group}");
    assert!(found["top3"].as_f64().is_some_and(|top3| top3 > 0.6), "{}", found["top3"]);

    // What the index has goes for an update, too: none of the customers' photos is added.
    let mut update = command(["index", "update", "--quiet", "--json", "--index"]);
    update.arg(shop.index()).arg(drawn());
    assert_eq!(finish(update).json()["report"]["added"], 0);
}

#[test]
fn a_manifest_of_nothing_but_pictures_is_enough() {
    let shop = Shop::empty();
    let picture = |name: &str| drawn().with_file_name(format!("catalogue/{name}.jpg"));
    let row = |id: &str, image: &str| json!({"id": id, "name": id, "image": image}).to_string();
    let rows = [
        row("의자", &picture("oak-chair").to_string_lossy()),
        row("walnut-chair", &picture("walnut-chair").to_string_lossy()),
        row("elsewhere", "http://127.0.0.1:9/elsewhere.jpg"),
    ];
    let manifest = shop.beside("pictures.jsonl", rows.join("\n"));
    let refused = build(&shop, &manifest, &[]).error(3);
    assert!(refused.contains("line 1"), "{refused}");
    let built = build(&shop, &manifest, &["--only-catalogue-pictures"]).json();
    let skipped = built["build_report"]["skipped"][0].to_string();
    assert!(skipped.contains("127.0.0.1:9"), "{skipped}");
    let answer = shop.search(&picture("oak-chair"));
    assert_eq!(answer["matches"][0]["product"]["id"], "의자", "{answer}");
}

#[test]
fn pictures_that_are_asked_for_and_not_there_are_an_error() {
    let shop = Shop::new();
    let flags = ["--with-catalogue-pictures", "--only-catalogue-pictures"];
    for flag in flags {
        let refused = build(&shop, &shop.photos(), &[flag]).error(3);
        assert!(refused.contains("no product of") && refused.contains("`image`"), "{refused}");
    }
    let both = build(&shop, drawn(), &flags).error(2);
    assert!(both.contains("cannot be used with"), "{both}");
}
