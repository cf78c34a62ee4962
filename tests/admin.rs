//! Upserts and removals over HTTP.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use lookalike_testkit::photos;
use serde_json::{Value, json};

use crate::helpers::{PRODUCTS, Shop, new_photo_of};
use crate::running_server::{Reply, Server};

const READ: &str = "a token for reading it";
const ADMIN: &str = "a token for administering";

fn start(shop: &Shop) -> Server {
    Server::start_with(shop, &["--admin-token", ADMIN], &[])
}

fn photo_of(product: u32, width: u32) -> Vec<u8> {
    photos::jpeg(&photos::pattern(product, width, width * 3 / 4), 90)
}

fn upsert(server: &Server, token: &str, card: &Value, photos: &[&[u8]]) -> Reply {
    let card = card.to_string();
    let mut fields = vec![("product", card.as_bytes())];
    fields.extend(photos.iter().map(|photo| ("photo", *photo)));
    server.fields(&format!("/v1/admin/upsert\nAuthorization: Bearer {token}"), &fields)
}

fn remove(server: &Server, token: &str, what: &Value) -> Reply {
    let head = "POST /v1/admin/remove\nContent-Type: application/json\nAuthorization: Bearer";
    server.ask(&format!("{head} {token}"), what.to_string().as_bytes())
}

fn best(server: &Server, photo: &[u8]) -> Value {
    let reply = server.post(photo);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["matches"][0].clone()
}

/// The files of photos that were added over HTTP.
fn stored(shop: &Shop) -> Vec<PathBuf> {
    let files = std::fs::read_dir(shop.index().join("photos")).into_iter().flatten();
    files.map(|file| file.expect("an entry").path()).collect()
}

