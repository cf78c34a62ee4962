//! Real photos and real weights, where there are some.
//!
//! `LOOKALIKE_DATASETS` names a folder that holds `grocery-store` (Klasson, Zhang and Kjellström's
//! data set), `LOOKALIKE_WEIGHTS` one that holds the weight files of `weights/manifest.toml`.

#[allow(dead_code)]
#[path = "../examples/grocery_manifest.rs"]
mod grocery_manifest;

use std::io::Write;
use std::path::PathBuf;

use lookalike_testkit::photos;

use crate::helpers::{Shop, command, finish};

/// The data set and the weights, or a word that the test was skipped.
fn real_data(test: &str) -> Option<(PathBuf, PathBuf)> {
    let folder = |variable| std::env::var_os(variable).map(PathBuf::from);
    let grocery = folder("LOOKALIKE_DATASETS").map(|folder| folder.join("grocery-store"));
    let weights = folder("LOOKALIKE_WEIGHTS")
        .map(|folder| folder.join("mobilenet_v3_large_minimalistic.safetensors"));
    match (grocery, weights) {
        (Some(grocery), Some(weights)) => {
            // Named and not there is a mistake, not a reason to pass.
            assert!(grocery.is_dir(), "LOOKALIKE_DATASETS has no {}", grocery.display());
            assert!(weights.is_file(), "LOOKALIKE_WEIGHTS has no {}", weights.display());
            Some((grocery, weights))
        }
        _ => {
            // Past the test runner, which hides what passing tests print.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED {test}: set LOOKALIKE_DATASETS and LOOKALIKE_WEIGHTS to run it"
            );
            None
        }
    }
}

/// Decoding, preprocessing, network, index and vote together: the figures of another implementation
/// of the same network (54.9 and 77.8 %), less what resizing differently may cost.
#[test]
fn grocery_store_test_split_reaches_the_reference() {
    let Some((grocery, weights)) = real_data("grocery_store_test_split_reaches_the_reference")
    else {
        return;
    };
    let shop = Shop::empty();
    let manifest = grocery_manifest::manifest(&grocery).expect("the data set's own files");
    let manifest = shop.beside("grocery.jsonl", manifest);
    let mut build = command(["index", "build", "--quiet", "--json"]);
    build.arg(&manifest).arg("--root").arg(&grocery).arg("--out").arg(shop.index());
    let built = finish({
        build.arg("--weights").arg(&weights);
        build
    })
    .json();
    assert_eq!((&built["report"]["indexed"], &built["products"]), (&2640.into(), &81.into()));

    let root = grocery.to_str().expect("UTF-8");
    let manifest = manifest.to_str().expect("UTF-8");
    let found = shop.run(["eval", manifest, "--root", root, "--quiet", "--json"]).json();
    assert_eq!(found["queries"], 2485);
    let figure = |name: &str| found[name].as_f64().expect("a number");
    assert!(figure("top1") >= 0.53, "{found}");
    assert!(figure("top3") >= 0.76, "{found}");
    assert!(figure("recall_at_10") >= 0.99, "{found}");
}

#[test]
fn a_real_photo_is_the_same_however_the_phone_was_held() {
    let Some((grocery, weights)) = real_data("a_real_photo_is_the_same_however_the_phone_was_held")
    else {
        return;
    };
    let shop = Shop::empty();
    let mut build = command(["index", "build", "--quiet", "--out"]);
    build.arg(shop.index()).arg(grocery.join("val")).arg("--weights").arg(&weights);
    finish(build).ok();
    let photo = grocery.join("val/Fruit/Banana/Banana_001.jpg");
    let upright = image::open(&photo).expect("a photo of the data set").into_rgb8();
    for orientation in 1..=8 {
        let held = photos::jpeg_with_orientation(&upright, orientation, 95);
        let answer = shop.search(&shop.beside("held.jpg", held));
        let best = &answer["matches"][0];
        assert_eq!(best["product"]["id"], "Fruit/Banana");
        let similarity = best["similarity"].as_f64().expect("a number");
        assert!(similarity >= 0.99, "cosine {similarity} at EXIF orientation {orientation}");
    }
}
