//! The API: several photos, crops, categories, products, thumbnails, batches, the OpenAPI description.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lookalike_testkit::photos;
use serde_json::{Value, json};

use crate::helpers::{PRODUCTS, Shop, new_photo_of};
use crate::running_server::Server;

fn best(answer: &Value) -> &str {
    answer["matches"][0]["product"]["id"].as_str().expect("a match")
}

#[test]
fn photos_come_as_bytes_forms_and_json() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let photo = new_photo_of(1);
    let plain = server.post(&photo).json();
    let form = server.form("/v1/similar", &[&photo]).json();
    let text = STANDARD.encode(&photo);
    let json = json!({"photos": [format!("data:image/jpeg;base64,{text}")]}).to_string();
    let json = server.ask("POST /v1/similar\nContent-Type: application/json", json.as_bytes());
    for answer in [&form, &json.json()] {
        assert_eq!(answer["matches"], plain["matches"]);
    }
    assert_eq!(best(&plain), PRODUCTS[1]);
    for field in ["timings_ms", "index", "model", "verdict"] {
        assert!(!plain[field].is_null(), "{field}: {plain}");
    }
    assert!(plain["explanation"].is_null(), "it was not asked for");
}

/// The similarities of two answers' matches, side by side.
fn both_matches(one: &Value, other: &Value) -> Vec<(f64, f64)> {
    let similarities = |answer: &Value| -> Vec<f64> {
        let matches = answer["matches"].as_array().expect("matches").iter();
        matches.map(|m| m["similarity"].as_f64().expect("a number")).collect()
    };
    similarities(one).into_iter().zip(similarities(other)).collect()
}

/// Photos of two products as if of one product: both products are found.
#[test]
fn several_photos_are_searched_for_together() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let (one, other) = (new_photo_of(0), new_photo_of(1));
    let both = server.form("/v1/similar?top=2", &[&one, &other]).json();
    let mut found: Vec<&str> = both["matches"]
        .as_array()
        .expect("matches")
        .iter()
        .map(|m| m["product"]["id"].as_str().expect("an id"))
        .collect();
    found.sort_unstable();
    let mut wanted = [PRODUCTS[0], PRODUCTS[1]];
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{both}");
    let same = server.form("/v1/similar", &[&one, &one]).json();
    assert_eq!(best(&same), PRODUCTS[0]);
    let alone = server.post(&one).json();
    for (twice, once) in both_matches(&same, &alone) {
        assert!((twice - once).abs() < 1e-4, "the same photo again says nothing new");
    }

    let nine: Vec<&[u8]> = vec![&one; 9];
    assert_eq!(server.form("/v1/similar", &nine).status, 400, "there is a limit");
    let bad = server.form("/v1/similar", &[&one, b"no photo"]);
    assert_eq!(bad.status, 422);
    assert!(bad.text().contains("photo 2"), "{}", bad.text());
    assert_eq!(server.fields("/v1/similar", &[("file", &one)]).status, 400);
}

/// Half of the photo shows another product: a crop decides which one is meant.
#[test]
fn a_crop_says_what_is_meant() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let mut pair = image::RgbImage::new(800, 300);
    image::imageops::replace(&mut pair, &photos::pattern(2, 400, 300), 0, 0);
    image::imageops::replace(&mut pair, &photos::pattern(4, 400, 300), 400, 0);
    let pair = photos::jpeg(&pair, 90);
    for (crop, product) in [("0,0,0.5,1", PRODUCTS[2]), ("0.5,0,0.5,1", PRODUCTS[4])] {
        let answer = server.ask(&format!("POST /v1/similar?crop={crop}"), &pair).json();
        assert_eq!(best(&answer), product, "{crop}");
    }
}

