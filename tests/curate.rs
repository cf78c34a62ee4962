//! Photos chosen, and split.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use lookalike_testkit::photos;
use serde_json::Value;

use crate::helpers::{
    PRODUCTS, Run, Shop, command, finish, fixture, made_up_weights, new_photo_of,
};

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The command on a shop's photos; limits that the made-up photos and network do not keep to are off.
fn curating(shop: &Shop, args: &[&str]) -> Command {
    let mut curate = command(["curate", "--quiet", "--min-object-area", "0", "--min-side", "100"]);
    curate.arg(shop.photos()).arg("--out").arg(shop.folder.path().join("out"));
    curate.arg("--weights").arg(made_up_weights()).args(args);
    curate
}

fn curate(shop: &Shop, args: &[&str]) -> Run {
    finish(curating(shop, args))
}

fn decision<'a>(decisions: &'a [Value], photo: &str) -> &'a Value {
    decisions.iter().find(|line| line["photo"] == photo).expect("a decision about every photo")
}

fn code(decision: &Value) -> &Value {
    &decision["issues"][0]["kind"]
}

/// With a fine texture, as sharp photos of real things have.
fn crisp(mut picture: image::RgbImage) -> image::RgbImage {
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let lighter = (x / 2 + y / 2) % 2 == 0;
        pixel.0 = pixel.0.map(|v| if lighter { v.saturating_add(8) } else { v.saturating_sub(8) });
    }
    picture
}

/// A shop with one photo of each product that is its own, copies, and photos to be dropped.
fn mixed() -> Shop {
    let shop = Shop::empty();
    for (seed, product) in PRODUCTS.iter().enumerate() {
        for number in 0..3u32 {
            let picture = crisp(photos::pattern(seed as u32 * 10 + number, 320, 240));
            shop.add(&format!("{product}/{number}.jpg"), &photos::jpeg(&picture, 90));
        }
    }
    let chair = PRODUCTS[0];
    let truncated = std::fs::read(fixture("bad/truncated.jpg")).expect("a file");
    shop.add(&format!("{chair}/잘린 사진.jpg"), &truncated);
    let blurred = image::imageops::fast_blur(&photos::pattern(7, 320, 240), 12.0);
    shop.add(&format!("{chair}/blurred.jpg"), &photos::jpeg(&blurred, 90));
    shop.add(&format!("{chair}/black.jpg"), &photos::jpeg(&image::RgbImage::new(320, 240), 90));
    let again = photos::jpeg(&crisp(photos::pattern(1, 280, 210)), 70);
    shop.add(&format!("{chair}/again.jpg"), &again);
    shop.add(
        &format!("{}/<b>&amp;.jpg", PRODUCTS[4]),
        &photos::jpeg(&photos::pattern(99, 60, 60), 90),
    );
    shop
}

#[test]
fn every_photo_is_decided_about_and_what_is_kept_is_indexed() {
    let shop = mixed();
    let text = curate(&shop, &[]).ok();
    assert!(text.contains("kept 18 of 23 photos"), "{text}");
    let out = shop.folder.path().join("out");
    let decisions = lines(&out.join("decisions.jsonl"));
    assert_eq!(decisions.len(), 23);
    for (photo, wanted) in [
        ("가구/의자/참나무 의자/잘린 사진.jpg", "unreadable"),
        ("가구/의자/참나무 의자/blurred.jpg", "blurry"),
        ("가구/의자/참나무 의자/again.jpg", "duplicate"),
        ("rug 1/<b>&amp;.jpg", "low_resolution"),
    ] {
        let decision = decision(&decisions, photo);
        assert_eq!((code(decision), &decision["decision"]), (&wanted.into(), &"drop".into()));
    }
    let black = decision(&decisions, "가구/의자/참나무 의자/black.jpg");
    let codes: Vec<&Value> =
        black["issues"].as_array().expect("reasons").iter().map(|r| &r["kind"]).collect();
    assert!(codes.contains(&&"dark".into()), "{codes:?}");
    assert_eq!(black["issues"][0]["threshold"].as_f64(), Some(30.0));

    let page = std::fs::read_to_string(out.join("sheet.html")).expect("a page");
    assert!(page.contains("참나무 의자") && page.contains("data:image/jpeg;base64,"));
    assert!(page.contains("&lt;b&gt;&amp;amp;.jpg") && !page.contains("<b>&amp;"), "escaped");
    assert!(!page.contains("http://") && !page.contains("https://"), "needs no network");

    // The manifest is taken as it is by what comes next.
    let catalog = out.join("catalog.jsonl");
    shop.build_from(&catalog).ok();
    let info = shop.run(["index", "info", "--json"]).json();
    assert_eq!((&info["photos"], &info["products"]), (&18.into(), &6.into()));
    // One photo is the very same; the vote of eighteen different ones may go elsewhere.
    let query = photos::jpeg(&crisp(photos::pattern(20, 320, 240)), 90);
    let answer = shop.search_plain(&shop.beside("q.jpg", query));
    let matches = answer["matches"].as_array().expect("matches");
    let same = matches.iter().find(|found| found["similarity"].as_f64() > Some(0.999));
    assert_eq!(same.expect("the same photo")["product"]["id"], PRODUCTS[2]);

    let json = curate(&shop, &["--json"]).json();
    assert_eq!((&json["kept"], &json["dropped"]), (&18.into(), &5.into()));
    assert_eq!(json["dropped_by_issue"]["unreadable"], 1);
}

