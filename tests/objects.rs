//! Several objects in one photo, with the weights that are part of the program.

use std::path::PathBuf;

use image::RgbImage;
use image::imageops::replace;
use lookalike_testkit::photos;
use serde_json::{Value, json};

use crate::helpers::{PRODUCTS, Run, Shop, command, finish};
use crate::running_server::{Reply, Server};

/// A shop whose index was made with the bundled weights.
fn shop() -> Shop {
    let shop = Shop::new();
    shop.build_with(&shop.photos(), "bundled".as_ref()).ok();
    shop
}

/// Two products' pictures on a plain ground, and where they are.
pub(crate) fn two_objects(shop: &Shop) -> (PathBuf, [(usize, [f32; 4]); 2]) {
    let mut picture = RgbImage::from_pixel(1000, 600, [190, 185, 180].into());
    let places = [(0, [80, 120]), (3, [600, 260])];
    for (product, [x, y]) in places {
        let object = photos::pattern(product as u32, 320, 240);
        replace(&mut picture, &object, x, y);
    }
    let file = shop.beside("방.jpg", photos::jpeg(&picture, 92));
    let share = |(product, [x, y]): (usize, [i64; 2])| {
        let (x, y) = (x as f32, y as f32);
        (product, [x / 1000.0, y / 600.0, 320.0 / 1000.0, 240.0 / 600.0])
    };
    (file, places.map(share))
}

fn post(server: &Server, address: &str, photo: &[u8]) -> Reply {
    server.ask(&format!("POST /v1/{address}"), photo)
}

/// Intersection over union of a box of an answer and a known one.
fn agreement(found: &Value, known: [f32; 4]) -> f32 {
    let number = |name: &str| found[name].as_f64().expect("a number") as f32;
    let (x, y, width, height) = (number("x"), number("y"), number("width"), number("height"));
    assert!(x >= 0.0 && y >= 0.0 && x + width <= 1.001 && y + height <= 1.001, "{found}");
    let across = (x + width).min(known[0] + known[2]) - x.max(known[0]);
    let down = (y + height).min(known[1] + known[3]) - y.max(known[1]);
    let shared = across.max(0.0) * down.max(0.0);
    shared / (width * height + known[2] * known[3] - shared)
}

fn is_right(items: &Value, known: &[(usize, [f32; 4])]) {
    let items = items.as_array().expect("objects");
    for &(product, place) in known {
        let item = items.iter().find(|item| agreement(&item["bbox"], place) >= 0.5);
        let item = item.unwrap_or_else(|| panic!("nothing at {place:?}: {items:?}"));
        assert_eq!(item["matches"][0]["product"]["id"], PRODUCTS[product], "{item}");
    }
}

#[test]
fn each_object_in_a_photo_has_its_own_products() {
    let shop = shop();
    let (photo, known) = two_objects(&shop);
    let page = shop.folder.path().join("objects.html");
    let search = |more: &[&str]| -> Run {
        let mut search = command(["search", "--objects", "--top", "2", "--index"]);
        search.arg(shop.index()).arg(&photo).args(more);
        finish(search)
    };
    let answer = search(&["--json", "--html", page.to_str().expect("UTF-8")]).json();
    assert_eq!(answer["detector"], "activation map");
    is_right(&answer["objects"], &known);
    let text = search(&[]).ok();
    assert!(text.contains("[1] from ") && text.contains("% of the photo"), "{text}");
    assert!(
        text.contains(&format!("1. {}", PRODUCTS[0].rsplit('/').next().expect("a name"))),
        "{text}"
    );
    let page = std::fs::read_to_string(page).expect("a page");
    let boxes = page.matches("class=\"box\"").count();
    assert!(boxes >= 2 && page.contains("id=\"object-2\""), "{boxes} boxes");
}

#[test]
fn a_server_finds_the_objects_in_a_photo() {
    let shop = shop();
    let (photo, known) = two_objects(&shop);
    let server = Server::start(&shop);
    let photo = std::fs::read(photo).expect("a photo");
    let reply = post(&server, "similar?objects=true&top=2", &photo);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    is_right(&answer["objects"], &known);
    assert!(answer["matches"].as_array().is_some_and(|all| all.len() == 2), "the whole photo's");
    assert!(answer["timings_ms"]["detect"].as_f64().is_some_and(|time| time > 0.0), "{answer}");
    // What is not asked for is not there.
    assert_eq!(post(&server, "similar", &photo).json()["objects"], Value::Null);
    let refused = [
        ("similar?objects=true&crop=0,0,0.5,0.5", "crop"),
        ("batch?objects=true", "one photo at a time"),
    ];
    for (address, why) in refused {
        let reply = post(&server, address, &photo);
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains(why), "{}", reply.text());
    }
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("phase=\"detect\""), "{metrics}");
}