#[test]
fn a_category_holds_its_own_and_those_below() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    // 가구, percent-encoded.
    let furniture = "%EA%B0%80%EA%B5%AC";
    let photo = new_photo_of(4);
    let answer = server.ask(&format!("POST /v1/similar?category={furniture}"), &photo).json();
    let ids: Vec<&str> = answer["matches"]
        .as_array()
        .expect("matches")
        .iter()
        .map(|m| m["product"]["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids.len(), 2, "the photo's own product is in no category: {ids:?}");
    assert!(ids.iter().all(|id| id.starts_with("가구/")), "{ids:?}");
    let nothing = server.ask("POST /v1/similar?category=nowhere", &photo);
    assert_eq!((nothing.status, &nothing.json()["verdict"]), (200, &"none".into()));

    let service = server.get("/v1/service").json();
    let names: Vec<&str> = service["categories"]
        .as_array()
        .expect("categories")
        .iter()
        .map(|c| c["name"].as_str().expect("a name"))
        .collect();
    assert!(names.contains(&"가구") && names.contains(&"가구/의자"), "{names:?}");
}

#[test]
fn an_explanation_adds_up() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let answer = server.ask("POST /v1/similar?explain=true&top=6", &new_photo_of(5)).json();
    let neighbours = answer["explanation"]["neighbours"].as_array().expect("neighbours");
    let votes = |of: &str| -> f64 {
        neighbours.iter().filter(|n| n["product_id"] == of).filter_map(|n| n["vote"].as_f64()).sum()
    };
    let parts = &answer["matches"][0]["score_parts"];
    let vote = parts["vote"].as_f64().expect("a fraction");
    assert!((votes(best(&answer)) - vote).abs() < 1e-4, "{answer}");
    assert!(parts["prototype"].as_f64().is_some_and(|share| share > 0.0), "{parts}");
    assert_eq!(neighbours.len(), 18);
    let plain = server.post(&new_photo_of(5)).json();
    assert!(plain["matches"][0]["score_parts"].is_null(), "they were not asked for");
}

#[test]
fn products_have_pages_and_look_like_others() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    // 조명/종이 램프: slashes, spaces and other alphabets are percent-encoded.
    let lamp = "%EC%A1%B0%EB%AA%85%2F%EC%A2%85%EC%9D%B4%20%EB%9E%A8%ED%94%84";
    let page = server.get(&format!("/v1/products/{lamp}")).json();
    assert_eq!((&page["product"]["id"], &page["photo_count"]), (&PRODUCTS[2].into(), &3.into()));
    let alike = server.get(&format!("/v1/products/{lamp}/similar?top=9")).json();
    let matches = alike["matches"].as_array().expect("matches");
    assert_eq!(matches.len(), PRODUCTS.len() - 1, "all others, not itself");
    assert!(matches.iter().all(|m| m["product"]["id"] != PRODUCTS[2]));
    for path in ["", "/similar", "/image"] {
        assert_eq!(server.get(&format!("/v1/products/none{path}")).status, 404);
    }
    assert_eq!(server.get(&format!("/v1/products/{lamp}/image")).status, 404, "it has none");
    assert_eq!(server.get(&format!("/v1/products/{lamp}/similar?top=0")).status, 400);
}

#[test]
fn thumbnails_are_small_and_cached_by_those_who_have_them() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let answer = server.post(&new_photo_of(0)).json();
    let address =
        answer["matches"][0]["evidence"][0]["thumbnail_url"].as_str().expect("an address");
    for _ in 0..2 {
        let reply = server.get(&format!("{address}?size=100"));
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("image/jpeg")));
        let picture = image::load_from_memory(&reply.body).expect("a picture");
        assert_eq!(picture.width().max(picture.height()), 128);
        let tag = reply.header("etag").expect("a tag");
        let again = server.ask(&format!("GET {address}?size=128\nIf-None-Match: {tag}"), b"");
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("thumbnails_total{source=\"cache\"} 1"), "{metrics}");
    for (path, status) in [("?size=0", 400), ("?size=5000", 400), ("?wide=1", 400), ("0", 404)] {
        assert_eq!(server.get(&format!("{address}{path}")).status, status, "{path}");
    }
}

