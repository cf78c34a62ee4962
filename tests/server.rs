//! The search endpoint over real connections: what it takes, and what it refuses.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::helpers::{PRODUCTS, Shop, fixtures, new_photo_of};
use crate::running_server::{Server, receive};

#[test]
fn a_photo_is_answered_as_on_the_command_line() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let health = server.get("/healthz");
    assert_eq!((health.status, &health.json()["photos"]), (200, &18.into()));
    let photo = new_photo_of(3);
    let reply = server.ask("POST /v1/similar?top=2", &photo);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    let told = shop.search(&shop.beside("query.jpg", photo));
    assert_eq!(answer["matches"].as_array().map(Vec::len), Some(2));
    for rank in 0..2 {
        let (here, there) = (&answer["matches"][rank], &told["matches"][rank]);
        for same in ["rank", "score", "similarity"] {
            assert_eq!(here[same], there[same], "{same}");
        }
        for (key, value) in there["product"].as_object().expect("a product") {
            assert_eq!(&here["product"][key], value, "{key}");
        }
        for (at, photo) in there["evidence"].as_array().expect("photos").iter().enumerate() {
            assert_eq!(here["evidence"][at]["photo"], photo["photo"]);
        }
    }
    assert_eq!(answer["matches"][0]["product"]["id"], PRODUCTS[3]);
    let shop_folder = shop.folder.path().to_str().expect("UTF-8");
    assert!(
        !answer.to_string().contains(shop_folder),
        "the server's folders are nobody's business"
    );
}

#[test]
fn bad_requests_are_refused_with_a_reason() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    for file in fixtures("bad") {
        let bytes = std::fs::read(&file).expect("a fixture");
        let reply = server.post(&bytes);
        let wanted = if bytes.is_empty() { 400 } else { 422 };
        assert_eq!(reply.status, wanted, "{}: {}", file.display(), reply.text());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        let problem = reply.json();
        assert!(problem["detail"].is_string() && problem["status"] == wanted, "{problem}");
    }
    let photo = new_photo_of(0);
    let similar =
        |parameters: &str| server.ask(&format!("POST /v1/similar{parameters}"), &photo).status;
    for parameters in [
        "?top=0",
        "?top=101",
        "?top=-1",
        "?top=x",
        "?other=1",
        "?crop=1,2,3",
        "?crop=0,0,2,1",
        "?explain=maybe",
    ] {
        assert_eq!(similar(parameters), 400, "{parameters}");
    }
    assert_eq!(server.get("/v1/similar").status, 405);
    for path in ["/etc/passwd", "/../Cargo.toml", "/v1/photos/../../Cargo.toml", "/page/"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert_eq!(server.post(&vec![0; 25 << 20]).status, 413);
    assert_eq!(server.ask("POST /v1/similar\nContent-Type: multipart/form-data", b"x").status, 400);
    assert_eq!(server.post(&photo).status, 200, "and it still answers");
}

#[test]
fn many_at_once_get_the_same_answers() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    std::thread::scope(|scope| {
        for (number, product) in PRODUCTS.iter().enumerate() {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..4 {
                    let reply = server.post(&new_photo_of(number));
                    assert_eq!(reply.status, 200);
                    assert_eq!(reply.json()["matches"][0]["product"]["id"], *product);
                }
            });
        }
    });
}

#[cfg(unix)]
#[test]
fn being_told_to_stop_is_no_failure() {
    let shop = Shop::indexed();
    let mut server = Server::start(&shop);
    // A connection that is open and idle does not hold it up.
    let _idle = server.connect();
    server.terminate();
    assert!(server.child.wait().expect("the server ends").success());
}

/// What has begun is finished, even when it arrives slowly.
#[cfg(unix)]
#[test]
fn stopping_finishes_what_has_begun() {
    let shop = Shop::indexed();
    let mut server = Server::start(&shop);
    let photo = new_photo_of(2);
    let mut stream = server.connect();
    let length = photo.len();
    let head =
        format!("POST /v1/similar HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(&photo[..100]).expect("sent");
    // Until the server has seen it, it is no request.
    let begun = || server.get("/metrics").text().contains("requests_in_flight 1");
    while !begun() {
        std::thread::sleep(Duration::from_millis(10));
    }
    server.terminate();
    // New connections are refused from some moment on.
    while TcpStream::connect(&server.address).is_ok() {
        std::thread::sleep(Duration::from_millis(10));
    }
    stream.write_all(&photo[100..]).expect("sent");
    let reply = receive(stream);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["matches"][0]["product"]["id"], PRODUCTS[2]);
    assert!(server.child.wait().expect("the server ends").success());
}

/// A manifest may name photos by absolute paths; over HTTP only the files' names are shown.
#[test]
fn absolute_paths_stay_on_the_machine() {
    let shop = Shop::empty();
    let elsewhere = Shop::empty();
    let photo = elsewhere.add("cup.jpg", &new_photo_of(0));
    let row = serde_json::json!({"id": "cup", "name": "Cup", "photos": photo, "image": photo});
    shop.build_from(&shop.beside("shop.jsonl", row.to_string())).ok();
    let server = Server::start(&shop);
    let answer = server.ask("POST /v1/similar?explain=true", &new_photo_of(0)).json();
    let best = &answer["matches"][0];
    assert_eq!(best["evidence"][0]["photo"], "cup.jpg");
    assert_eq!(best["product"]["image"], "cup.jpg");
    let folder = elsewhere.folder.path().to_str().expect("UTF-8");
    assert!(!answer.to_string().contains(folder), "{answer}");
    // They are shown all the same.
    for image in [&best["product"]["image_url"], &best["evidence"][0]["thumbnail_url"]] {
        let reply = server.get(image.as_str().expect("an address"));
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("image/jpeg")));
    }
}

/// Fewer pixels than the command line takes: everybody can send them.
#[test]
fn pixel_bombs_are_cheap_to_refuse() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let mut png = std::io::Cursor::new(Vec::new());
    let blank = image::GrayImage::new(7200, 7200);
    blank.write_to(&mut png, image::ImageFormat::Png).expect("written to memory");
    let reply = server.post(png.get_ref());
    assert_eq!(reply.status, 422);
    assert!(reply.text().contains("7200x7200 pixels"), "{}", reply.text());
}

#[test]
fn an_address_in_use_is_told() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let error = shop.run(["serve", "--addr", &server.address]).error(1);
    assert!(error.contains("choose another address"), "{error}");
}
