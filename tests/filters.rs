//! Searches among some products only, by several photos, and for products like a product.

use serde_json::Value;

use crate::helpers::{PRODUCTS, Shop, new_photo_of};

fn ids(answer: &Value) -> Vec<&str> {
    let matches = answer["matches"].as_array().expect("matches").iter();
    matches.map(|found| found["product"]["id"].as_str().expect("an id")).collect()
}

#[test]
fn only_what_passes_is_found_and_as_many_as_there_are() {
    let shop = Shop::with_cards();
    let photo = shop.beside("q.jpg", new_photo_of(0));
    let search = |args: &[&str]| {
        let mut all = vec!["search", photo.to_str().expect("UTF-8"), "--json", "--top", "6"];
        all.extend(args);
        shop.run(all)
    };
    let found = |args: &[&str]| -> Vec<usize> {
        let answer = search(args).json();
        let score: f64 = answer["matches"]
            .as_array()
            .expect("matches")
            .iter()
            .map(|found| found["score"].as_f64().expect("a score"))
            .sum();
        assert!((score - 1.0).abs() < 1e-4, "the shares of what may be found are all: {score}");
        let number = |id: &str| PRODUCTS.iter().position(|other| *other == id).expect("known");
        let mut numbers: Vec<usize> = ids(&answer).into_iter().map(number).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(found(&[]), [0, 1, 2, 3, 4, 5]);
    // Prices are 12,900 times the product's number and one.
    assert_eq!(found(&["--price-min", "25800", "--price-max", "38700"]), [1, 2]);
    assert_eq!(found(&["--category", "가구"]), [0, 1, 3, 4]);
    assert_eq!(found(&["--where", "colour=OAK", "--category", "가구"]), [0, 4]);
    assert_eq!(found(&["--in-stock"]), [1, 2, 4, 5]);
    assert_eq!(found(&["--where", "colour=white", "--where", "stock=2"]), [5]);

    let error = search(&["--where", "size=3"]).error(2);
    assert!(error.contains("no product has a column 'size': there are colour, stock"), "{error}");
    search(&["--where", "colour"]).error(2);
    search(&["--price-min", "2", "--price-max", "1"]).error(2);
    let nothing = search(&["--price-max", "1"]).json();
    assert_eq!(ids(&nothing), [""; 0]);
    let text = shop.run(["search", photo.to_str().expect("UTF-8"), "--price-max", "1"]).ok();
    assert!(text.contains("no product passes"), "{text}");
}

#[test]
fn several_photos_of_one_thing_are_one_question() {
    let shop = Shop::with_cards();
    let [a, b, c] = [(0, "a"), (0, "b"), (3, "c")]
        .map(|(product, name)| shop.beside(&format!("{name}.jpg"), new_photo_of(product)));
    let search = |photos: &[&std::path::Path]| {
        let photos = photos.iter().map(|photo| photo.as_os_str());
        shop.run(["search".as_ref(), "--json".as_ref()].into_iter().chain(photos))
    };
    let (one, two) = (search(&[&a]).json(), search(&[&a, &b]).json());
    assert_eq!(ids(&one), ids(&two), "the same photo twice says the same");
    let mixed = search(&[&a, &c]).json();
    assert_ne!(one["matches"][0]["similarity"], mixed["matches"][0]["similarity"]);
    assert!(mixed["query"].as_str().is_some_and(|q| q.contains("a.jpg, ")), "{}", mixed["query"]);
    let bad = shop.beside("bad.jpg", b"no photo");
    let error = search(&[&a, &bad]).error(3);
    assert!(error.contains("bad.jpg") && !error.contains("a.jpg"), "{error}");
}

#[test]
fn views_are_the_same_photo_seen_several_times() {
    let shop = Shop::with_cards();
    let photo = shop.beside("q.jpg", new_photo_of(2));
    let search = |views: &str| {
        shop.run(["search", photo.to_str().expect("UTF-8"), "--json", "--views", views])
    };
    let similarity =
        |views: &str| search(views).json()["matches"][0]["similarity"].as_f64().expect("a number");
    let all: Vec<f64> = ["plain", "mirrored", "middle", "both"].map(similarity).to_vec();
    assert!((1..4).all(|at| (all[at] - all[0]).abs() > 1e-6), "{all:?}");
    let default = shop.search(&photo);
    assert_eq!(default["matches"][0]["similarity"].as_f64(), Some(all[2]), "middle");
    assert!(search("sideways").error(2).contains("plain, mirrored, middle, both"));
}

#[test]
fn similar_leaves_out_the_product_itself_and_reasons_are_told() {
    let shop = Shop::with_cards();
    let answer = shop.run(["similar", PRODUCTS[4], "--json", "--top", "9"]).json();
    assert_eq!(ids(&answer).len(), 5);
    assert!(!ids(&answer).contains(&PRODUCTS[4]));
    let some = shop.run(["similar", PRODUCTS[4], "--json", "--category", "조명"]).json();
    assert_eq!(ids(&some).len(), 2);
    assert!(shop.run(["similar", "no such product"]).error(3).contains("no such product"));

    let photo = shop.beside("q.jpg", new_photo_of(2));
    let text = shop.run(["search", photo.to_str().expect("UTF-8"), "--explain"]).ok();
    assert!(text.contains("vote ") && text.contains("prototype "), "{text}");
    let answer = shop.search(&photo);
    let vote: f64 = answer["matches"]
        .as_array()
        .expect("matches")
        .iter()
        .map(|found| found["score_parts"]["vote"].as_f64().expect("a share"))
        .sum();
    assert!(vote <= 1.0 + 1e-6 && vote > 0.3, "{vote}");
}
