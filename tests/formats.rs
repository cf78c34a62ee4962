//! The promise of `index/README.md`: this program reads the index of every format that a release wrote, and answers as
//! that release did.
//!
//! `tests/formats/N` has an index of format N, a query photo and the answer of the program that wrote both. A new
//! format gets a folder of its own, once, by the program that introduces it:
//!
//! ```text
//! cargo test --test lookalike formats::write_the_current_format -- --ignored
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use lookalike_testkit::photos;
use serde_json::{Value, json};

use crate::helpers::{Run, command, finish, fixture, made_up_weights};

/// A run of the program on an index, with the weights that all fixtures were made with.
fn run_on(index: &Path, args: &[&str]) -> Run {
    let mut command = command(args);
    command.arg("--index").arg(index);
    finish(command)
}

fn search(index: &Path, photo: &Path) -> Value {
    let (photo, weights) = (photo.to_str().expect("UTF-8"), made_up_weights());
    let weights = weights.to_str().expect("UTF-8");
    run_on(index, &["search", photo, "--json", "--weights", weights]).json()
}

/// Products in the order of the answer, with their similarities.
fn products_of(answer: &Value) -> Vec<(String, f64)> {
    let one = |found: &Value| {
        let id = found["product"]["id"].as_str().expect("an id").to_owned();
        (id, found["similarity"].as_f64().expect("a similarity"))
    };
    answer["matches"].as_array().expect("matches").iter().map(one).collect()
}

fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(fixture("formats")).expect("the folder of formats");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let folders: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
    assert!(!folders.is_empty(), "format 1 has a folder");
    folders
}

#[test]
fn every_released_format_is_read_with_the_same_answer() {
    for folder in folders() {
        let index = tempfile::tempdir().expect("a folder");
        let file = index.path().join("lookalike.index");
        fs::copy(folder.join("lookalike.index"), &file).expect("a copy");
        let expected = fs::read(folder.join("answer.json")).expect("the answer");
        let expected: Value = serde_json::from_slice(&expected).expect("JSON");
        let (found, expected) =
            (products_of(&search(index.path(), &folder.join("query.jpg"))), products_of(&expected));
        let format = folder.display();
        assert_eq!(found.len(), expected.len(), "{format}");
        for ((id, similarity), (expected_id, expected)) in found.iter().zip(&expected) {
            assert_eq!(id, expected_id, "{format}");
            assert!((similarity - expected).abs() < 2e-3, "{id}: {similarity}, not {expected}");
        }
    }
}

#[test]
fn every_released_format_can_be_changed() {
    for folder in folders() {
        let index = tempfile::tempdir().expect("a folder");
        fs::copy(folder.join("lookalike.index"), index.path().join("lookalike.index"))
            .expect("a copy");
        let verified = run_on(index.path(), &["index", "verify"]).ok();
        assert!(verified.contains("the index is sound"), "{verified}");
        run_on(index.path(), &["index", "remove", "--quiet", "--product", "제품 1"]).ok();
        assert_eq!(run_on(index.path(), &["index", "info", "--json"]).json()["photos"], 6);
        run_on(index.path(), &["index", "compact", "--quiet"]).ok();
        run_on(index.path(), &["index", "verify"]).ok();
    }
}

/// Eight photos of four products, two each, and one more of the second product as the query.
#[test]
#[ignore = "writes tests/formats/N, which is done once for each format"]
fn write_the_current_format() {
    let shop = tempfile::tempdir().expect("a folder");
    for product in 0..4u32 {
        let folder = shop.path().join(format!("제품 {product}"));
        fs::create_dir_all(&folder).expect("a folder");
        for width in [300, 340] {
            let photo = photos::jpeg(&photos::pattern(product, width, width * 3 / 4), 90);
            fs::write(folder.join(format!("{width}.jpg")), photo).expect("a photo");
        }
    }
    let index = tempfile::tempdir().expect("a folder");
    let mut build = command(["index", "build", "--quiet", "--dims", "64", "--weights"]);
    build.arg(made_up_weights()).arg("--out").arg(index.path()).arg(shop.path());
    finish(build).ok();
    let info = run_on(index.path(), &["index", "info", "--json"]).json();

    let folder = fixture("formats").join(info["format_version"].to_string());
    fs::create_dir(&folder).expect("a format that was not written before");
    let query = folder.join("query.jpg");
    fs::write(&query, photos::jpeg(&photos::pattern(1, 420, 315), 80)).expect("the query");
    let found = products_of(&search(index.path(), &query)).into_iter();
    let matches: Vec<Value> = found
        .map(|(id, similarity)| json!({ "product": { "id": id }, "similarity": similarity }))
        .collect();
    let answer = serde_json::to_string_pretty(&json!({ "matches": matches })).expect("JSON");
    fs::write(folder.join("answer.json"), answer + "\n").expect("the answer");
    fs::copy(index.path().join("lookalike.index"), folder.join("lookalike.index")).expect("a copy");
}