#[test]
fn a_person_wins_and_is_remembered() {
    let shop = mixed();
    let blurred = "가구/의자/참나무 의자/blurred.jpg";
    let dropped = "rug 2/0.jpg";
    let file = shop.beside(
        "내 결정.csv",
        format!("photo,decision\n{blurred},keep\n{dropped},drop\ngone.jpg,drop\n"),
    );
    let json = curate(&shop, &["--json", "--overrides", file.to_str().expect("UTF-8")]).json();
    assert_eq!((&json["kept"], &json["decided_by_person"]), (&18.into(), &2.into()));
    assert_eq!(json["overrides_of_unknown_photos"], 1);
    // Again, without naming the file.
    for args in [&[][..], &["--min-sharpness", "1000000"]] {
        curate(&shop, args);
        let decisions = lines(&shop.folder.path().join("out/decisions.jsonl"));
        let kept = decision(&decisions, blurred);
        assert_eq!((&kept["decision"], &kept["decided_by"]), (&"keep".into(), &"person".into()));
        assert_eq!(code(kept), "blurry", "what the limits would have said");
        assert_eq!(decision(&decisions, dropped)["decision"], "drop");
    }
    let file = shop.beside("bad.jsonl", "{\"photo\":\"a.jpg\",\"decision\":\"perhaps\"}\n");
    let error = curate(&shop, &["--overrides", file.to_str().expect("UTF-8")]).error(3);
    assert!(error.contains("bad.jsonl, line 1"), "{error}");
}

#[test]
fn nothing_to_choose_from_is_one_line() {
    let shop = Shop::empty();
    std::fs::create_dir_all(shop.photos()).expect("a folder");
    assert!(curate(&shop, &[]).error(3).contains("no photos"));
    shop.add("cup/1.jpg", b"no photo");
    assert!(curate(&shop, &[]).error(3).contains("unreadable"));
    assert!(shop.folder.path().join("out/sheet.html").is_file(), "says why all the same");
    shop.add("cup/2.jpg", &new_photo_of(1));
    let mut by_pixels =
        command(["curate", "--quiet", "--pixels-only", "--min-sharpness", "3.5", "--json"]);
    by_pixels.arg(shop.photos()).arg("--out").arg(shop.folder.path().join("out"));
    assert_eq!(finish(by_pixels).json()["kept"], 1);
}

fn splitting(shop: &Shop, args: &[&str]) -> Command {
    let mut split = command(["split", "--quiet"]);
    split.arg(shop.photos()).arg("--out").arg(shop.folder.path().join("나눔.jsonl"));
    split.arg("--weights").arg(made_up_weights()).args(args);
    split
}

#[test]
fn a_split_has_every_product_on_both_sides_and_is_the_same_again() {
    let shop = mixed();
    let text = finish(splitting(&shop, &[])).ok();
    assert!(text.contains("kept together 1 group of near-duplicates: 2 photos"), "{text}");
    assert!(text.contains("skipped 1 photo") && text.contains("잘린 사진.jpg"), "{text}");
    assert!(text.contains("pairs of near-duplicates on two sides now: 0"), "{text}");
    let file = shop.folder.path().join("나눔.jsonl");
    let first = std::fs::read_to_string(&file).expect("a manifest");
    let products = lines(&file);
    assert_eq!(products.len(), 6);
    for product in &products {
        for column in ["photos_train", "photos_test"] {
            assert!(product[column].as_array().is_some_and(|p| !p.is_empty()), "{product}");
        }
    }
    let mut on_one_core = splitting(&shop, &[]);
    on_one_core.env("RAYON_NUM_THREADS", "1");
    finish(on_one_core).ok();
    assert_eq!(std::fs::read_to_string(&file).expect("a manifest"), first);
    finish(splitting(&shop, &["--seed", "2"])).ok();
    assert_ne!(std::fs::read_to_string(&file).expect("a manifest"), first);

    // What comes next takes it as it is.
    shop.build_from(&file).ok();
    let file = file.to_str().expect("UTF-8").to_owned();
    let found = shop.run(["eval", &file, "--quiet", "--json"]).json();
    assert!(found["queries"].as_u64() >= Some(6), "{found}");
}

#[test]
fn photos_with_something_in_common_stay_together() {
    let shop = mixed();
    let json = finish(splitting(&shop, &["--json", "--group-by", "/([0-9])[.]jpg$"])).json();
    assert_eq!(json["report"]["grouped"]["groups"], 3);
    let products = lines(&shop.folder.path().join("나눔.jsonl"));
    let numbers = |column: &str| -> BTreeSet<char> {
        let photos = products.iter().filter_map(|product| product[column].as_array()).flatten();
        let stems = photos.filter_map(|photo| photo.as_str()?.strip_suffix(".jpg"));
        stems.filter_map(|stem| stem.chars().last()).filter(char::is_ascii_digit).collect()
    };
    let (train, test) = (numbers("photos_train"), numbers("photos_test"));
    assert!(
        !train.is_empty() && !test.is_empty() && train.is_disjoint(&test),
        "{train:?} {test:?}"
    );
    let error = finish(splitting(&shop, &["--group-by", "sender"])).error(2);
    assert!(error.contains("'sender' is no column"), "{error}");
    assert!(finish(splitting(&shop, &["--val", "0.9"])).error(2).contains("below 1"));
    let mut split = command(["split", "--pixels-only", "--out", "split.txt"]);
    split.arg(shop.photos());
    assert!(finish(split).error(2).contains(".jsonl"));
    let empty = Shop::empty();
    std::fs::create_dir_all(empty.photos()).expect("a folder");
    finish(splitting(&empty, &[])).error(3);
}
