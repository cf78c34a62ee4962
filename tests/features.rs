//! Building, searching, and what people and programs get to see of it.

use std::process::Stdio;

use image::imageops::FilterType;
use lookalike_testkit::photos;

use crate::helpers::{PRODUCTS, Shop, command, fixtures, made_up_weights, new_photo_of, run};

#[test]
fn a_new_photo_finds_its_product() {
    let shop = Shop::indexed();
    for (number, product) in PRODUCTS.iter().enumerate() {
        let photo = shop.beside("질의 사진.jpg", new_photo_of(number));
        let answer = shop.search(&photo);
        let matches = answer["matches"].as_array().expect("a list");
        assert_eq!(matches.len(), 5);
        assert_eq!(matches[0]["product"]["id"], *product);
        assert_eq!(matches[0]["rank"], 1);
        let shares: f64 = matches.iter().map(|m| m["score"].as_f64().expect("a number")).sum();
        assert!((0.5..=1.0001).contains(&shares), "shares add up to {shares}");
        for photo in matches[0]["evidence"].as_array().expect("a list") {
            let path = photo["photo"].as_str().expect("a path");
            assert!(path.starts_with(product), "{path} is evidence for {product}");
            assert!(shop.photos().join(path).is_file());
        }
    }
}

#[test]
fn each_product_comes_once_and_as_many_as_asked_for() {
    let shop = Shop::indexed();
    let photo = shop.beside("query.jpg", new_photo_of(4));
    for (top, wanted) in [("1", 1), ("6", 6), ("1000", 6)] {
        let photo = photo.to_str().expect("UTF-8");
        let answer = shop.run(["search", photo, "--json", "--top", top]).json();
        let matches = answer["matches"].as_array().expect("a list");
        let mut ids: Vec<_> = matches.iter().map(|m| m["product"]["id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((matches.len(), ids.len()), (wanted, wanted), "--top {top}");
    }
}

/// A phone stores what its sensor saw and notes in EXIF how it was held.
#[test]
fn a_photo_is_the_same_however_the_phone_was_held() {
    let shop = Shop::new();
    // One colour to each 16x16 block of JPEG's, which then stores it as it is: a made-up network is
    // far more sensitive to the noise of compression than a trained one. `real` has a real photo.
    let small = photos::pattern(7, 20, 15);
    let upright = image::imageops::resize(&small, 320, 240, FilterType::Nearest);
    shop.add("armchair/1.jpg", &photos::jpeg(&upright, 100));
    shop.build().ok();
    let similarity = |photo: Vec<u8>| {
        let answer = shop.search_plain(&shop.beside("held.jpg", photo));
        let matches = answer["matches"].as_array().expect("a list");
        let armchair = matches.iter().find(|m| m["product"]["id"] == "armchair");
        armchair.map_or(-1.0, |m| m["similarity"].as_f64().expect("a number"))
    };
    for orientation in 1..=8 {
        let found = similarity(photos::jpeg_with_orientation(&upright, orientation, 100));
        assert!(found >= 0.99, "cosine {found} at EXIF orientation {orientation}");
    }
    // The check above means something: sideways and unmarked, the photo is another one.
    let found = similarity(photos::jpeg(&image::imageops::rotate90(&upright), 100));
    assert!(found < 0.9, "cosine {found} of a photo that lies on its side");
}

#[test]
fn text_shows_names_scores_and_evidence() {
    let shop = Shop::indexed();
    let photo = shop.beside("query.jpg", new_photo_of(0));
    let text = shop.run(["search".as_ref(), photo.as_os_str()]).ok();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("this photo is in the index: 가구/의자/참나무 의자/"), "{text}");
    assert_eq!(lines[1], "99 % sure of the first", "{text}");
    assert!(lines[2].starts_with("1. 참나무 의자  "), "{text}");
    assert!(text.contains(" %\n") && text.contains("가구 / 의자"), "{text}");
    assert!(text.contains("가구/의자/참나무 의자/0.jpg"), "{text}");
}

#[test]
fn the_page_holds_everything_and_trusts_nothing() {
    let shop = Shop::new();
    let manifest = shop.beside(
        "shop.jsonl",
        concat!(
            r#"{"id":"1","name":"<script>alert(1)</script>","photos":"photos/rug 1/*.jpg","#,
            r#""price":12900,"currency":"KRW","url":"javascript:alert(2)","image":"photos/rug 1/0.jpg"}"#,
            "\n",
            r#"{"id":"2","name":"러그","photos":["photos/rug 2/0.jpg"],"rating":4.5,"review_count":711,"#,
            r#""url":"https://shop.example/rug?a=1&b=2"}"#,
        ),
    );
    shop.build_from(&manifest).ok();
    let photo = shop.beside("a&b.jpg", new_photo_of(4));
    let page = shop.folder.path().join("answer.html");
    let html = ["search".as_ref(), photo.as_os_str(), "--html".as_ref(), page.as_os_str()];
    shop.run(html).ok();
    std::fs::remove_file(shop.photos().join("rug 1/2.jpg")).expect("a photo goes missing");
    shop.run(html).ok();

    let page = std::fs::read_to_string(page).expect("the page");
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"));
    assert!(!page.contains("javascript:"), "an address that would run when clicked");
    assert!(page.contains("https:&#x2f;&#x2f;shop.example&#x2f;rug?a=1&amp;b=2"));
    assert!(page.contains("12,900 KRW") && page.contains("★ 4.5 (711 reviews)"));
    assert!(page.contains("a&amp;b.jpg") && page.contains("러그"));
    assert!(page.contains("photo not found"));
    assert!(page.contains("this photo is in the index: photos"), "the query is a copy");
    // The query, one catalogue picture, and the evidence photos that are still there.
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,").count(), 1 + 1 + 2 + 1);
    assert!(!page.contains("src=\"http"), "self-contained");
}

/// `--html` in the wrong place names the photo.
#[test]
fn a_page_replaces_pages_only() {
    let shop = Shop::indexed();
    let photo = shop.beside("query.jpg", new_photo_of(0));
    let args = ["search".as_ref(), photo.as_os_str(), "--html".as_ref(), photo.as_os_str()];
    assert!(shop.run(args).error(1).contains("is no page"));
    assert_eq!(std::fs::read(&photo).expect("the photo"), new_photo_of(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_catalogue_picture_that_never_ends_is_left_out() {
    let shop = Shop::new();
    let row = serde_json::json!({
        "id": "1", "name": "Rug", "photos": "photos/rug 1/*.jpg", "image": "/dev/zero"
    });
    shop.build_from(&shop.beside("shop.jsonl", row.to_string())).ok();
    let photo = shop.beside("query.jpg", new_photo_of(4));
    let page = shop.folder.path().join("answer.html");
    shop.run(["search".as_ref(), photo.as_os_str(), "--html".as_ref(), page.as_os_str()]).ok();
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("Rug") && !page.contains("/dev/zero"), "{page}");
}

#[test]
fn bad_photos_are_skipped_counted_and_listed() {
    let shop = Shop::new();
    let bad = fixtures("bad");
    for file in &bad {
        let name = file.file_name().expect("a name").to_str().expect("UTF-8");
        shop.add(&format!("rug 1/{name}"), &std::fs::read(file).expect("a fixture"));
    }
    shop.add("loose.jpg", &new_photo_of(0));
    let skipped = bad.len() + 1;
    let text = shop.build().ok();
    assert!(text.contains(&format!("indexed 18 of {} photos", 18 + skipped)), "{text}");
    assert!(text.contains(&format!("skipped {skipped} photos")), "{text}");
    for (name, reason) in [
        ("loose.jpg", "move it into one"),
        ("rug 1/bomb.png", "20000x20000 pixels"),
        ("rug 1/damaged.png", "damaged PNG"),
        ("rug 1/empty.jpg", "0 bytes"),
        ("rug 1/modern.avif", "AVIF"),
        ("rug 1/phone.heic", if cfg!(feature = "heic") { "HEIC" } else { "heif-convert" }),
        ("rug 1/text.jpg", "not a photo"),
        ("rug 1/truncated.jpg", "cut short"),
    ] {
        let line = text.lines().find(|line| line.trim_start().starts_with(name));
        assert!(line.is_some_and(|line| line.contains(reason)), "{name}: {line:?}");
    }
    let info = shop.run(["index", "info", "--json"]).json();
    assert_eq!(info["build_report"]["skipped"].as_array().map(Vec::len), Some(skipped));
}

#[test]
fn a_bad_query_is_one_line_that_says_what_to_do() {
    let shop = Shop::indexed();
    for file in fixtures("bad") {
        let error = shop.run(["search".as_ref(), file.as_os_str()]).error(3);
        let name = file.file_name().expect("a name").to_str().expect("UTF-8");
        assert!(error.contains(name), "{error}");
    }
    let error = shop.run(["search", "no such photo.jpg"]).error(3);
    assert!(error.contains("no such photo.jpg") && error.contains("cannot be read"), "{error}");
    let folder = shop.photos();
    let error = shop.run(["search".as_ref(), folder.as_os_str()]).error(3);
    assert!(error.contains("not a file"), "{error}");
}

#[test]
fn copies_within_a_product_are_left_out() {
    let shop = Shop::new();
    let photo = std::fs::read(shop.photos().join("rug 1/0.jpg")).expect("a photo");
    shop.add("rug 1/copy.jpg", &photo);
    shop.add("rug 2/copy.jpg", &photo); // a set of both: evidence for either
    let text = shop.build().ok();
    assert!(text.contains("indexed 19 of 20 photos"), "{text}");
    assert!(text.contains("left out 1 photo: exact duplicates"), "{text}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = command(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn help_tells_the_exit_codes_and_shells_can_complete() {
    assert!(run(["--help"]).ok().contains("Exit codes:"));
    assert!(run(["completions", "bash"]).ok().contains("complete -F"));
    assert_eq!(run(["search"]).code, 2);
    assert_eq!(run(["search", "photo.jpg", "--top", "0"]).code, 2);
}

#[test]
fn weights_are_found_by_folder_and_then_where_the_index_says() {
    let shop = Shop::new();
    let folder = made_up_weights().parent().expect("a folder");
    let photos = shop.photos();
    let mut build = command(["index", "build", "--quiet", "--out"]);
    build.arg(shop.index()).arg(&photos).env("LOOKALIKE_WEIGHTS", folder);
    crate::helpers::finish(build).ok();
    let photo = shop.beside("query.jpg", new_photo_of(1));
    assert_eq!(shop.search(&photo)["matches"][0]["product"]["id"], PRODUCTS[1]);
}
