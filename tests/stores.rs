//! Indexes in a store elsewhere: a Qdrant in this process, and a PostgreSQL with pgvector where
//! `LOOKALIKE_POSTGRES` has the address of a database for tests.

use std::sync::atomic::{AtomicU32, Ordering};

use lookalike_testkit::{photos, skipped, weights};
use serde_json::{Value, json};

use crate::helpers::{PRODUCTS, Run, Shop, command, finish, made_up_weights, new_photo_of};
use crate::qdrant_server::QdrantServer;
use crate::running_server::Server;

/// Addresses of stores of each kind that there is, each with nothing in it.
fn stores() -> Vec<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = || format!("e2e_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let (_, address) = QdrantServer::start();
    let mut stores = vec![format!("qdrant://{address}/{}", name())];
    match std::env::var("LOOKALIKE_POSTGRES") {
        Ok(address) => stores.push(format!("{address}?index={}", name())),
        Err(_) => skipped("PostgreSQL: LOOKALIKE_POSTGRES is not set"),
    }
    stores
}

/// Runs a command on the index that a store has.
fn on(store: &str, shop: &Shop, args: &[&str]) -> Run {
    let mut command = command(args);
    command.arg("--store").arg(store).current_dir(shop.folder.path());
    finish(command)
}

fn build(store: &str, shop: &Shop) -> Run {
    let weights = made_up_weights().to_str().expect("UTF-8");
    on(store, shop, &["index", "build", "photos", "--quiet", "--json", "--weights", weights])
}

/// Products, and how similar their nearest photos are, to three digits.
fn said(answer: &Value) -> Vec<(String, String)> {
    let matches = answer["matches"].as_array().expect("matches").iter();
    let one = |found: &Value| {
        let id = found["product"]["id"].as_str().expect("an id").to_owned();
        (id, format!("{:.3}", found["similarity"].as_f64().expect("a number")))
    };
    matches.map(one).collect()
}

fn search(store: &str, shop: &Shop, photo: &[u8], more: &[&str]) -> Value {
    let photo = shop.beside("query.jpg", photo);
    let mut args = vec!["search", photo.to_str().expect("UTF-8"), "--json"];
    args.extend(more);
    on(store, shop, &args).json()
}

#[test]
fn an_index_in_a_store_answers_as_one_in_a_folder() {
    let shop = Shop::indexed();
    for store in stores() {
        let built = build(&store, &shop).json();
        assert_eq!(built["build_report"]["indexed"], 18, "{built}");
        for product in 0..PRODUCTS.len() {
            let photo = new_photo_of(product);
            let here = shop.search(&shop.beside("query.jpg", &photo));
            assert_eq!(said(&search(&store, &shop, &photo, &[])), said(&here), "{store}");
        }
        let similar = ["similar", PRODUCTS[1], "--json"];
        let there = on(&store, &shop, &similar).json();
        let mut here = command(similar);
        here.arg("--index").arg(shop.index());
        assert_eq!(said(&there), said(&finish(here).json()), "{store}");
        let verified = on(&store, &shop, &["index", "verify", "--json"]).json();
        assert_eq!((&verified["sampled"], &verified["lost"]), (&json!(18), &json!(0)), "{store}");
        let info = on(&store, &shop, &["index", "info", "--json"]).json();
        assert_eq!((&info["photos"], &info["size_bytes"]), (&json!(18), &Value::Null), "{info}");
        // Without the folder of the index: everything is in the store.
        let text = on(&store, &shop, &["index", "info", "--index", "nowhere"]).ok();
        assert!(text.contains("store       ") && !text.contains("nowhere"), "{text}");
        let compact = on(&store, &shop, &["index", "compact"]).error(4);
        assert!(compact.contains("in a store"), "{compact}");
    }
}