#[test]
fn upserted_photos_are_found_at_once_and_after_a_restart_until_they_are_removed() {
    let shop = Shop::indexed();
    let server = start(&shop);
    let card = json!({
        "id": "lamp/새", "name": "새 조명", "category": "조명", "price": 45_000.0, "colour": "red",
    });
    let (one, two) = (photo_of(40, 300), photo_of(40, 360));
    let reply = upsert(&server, ADMIN, &card, &[&one, b"no photo", &two, &one]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let added = reply.json();
    let became: Vec<&Value> =
        added["photos"].as_array().expect("photos").iter().map(|p| &p["status"]).collect();
    assert_eq!(became, ["added", "rejected", "added", "duplicate"]);
    assert!(added["photos"][1]["reason"].as_str().is_some_and(|why| why.contains("not a photo")));
    assert_eq!((&added["created"], &added["index"]["photos"]), (&true.into(), &20.into()));
    assert_eq!(stored(&shop).len(), 2);

    let check = |server: &Server| {
        let best = best(server, &photo_of(40, 420));
        let product = &best["product"];
        assert_eq!((&product["id"], &product["price"]), (&card["id"], &card["price"]));
        assert_eq!((&product["name"], &product["extra"]["colour"]), (&card["name"], &"red".into()));
        let evidence = best["evidence"].as_array().expect("evidence");
        assert_eq!(evidence.len(), 2);
        for photo in evidence {
            let reply = server.get(photo["thumbnail_url"].as_str().expect("an address"));
            assert_eq!((reply.status, reply.header("content-type")), (200, Some("image/jpeg")));
        }
        let text = best.to_string();
        assert!(!text.contains(shop.folder.path().to_str().expect("UTF-8")), "{text}");
    };
    check(&server);
    let service = server.get("/v1/service").json();
    assert_eq!((&service["index"], &service["index"]["products"]), (&added["index"], &7.into()));
    drop(server);
    shop.run(["index", "verify"]).ok();
    let server = start(&shop);
    check(&server);

    // One of its photos, by its id, then all of it.
    let id = added["photos"][0]["id"].clone();
    let reply = remove(&server, ADMIN, &json!({"photos": [id]}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        (&reply.json()["removed_photos"], &reply.json()["removed_products"]),
        (&1.into(), &0.into())
    );
    assert_eq!(best(&server, &photo_of(40, 420))["evidence"].as_array().map(Vec::len), Some(1));
    let thumbnail = added["photos"][0]["thumbnail_url"].as_str().expect("an address");
    assert_eq!((server.get(thumbnail).status, stored(&shop).len()), (404, 1));
    let reply = remove(&server, ADMIN, &json!({"products": ["lamp/새", PRODUCTS[5]]}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        (&reply.json()["removed_photos"], &reply.json()["index"]["photos"]),
        (&4.into(), &15.into())
    );
    assert_ne!(best(&server, &photo_of(40, 420))["product"]["id"], card["id"]);
    assert_eq!(server.get("/v1/products/lamp%2F%EC%83%88").status, 404);
    assert!(stored(&shop).is_empty());
    assert!(shop.photos().join(PRODUCTS[5]).is_dir(), "the catalogue's own photos stay");
    let metrics = server.get("/metrics").text();
    let done = "lookalike_index_updates_total{operation=\"remove\",result=\"done\"} 2";
    assert!(metrics.contains(done), "{metrics}");
    drop(server);
    assert_eq!(shop.run(["index", "info", "--json"]).json()["photos"], 15);
}

#[test]
fn a_product_gets_more_photos_or_another_card() {
    let shop = Shop::with_cards();
    let server = start(&shop);
    let id = PRODUCTS[4];
    let before = best(&server, &new_photo_of(4))["product"].clone();
    let photo = photo_of(4, 440);
    let added = upsert(&server, ADMIN, &json!({"id": id}), &[&photo]).json();
    assert_eq!(
        (&added["created"], &added["photos"][0]["status"]),
        (&false.into(), &"added".into())
    );
    assert_eq!(added["product"]["price"], before["price"], "the id alone changes no card");
    let again = upsert(&server, ADMIN, &json!({"id": id}), &[&photo]).json();
    assert_eq!(
        (&again["photos"][0]["status"], &again["index"]["photos"]),
        (&"duplicate".into(), &19.into())
    );

    // The catalogue's own photo stays where it was.
    let own = std::fs::read(shop.photos().join(id).join("1.jpg")).expect("a photo");
    let known = upsert(&server, ADMIN, &json!({"id": id}), &[&own]).json();
    assert_eq!((&known["photos"][0]["status"], stored(&shop).len()), (&"duplicate".into(), 1));

    let card = json!({"id": id, "name": "Teppich", "price": 1});
    let changed = upsert(&server, ADMIN, &card, &[]).json();
    assert_eq!(
        (&changed["product"]["name"], &changed["product"]["rating"]),
        (&"Teppich".into(), &Value::Null)
    );
    assert_eq!(best(&server, &new_photo_of(4))["product"]["name"], "Teppich");

    // Another product with the very same photo takes it from nobody.
    let other = json!({"id": "other", "name": "Other"});
    assert_eq!(upsert(&server, ADMIN, &other, &[&photo]).json()["index"]["photos"], 20);
    assert_eq!(remove(&server, ADMIN, &json!({"products": ["other"]})).json()["removed_photos"], 1);
    assert_eq!(stored(&shop).len(), 1, "it still is the first one's");
    shop.run(["index", "verify"]).ok();
}

#[test]
fn updates_need_the_admin_token_and_are_atomic() {
    let shop = Shop::indexed();
    let tokens = [("LOOKALIKE_SERVE_READ_TOKEN", READ), ("LOOKALIKE_SERVE_ADMIN_TOKEN", ADMIN)];
    let server = Server::start_with(&shop, &["--max-photos", "2", "--max-photo-mib", "1"], &tokens);
    let before = std::fs::read(shop.index_file()).expect("the index");
    let (card, photo) = (json!({"id": "new", "name": "New"}), photo_of(40, 300));
    let rug = json!({"products": ["rug 1"]});
    for token in [READ, "wrong", ""] {
        assert_eq!(upsert(&server, token, &card, &[&photo]).status, 401, "{token}");
        assert_eq!(remove(&server, token, &rug).status, 401, "{token}");
    }
    let outside = shop.folder.path().join("photos/rug 1/1.jpg");
    let large = vec![0; (1 << 20) + 1];
    for (card, photos, status) in [
        (json!({"id": "new"}), vec![&photo[..]], 422),
        (card.clone(), vec![b"no photo", b""], 422),
        (card.clone(), vec![&photo, &photo, &photo], 400),
        (card.clone(), vec![&large], 413),
        (json!({"id": "new", "name": "New", "photos": outside}), vec![], 400),
        (json!({"id": "new", "name": "New", "image": outside}), vec![], 400),
        (json!([]), vec![&photo], 400),
    ] {
        let reply = upsert(&server, ADMIN, &card, &photos);
        assert_eq!(reply.status, status, "{card}: {}", reply.text());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    }
    let both = upsert(&server, ADMIN, &card, &[b"no photo", b""]).text();
    assert!(both.contains("photo 1: not a photo") && both.contains("photo 2: "), "{both}");
    let all: Vec<&str> = PRODUCTS.to_vec();
    for (what, status, told) in [
        (json!({}), 400, "nothing in it"),
        (json!({"product": "rug 1"}), 400, "unknown field"),
        (
            json!({"products": ["rug 1", "rug 9"], "photos": ["00"]}),
            404,
            "product 'rug 9', photo '00'",
        ),
        (json!({"products": all}), 409, "nothing would be left"),
    ] {
        let reply = remove(&server, ADMIN, &what);
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        assert!(reply.text().contains(told), "{what}: {}", reply.text());
    }
    let held = lookalike_engine::Index::lock(&shop.index()).expect("the lock");
    for reply in [upsert(&server, ADMIN, &card, &[&photo]), remove(&server, ADMIN, &rug)] {
        assert_eq!((reply.status, reply.header("retry-after")), (409, Some("1")));
        assert!(reply.text().contains("another program"), "{}", reply.text());
    }
    drop(held);
    assert!(stored(&shop).is_empty());
    assert_eq!(std::fs::read(shop.index_file()).expect("the index"), before);
    assert_eq!(upsert(&server, ADMIN, &card, &[&photo]).status, 200);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_changes_nothing() {
    let shop = Shop::indexed();
    let server = start(&shop);
    let (card, photo) = (json!({"id": "new", "name": "New"}), photo_of(40, 300));
    // /dev/full takes a file's name and answers every write as a full disk does.
    let partial = shop.index().join("lookalike.index.partial");
    std::os::unix::fs::symlink("/dev/full", &partial).expect("a link");
    let reply = upsert(&server, ADMIN, &card, &[&photo]);
    assert_eq!(reply.status, 507, "{}", reply.text());
    assert!(stored(&shop).is_empty(), "the photo's file is gone again");
    assert_eq!(best(&server, &new_photo_of(1))["product"]["id"], PRODUCTS[1]);
    // Writing takes the link away when it fails.
    assert_eq!(upsert(&server, ADMIN, &card, &[&photo]).status, 200);
    assert_eq!(best(&server, &photo)["product"]["id"], "new");
}

/// Searches go on while the index is updated, and none fails; one update runs at a time.
#[test]
fn updating_fails_no_search() {
    let shop = Shop::indexed();
    let server = start(&shop);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let searches: Vec<_> = (0..2)
            .map(|number| {
                let (server, done) = (&server, &done);
                scope.spawn(move || {
                    let mut asked = 0;
                    while !done.load(Ordering::Relaxed) || asked == 0 {
                        let best = best(server, &new_photo_of(number));
                        assert_eq!(best["product"]["id"], PRODUCTS[number]);
                        let picture =
                            best["evidence"][0]["thumbnail_url"].as_str().expect("an address");
                        assert_eq!(server.get(picture).status, 200);
                        asked += 1;
                    }
                })
            })
            .collect();
        let changes: Vec<_> = (0..2u32)
            .map(|number| {
                let server = &server;
                scope.spawn(move || {
                    for round in 0..4 {
                        let id = format!("new {number} {round}");
                        let photo = photo_of(40 + 4 * number + round, 300);
                        let card = json!({"id": id, "name": id});
                        // Two at once: one is told to come back.
                        let reply = loop {
                            let reply = upsert(server, ADMIN, &card, &[&photo]);
                            if reply.status != 409 {
                                break reply;
                            }
                            std::thread::sleep(std::time::Duration::from_millis(20));
                        };
                        assert_eq!(reply.status, 200, "{}", reply.text());
                        assert_eq!(best(server, &photo)["product"]["id"], *id);
                    }
                })
            })
            .collect();
        let changed: Vec<_> = changes.into_iter().map(|change| change.join()).collect();
        done.store(true, Ordering::Relaxed);
        searches.into_iter().for_each(|search| search.join().expect("no search fails"));
        assert!(changed.iter().all(Result::is_ok), "every change is made");
    });
    assert_eq!(server.get("/v1/service").json()["index"]["photos"], 26);
}