/// What is shown is what was indexed, or nothing.
#[test]
fn a_photo_that_changed_is_not_shown() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let answer = server.post(&new_photo_of(5)).json();
    let evidence = &answer["matches"][0]["evidence"][0];
    shop.add(evidence["photo"].as_str().expect("a path"), &new_photo_of(1));
    assert_eq!(server.get(evidence["thumbnail_url"].as_str().expect("an address")).status, 404);
}

#[test]
fn a_batch_answers_each_photo() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let (one, other) = (new_photo_of(3), new_photo_of(0));
    let reply = server.form("/v1/batch?top=1", &[&one, b"no photo", &other]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answers = reply.json();
    assert_eq!(best(&answers["results"][0]["result"]), PRODUCTS[3]);
    assert_eq!(answers["results"][1]["problem"]["status"], 422);
    assert_eq!(best(&answers["results"][2]["result"]), PRODUCTS[0]);
}

#[test]
fn pages_are_whole_and_strict() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let page = server.get("/");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    // Everything that the pages and their modules name is there.
    let mut wanted = vec!["/".to_owned(), "/docs".to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = wanted.pop() {
        let reply = server.get(&path);
        assert_eq!(reply.status, 200, "{path}");
        let text = reply.text();
        let inside = |start: &str| -> Vec<String> {
            let parts = text.split(start).skip(1);
            parts.filter_map(|part| part.split(['"', '\'']).next()).map(str::to_owned).collect()
        };
        let files = inside("=\"page/").into_iter().chain(inside("from './"));
        seen.push(path);
        wanted.extend(files.map(|file| format!("/page/{file}")).filter(|f| !seen.contains(f)));
        assert!(!text.contains("src=\"http"), "the pages need nothing from elsewhere");
    }
    assert!(seen.iter().any(|path| path.ends_with("translations.js")), "{seen:?}");
    let description = server.get("/openapi.json").json();
    assert!(description["paths"]["/v1/similar"]["post"].is_object());
}

#[test]
fn what_clients_get_wrong_is_a_problem_that_does_not_repeat_it() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let (photo, json) = (new_photo_of(1), "\nContent-Type: application/json");
    let gzip = server.ask("POST /v1/similar\nContent-Encoding: gzip", &photo);
    for (status, reply) in [
        (415, &gzip),
        (404, &server.get("/v1/products/%FF%FE/similar")),
        (404, &server.get("/v1/products/%FF")),
        (404, &server.get("/v1/photos/%FF")),
        (400, &server.get("/v1/photos/x?size=%3Cb%3E")),
        (400, &server.ask("POST /v1/similar?%3Cb%3E=1", &photo)),
        (400, &server.ask("POST /v1/similar?where=%3Cb%3E", &photo)),
        (400, &server.ask("POST /v1/similar?where=%3Cb%3E=1", &photo)),
        (400, &server.ask("POST /v1/similar?crop=%3Cb%3E", &photo)),
        (400, &server.ask("POST /v1/similar?views=%3Cb%3E", &photo)),
        (400, &server.ask(&format!("POST /v1/similar{json}"), b"{\"<b>\": 1}")),
        (400, &server.ask(&format!("POST /v1/similar{json}"), b"{\"photos\": [\"<b>*\"]}")),
    ] {
        assert_eq!(reply.status, status, "{}", reply.text());
        let kind = reply.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{}", reply.text());
        assert!(!reply.text().contains("<b>"), "{}", reply.text());
    }
    // A browser's field without a file, beside one with a photo.
    let beside = server.form("/v1/similar", &[b"", &photo]).json();
    assert_eq!(best(&beside), PRODUCTS[1]);
    assert_eq!(server.form("/v1/similar", &[b""]).status, 400);
    let lines = STANDARD
        .encode(&photo)
        .as_bytes()
        .chunks(76)
        .map(|line| {
            String::from_utf8_lossy(line).replace('+', "-").replace('/', "_").replace('=', "")
        })
        .collect::<Vec<_>>()
        .join("\r\n");
    let body = json!({"photos": [lines]}).to_string();
    let answer = server.ask(&format!("POST /v1/similar{json}"), body.as_bytes()).json();
    assert_eq!(best(&answer), PRODUCTS[1]);
}