#[test]
fn an_object_that_is_there_twice_is_named_once() {
    let shop = shop();
    let mut picture = RgbImage::from_pixel(1000, 600, [190, 185, 180].into());
    for [x, y] in [[80, 60], [600, 300]] {
        replace(&mut picture, &photos::pattern(0, 320, 240), x, y);
    }
    let photo = shop.beside("twice.jpg", photos::jpeg(&picture, 92));
    let search = ["search", "--objects", "--json", photo.to_str().expect("UTF-8")];
    let answer = shop.run(search).json();
    let items = answer["objects"].as_array().expect("objects");
    let is_it = |item: &&Value| item["matches"][0]["product"]["id"] == PRODUCTS[0];
    let found: Vec<_> = items.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{answer}");
    let places = [&found[0]["bbox"], &found[0]["repeats"][0]];
    for known in [[0.08, 0.1, 0.32, 0.4], [0.6, 0.5, 0.32, 0.4]] {
        assert!(places.iter().any(|place| agreement(place, known) >= 0.5), "{places:?}");
    }
    let text = shop.run([search[0], search[1], search[3]]).ok();
    assert!(text.contains("and 1 more like it"), "{text}");
}

#[test]
fn a_photo_of_one_object_is_one() {
    let shop = shop();
    let photo = shop.photos().join(PRODUCTS[1]).join("0.jpg");
    let mut search = command(["search", "--objects", "--json", "--index"]);
    search.arg(shop.index()).arg(&photo);
    let answer = finish(search).json();
    let items = answer["objects"].as_array().expect("objects");
    assert!(!items.is_empty());
    assert_eq!(items[0]["matches"][0]["product"]["id"], PRODUCTS[1]);
}

#[test]
fn what_cannot_be_searched_is_told() {
    let shop = shop();
    let (photo, _) = two_objects(&shop);
    let photo = photo.to_str().expect("UTF-8");
    let error = shop.run(["search", "--objects", photo, photo]).error(2);
    assert!(error.contains("one at a time"), "{error}");
    // A detector that would have nothing to do.
    let error = shop.run(["search", photo, "--detector", "x.onnx"]).error(2);
    assert!(error.contains("it needs --objects, too"), "{error}");
    let error = shop.run(["eval", "photos", "--detector", "x.onnx"]).error(2);
    assert!(error.contains("it needs --objects, --annotations or --boxes, too"), "{error}");
    let broken = shop.beside("broken.jpg", b"no photo");
    let error = shop.run(["search", "--objects", broken.to_str().expect("UTF-8")]).error(3);
    assert!(error.contains("broken.jpg"), "{error}");
    // No detector, or a program without.
    let (code, why) = match cfg!(feature = "detector") {
        true => (5, "cannot be used as a detector"),
        false => (2, "--features detector"),
    };
    for file in [photo, "nowhere.onnx"] {
        let error = shop.run(["search", "--objects", photo, "--detector", file]).error(code);
        assert!(error.contains(why), "{error}");
    }
}

/// Finds what is white, in boxes of 8, 16 and 32 of 64 pixels.
#[cfg(feature = "detector")]
fn bright() -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/detect/tests/bright.onnx")
}

#[cfg(feature = "detector")]
fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}

