//! Feedback on answers: collected by the server, used by `index calibrate --feedback`.

use std::path::PathBuf;

use lookalike_testkit::photos;
use serde_json::{Value, json};

use crate::helpers::{PRODUCTS, Shop, command, finish};
use crate::running_server::{Reply, Server};

/// A photo that is no copy of one in the index: mirrored.
fn photo_of(product: usize) -> Vec<u8> {
    photos::jpeg(&image::imageops::flip_horizontal(&photos::pattern(product as u32, 420, 315)), 80)
}

fn say(server: &Server, what: &Value) -> Reply {
    server.ask("POST /v1/feedback\nContent-Type: application/json", what.to_string().as_bytes())
}

fn answer(server: &Server, photo: &[u8]) -> Value {
    let reply = server.post(photo);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn log(shop: &Shop) -> PathBuf {
    shop.index().join("feedback.jsonl")
}

#[test]
fn feedback_is_taken_only_where_it_is_asked_for() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    assert!(answer(&server, &photo_of(0))["answer_id"].is_null());
    assert_eq!(say(&server, &json!({"answer_id": "0", "none": true})).status, 404);
    assert!(!log(&shop).exists());
    let missing = shop.run(["index", "calibrate", "--quiet", "--feedback"]).error(3);
    assert!(missing.contains("feedback.jsonl") && missing.contains("--feedback"), "{missing}");
}

#[test]
fn what_shoppers_say_calibrates_the_index() {
    let shop = Shop::indexed();
    let server = Server::start_with(&shop, &["--feedback"], &[]);
    for (number, product) in PRODUCTS.iter().enumerate() {
        let found = answer(&server, &photo_of(number));
        let id = found["answer_id"].as_str().expect("an id");
        assert_eq!(id.len(), 32, "{id}");
        let said = say(&server, &json!({"answer_id": id, "product": product}));
        assert_eq!(said.status, 204, "{}", said.text());
        let again = say(&server, &json!({"answer_id": id, "product": product}));
        assert_eq!(again.status, 404, "feedback on an answer is taken once");
    }
    let none = answer(&server, &photo_of(40));
    let said = say(&server, &json!({"answer_id": none["answer_id"], "none": true}));
    assert_eq!(said.status, 204, "{}", said.text());
    drop(server);

    // A line that a full disk cut short, and one about an index before this one.
    let text = std::fs::read_to_string(log(&shop)).expect("feedback");
    assert!(!text.contains("jpg") && !shop.index().join("feedback").exists(), "no photo is kept");
    let id = serde_json::from_str::<Value>(text.lines().next().expect("a line")).expect("JSON");
    let old = text
        .lines()
        .next()
        .expect("a line")
        .replace(id["verdict_id"].as_str().expect("an id"), "of another index");
    std::fs::write(log(&shop), format!("{text}{old}\n{{\"at\": 17")).expect("written");
    let report = shop.run(["index", "calibrate", "--quiet", "--json", "--feedback"]).json();
    let products = PRODUCTS.len();
    assert_eq!(
        report["feedback"],
        json!({"used": products + 1, "outdated": 1, "damaged": 1}),
        "{report}"
    );
    assert_eq!(
        (&report["report"]["queries"], &report["report"]["unsold"]),
        (&json!(products), &json!(1))
    );
    let info = shop.run(["index", "info"]).ok();
    assert!(info.contains(&format!("and on {products} photos that were searched for")), "{info}");
}

#[test]
fn bad_feedback_is_refused_and_costs_nothing() {
    let shop = Shop::indexed();
    let server = Server::start_with(&shop, &["--feedback"], &[]);
    let found = answer(&server, &photo_of(0));
    let id = &found["answer_id"];
    for (what, status) in [
        (json!({"answer_id": id}), 400),
        (json!({"answer_id": id, "product": PRODUCTS[0], "none": true}), 400),
        (json!({"answer_id": id, "product": PRODUCTS[0], "photo": "x"}), 400),
        (json!({"product": PRODUCTS[0]}), 400),
        (json!({"answer_id": id, "product": "no such product"}), 422),
        (json!({"answer_id": "ffffffffffffffffffffffffffffffff", "none": true}), 404),
        (json!({"answer_id": "x".repeat(20_000), "none": true}), 413),
    ] {
        let refused = say(&server, &what);
        assert_eq!(refused.status, status, "{what}: {}", refused.text());
    }
    assert!(!log(&shop).exists());
    assert_eq!(say(&server, &json!({"answer_id": id, "product": PRODUCTS[0]})).status, 204);
    // The very photo of the index says nothing of new ones.
    let own = std::fs::read(shop.photos().join(PRODUCTS[0]).join("0.jpg")).expect("a photo");
    assert!(answer(&server, &own)["answer_id"].is_null(), "a copy");
}

#[test]
fn photos_are_kept_where_that_is_asked_for_too() {
    let shop = Shop::indexed();
    let server = Server::start_with(&shop, &["--feedback-photos"], &[]);
    let photo = photo_of(1);
    let found = answer(&server, &photo);
    say(&server, &json!({"answer_id": found["answer_id"], "product": PRODUCTS[1]}));
    let other = answer(&server, &photo_of(40));
    say(&server, &json!({"answer_id": other["answer_id"], "none": true}));
    let kept = |folder: &str| -> Vec<PathBuf> {
        let files = std::fs::read_dir(shop.index().join("feedback").join(folder));
        files.into_iter().flatten().map(|file| file.expect("an entry").path()).collect()
    };
    let sold = kept(&format!("sold/{}", PRODUCTS[1]));
    assert_eq!(sold.len(), 1, "{sold:?}");
    assert_eq!(std::fs::read(&sold[0]).expect("a photo"), photo);
    assert_eq!(kept("unsold/photos").len(), 1);
    drop(server);

    // They calibrate an index that was built anew.
    shop.build().ok();
    let feedback = shop.index().join("feedback");
    let mut calibrate = command(["index", "calibrate", "--quiet", "--json"]);
    calibrate.arg("--index").arg(shop.index()).arg(feedback.join("sold"));
    calibrate.arg("--unsold").arg(feedback.join("unsold"));
    let report = finish(calibrate).json();
    assert_eq!((&report["report"]["queries"], &report["report"]["unsold"]), (&json!(1), &json!(1)));
}
