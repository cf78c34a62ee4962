//! The made-up shop: drawn, indexed and searched by one command that needs nothing else.

use lookalike_testkit::photos;
use serde_json::Value;

use crate::helpers::{command, finish};

#[test]
fn the_demo_needs_nothing_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("데모");
    let demo = || {
        let mut demo = command(["demo", "--photos", "270", "--side", "48", "--quiet", "--json"]);
        demo.arg("--out").arg(&out);
        finish(demo)
    };
    let first = demo().json();
    assert!(first["query_product"].as_str().is_some_and(|name| !name.is_ascii()), "{first}");
    assert_eq!(first["answer"]["matches"].as_array().map(Vec::len), Some(5));
    let page = std::fs::read_to_string(out.join("answer.html")).expect("the page");
    assert!(page.contains("data:image/jpeg"));
    let again = demo().json();
    assert_eq!(again["answer"]["matches"], first["answer"]["matches"]);

    let mut eval = command(["eval", "--quiet", "--json", "--index"]);
    eval.arg(out.join("index")).arg(out.join("shop/catalog.jsonl"));
    let found: Value = finish(eval).json();
    // Guessing among 54 products is right 2 % of the time; these photos are tiny.
    println!("top-1 {} on {} photos", found["top1"], found["queries"]);
    assert!(found["top1"].as_f64().is_some_and(|top1| top1 > 0.2), "{}", found["top1"]);
    assert!(found["ranking"]["fitted_on"].is_object(), "{}", found["ranking"]);

    // A photo of the shop is a match, and abstract art is not; the page says so, too.
    let search = |photo: &std::path::Path, page: &str| {
        let mut search = command(["search", "--index"]);
        search.arg(out.join("index")).arg(photo).arg("--html").arg(folder.path().join(page));
        let text = finish(search).ok();
        (text, std::fs::read_to_string(folder.path().join(page)).expect("the page"))
    };
    let photo = std::fs::read_dir(out.join("shop/photos/velvet-tub-chair")).expect("photos");
    let photo = photo.map(|entry| entry.expect("an entry").path()).min().expect("a photo");
    let (text, page) = search(&photo, "chair.html");
    assert!(text.contains("% sure of the first") && !text.contains("no match"), "{text}");
    assert!(page.contains("% sure of the first"));
    let art = folder.path().join("art.jpg");
    std::fs::write(&art, photos::jpeg(&photos::pattern(3, 300, 225), 90)).expect("a photo");
    let (text, page) = search(&art, "art.html");
    assert!(text.starts_with("no match") && page.contains("no match"), "{text}");

    let mut other = command(["demo", "--photos", "54", "--side", "48", "--quiet", "--out"]);
    other.arg(&out);
    assert!(finish(other).error(1).contains("other settings"));
}