#[test]
fn photos_and_products_come_and_go() {
    for store in stores() {
        let shop = Shop::new();
        build(&store, &shop).ok();
        let before = search(&store, &shop, &new_photo_of(2), &["--explain"]);
        for width in [300, 330, 360] {
            let picture = photos::pattern(40, width, width * 3 / 4);
            shop.beside(&format!("more/새 의자/{width}.jpg"), photos::jpeg(&picture, 90));
        }
        let add = ["index", "add", "more", "--quiet", "--json"];
        let added = on(&store, &shop, &add).json();
        assert_eq!((&added["report"]["added"], &added["photos"]), (&json!(3), &json!(21)));
        let again = on(&store, &shop, &add).json();
        assert_eq!(again["report"]["added"], 0, "{again}");
        let query = photos::jpeg(&photos::pattern(40, 420, 315), 90);
        assert_eq!(said(&search(&store, &shop, &query, &[]))[0].0, "새 의자", "{store}");

        let gone = ["index", "remove", "--product", PRODUCTS[0], "--quiet", "--json"];
        let removed = on(&store, &shop, &gone).json();
        assert_eq!((&removed["report"]["removed"], &removed["photos"]), (&json!(3), &json!(18)));
        let photo = format!("{}/0.jpg", PRODUCTS[1]);
        on(&store, &shop, &["index", "remove", "--photo", &photo, "--quiet"]).ok();
        let found = said(&search(&store, &shop, &new_photo_of(0), &["--top", "9"]));
        assert!(found.len() == 6 && found.iter().all(|(id, _)| id != PRODUCTS[0]), "{found:?}");
        let found = said(&search(&store, &shop, &new_photo_of(1), &[]));
        assert_eq!(found[0].0, PRODUCTS[1], "{store}");
        let unknown = on(&store, &shop, &["index", "remove", "--product", PRODUCTS[0]]).error(3);
        assert!(unknown.contains("no product"), "{unknown}");

        // What the folder holds, and nothing else.
        let updated = on(&store, &shop, &["index", "update", "photos", "--quiet", "--json"]).json();
        assert_eq!((&updated["report"]["added"], &updated["photos"]), (&json!(4), &json!(18)));
        let verified = on(&store, &shop, &["index", "verify", "--json"]).json();
        assert_eq!(verified["lost"], 0, "{store}: {verified}");
        assert_eq!(
            said(&search(&store, &shop, &new_photo_of(0), &[]))[0].0,
            PRODUCTS[0],
            "{store}"
        );
        // A build puts all of it elsewhere: the vectors that are there are not the first ones any more.
        on(&store, &shop, &["index", "remove", "--product", PRODUCTS[0], "--quiet"]).ok();
        let sent = || build(&store, &shop).json()["size_bytes"].as_u64().expect("bytes");
        let verify = || {
            let verified = on(&store, &shop, &["index", "verify", "--json"]).json();
            assert_eq!(
                (&verified["sampled"], &verified["lost"]),
                (&json!(18), &json!(0)),
                "{store}"
            );
        };
        let whole = sent();
        verify();
        // Built again as it is, it need not be sent again: numbers of 4 bytes, 18 photos.
        assert!(sent() + 18 * 4 * 64 < whole, "{store}: {whole} bytes");
        verify();
        // All photos are there again as they were, and so are the means of products.
        let after = search(&store, &shop, &new_photo_of(2), &["--explain"]);
        let scores = |answer: &Value| -> Vec<(String, i64)> {
            let one = |found: &Value| {
                let score = found["score_parts"]["prototype"].as_f64().expect("a share");
                (found["product"]["id"].as_str().expect("an id").to_owned(), (1e4 * score) as i64)
            };
            answer["matches"].as_array().expect("matches").iter().map(one).collect()
        };
        let (before, after) = (scores(&before), scores(&after));
        for ((product, share), (same, now)) in before.iter().zip(&after) {
            assert!(product == same && (share - now).abs() <= 5, "{store}: {before:?} {after:?}");
        }
    }
}

#[test]
fn a_build_is_swapped_in_and_the_one_before_is_still_served() {
    for store in stores() {
        let shop = Shop::new();
        build(&store, &shop).ok();
        let flags = ["--store", store.as_str(), "--admin-token", "an administrator's token"];
        let server = Server::start_with(&shop, &flags, &[]);
        std::fs::remove_dir_all(shop.photos().join(PRODUCTS[0])).expect("a product goes");
        build(&store, &shop).ok();
        let best = |server: &Server, of: usize| {
            let reply = server.post(&new_photo_of(of));
            assert_eq!(reply.status, 200, "{}", reply.text());
            said(&reply.json())[0].0.clone()
        };
        assert_eq!(best(&server, 0), PRODUCTS[0], "{store}: as it was");
        let head = "POST /v1/admin/reload\nAuthorization: Bearer an administrator's token";
        assert_eq!(server.ask(head, b"").status, 200);
        assert_ne!(best(&server, 0), PRODUCTS[0], "{store}: as it is");

        // Added over HTTP, found at once and by others.
        let card = json!({ "id": "새 조명", "name": "새 조명" }).to_string();
        let [one, two] =
            [300, 360].map(|width| photos::jpeg(&photos::pattern(40, width, width * 3 / 4), 90));
        let fields = [("product", card.as_bytes()), ("photo", &one[..]), ("photo", &two[..])];
        let head = "/v1/admin/upsert\nAuthorization: Bearer an administrator's token";
        let reply = server.fields(head, &fields);
        assert_eq!(reply.status, 200, "{store}: {}", reply.text());
        assert_eq!(best(&server, 40), "새 조명", "{store}");
        let query = photos::jpeg(&photos::pattern(40, 400, 300), 90);
        assert_eq!(said(&search(&store, &shop, &query, &[]))[0].0, "새 조명", "{store}");
    }
}

#[test]
fn a_store_that_cannot_be_used_is_one_line() {
    let shop = Shop::new();
    for store in stores() {
        let none = on(&store, &shop, &["index", "info"]).error(4);
        assert!(none.contains("no index in"), "{none}");
        build(&store, &shop).ok();
        let other = shop.folder.path().join("other.safetensors");
        weights::write(&other, &weights::minimalistic(1001), |name, shape| {
            weights::values(&format!("other {name}"), shape)
        });
        let photo = shop.beside("query.jpg", new_photo_of(0));
        let (photo, other) = (photo.to_str().expect("UTF-8"), other.to_str().expect("UTF-8"));
        let wrong = on(&store, &shop, &["search", photo, "--weights", other]).error(4);
        assert!(wrong.contains("made with another"), "{wrong}");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
    let free = free.expect("an address");
    for store in [format!("postgres://me:geheim@{free}/shop"), format!("qdrant://{free}/shop")] {
        let error = build(&store, &shop).error(4);
        assert!(error.contains("does not answer") && !error.contains("geheim"), "{error}");
    }
    for wrong in ["index", "qdrant://host/Shop", "mysql://host/shop"] {
        let error = on(wrong, &shop, &["index", "info"]).error(1);
        assert!(error.contains("address"), "{wrong}: {error}");
    }
}