#[cfg(feature = "detector")]
#[test]
fn a_detector_says_what_kind_of_object_it_is() {
    let shop = shop();
    let mut picture = RgbImage::from_pixel(640, 640, [90, 90, 90].into());
    // A product on a white sheet.
    replace(&mut picture, &RgbImage::from_pixel(320, 320, [255; 3].into()), 320, 0);
    replace(&mut picture, &photos::pattern(0, 160, 120), 400, 100);
    let photo = shop.beside("white.png", png(&picture));
    let mut search = command(["search", "--objects", "--json", "--index"]);
    search.arg(shop.index()).arg(&photo).arg("--detector").arg(bright());
    let answer = finish(search).json();
    assert_eq!(answer["detector"], "YOLOX and activation map");
    let items = answer["objects"].as_array().expect("objects");
    let car = items.iter().find(|item| item["label"] == "car");
    let car = car.unwrap_or_else(|| panic!("the detector's: {answer}"));
    assert!(agreement(&car["bbox"], [0.5, 0.0, 0.5, 0.5]) > 0.5, "{car}");
    assert_eq!(car["matches"][0]["product"]["id"], PRODUCTS[0], "{car}");
    assert!(car["detection_confidence"].as_f64().is_some_and(|sure| sure > 0.9), "{car}");
    // A server's flag, and its variable.
    let flags = ["--detector", bright().to_str().expect("UTF-8")].map(str::to_owned);
    let server = Server::start_with(&shop, &flags.each_ref().map(String::as_str), &[]);
    let sent = std::fs::read(&photo).expect("a photo");
    let answer = post(&server, "similar?objects=true", &sent).json();
    let items = answer["objects"].as_array().expect("objects");
    assert!(items.iter().any(|item| item["label"] == "car"), "{answer}");
}

/// The made photos' objects are found, and the figures are there in text, JSON and the report.
#[test]
fn finding_objects_is_measured() {
    let shop = shop();
    for (product, folder) in PRODUCTS.iter().enumerate() {
        let photo = photos::pattern(product as u32, 400, 300);
        let name = format!("test/{folder}/other.jpg");
        shop.beside(&name, photos::jpeg(&photo, 85));
    }
    let (photo, known) = two_objects(&shop);
    let shown: Vec<Value> = known
        .iter()
        .map(|(product, [x, y, w, h])| {
            json!({"product": PRODUCTS[*product], "bbox": {"x": x, "y": y, "width": w, "height": h}})
        })
        .collect();
    let line =
        json!({"photo": photo.file_name().and_then(|name| name.to_str()), "annotations": shown});
    // A photo that is in the index itself says nothing.
    let indexed = json!({"photo": format!("photos/{}/0.jpg", PRODUCTS[1]), "annotations": shown});
    let truth = shop.beside("annotations.jsonl", format!("{line}\n{indexed}\n"));
    let [_, [x, y, w, h]] = [known[0].1, known[1].1];
    let boxes =
        shop.beside("boxes/labels/a.txt", format!("56 {} {} {w} {h}\n", x + w / 2.0, y + h / 2.0));
    std::fs::create_dir_all(shop.folder.path().join("boxes/images")).expect("a folder");
    std::fs::copy(&photo, shop.folder.path().join("boxes/images/a.jpg")).expect("a photo");
    let boxes = boxes.ancestors().nth(2).expect("a folder");
    let eval = |more: &[&str]| {
        let mut eval = command(["eval", "--quiet", "--objects", "6", "--index"]);
        eval.arg(shop.index()).arg(shop.folder.path().join("test"));
        eval.arg("--annotations").arg(&truth).arg("--boxes").arg(boxes).args(more);
        finish(eval)
    };
    let report = shop.folder.path().join("report");
    let found = eval(&["--json", "--report", report.to_str().expect("UTF-8")]).json();
    let made = &found["objects"]["composites"][0];
    assert_eq!((&made["detector"], &made["photos"]), (&json!("activation map"), &json!(6)));
    let objects = made["boxes"]["ground_truth"].as_u64().expect("a number");
    assert!((12..=36).contains(&objects), "{made}");
    assert!(made["recall"].as_f64().is_some_and(|recall| recall > 0.5), "{made}");
    let right = made["top3_correct"].as_u64().expect("a number");
    assert!(
        right <= made["boxes"]["true_positives"].as_u64().expect("a number") && right > 0,
        "{made}"
    );
    assert_eq!(found["objects"]["in_index"], 1);
    let photos = &found["objects"]["photos"][0];
    assert_eq!((&photos["boxes"]["ground_truth"], &photos["top1_correct"]), (&json!(2), &json!(2)));
    assert_eq!(found["objects"]["boxes"][0]["boxes"]["true_positives"], 1, "{}", found["objects"]);
    assert_eq!(found["objects"]["household"][0]["boxes"]["ground_truth"], 1);
    let again = eval(&["--json"]).json();
    assert_eq!(again["objects"]["composites"][0]["boxes"], made["boxes"], "the same for a seed");
    let text = eval(&[]).ok();
    assert!(text.contains("composites: 6 photos"), "{text}");
    let page = std::fs::read_to_string(report.join("report.html")).expect("a report");
    assert!(page.contains("composites"), "no figures in the report");
}
