//! How a server is run: settings, tokens, rates, reloading, logs, metrics.

use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::helpers::{PRODUCTS, Shop, command, new_photo_of};
use crate::running_server::{Server, receive};

const READ: &str = "a token for reading it";
const ADMIN: &str = "a token for administering";

#[test]
fn tokens_open_what_is_theirs() {
    let shop = Shop::indexed();
    let tokens = [("LOOKALIKE_SERVE_READ_TOKEN", READ), ("LOOKALIKE_SERVE_ADMIN_TOKEN", ADMIN)];
    let server = Server::start_with(&shop, &[], &tokens);
    let photo = new_photo_of(0);
    let similar = |token: &str| {
        let reply = server.ask(&format!("POST /v1/similar\nAuthorization: Bearer {token}"), &photo);
        reply.status
    };
    let reload = |token: &str| {
        let head = format!("POST /v1/admin/reload\nAuthorization: Bearer {token}");
        server.ask(&head, b"").status
    };
    assert_eq!([similar(READ), similar(ADMIN), similar("x")], [200, 200, 401]);
    assert_eq!([reload(READ), reload(ADMIN), reload("x")], [401, 200, 401]);
    let refused = server.post(&photo);
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
    for (path, status) in [("/metrics", 401), ("/v1/service", 401), ("/healthz", 200), ("/", 200)] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
}

#[test]
fn without_an_admin_token_there_is_no_administration() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    assert_eq!(server.ask("POST /v1/admin/reload", b"").status, 404);
    let error = shop.run(["serve", "--addr", "127.0.0.1:0", "--read-token", "short"]).error(1);
    assert!(error.contains("at least 16 characters"), "{error}");
}

/// An index is swapped under load: no request fails, and each is answered by one index or the other.
#[test]
fn reloading_fails_nobody() {
    let shop = Shop::indexed();
    let server = Server::start_with(&shop, &["--admin-token", ADMIN], &[]);
    let before = server.get("/v1/service").json()["index"]["id"].clone();
    // A seventh product.
    shop.add("new thing/1.jpg", &new_photo_of(77));
    let done = AtomicBool::new(false);
    let reload = || {
        let head = format!("POST /v1/admin/reload\nAuthorization: Bearer {ADMIN}");
        server.ask(&head, b"")
    };
    std::thread::scope(|scope| {
        let searches: Vec<_> = (0..3)
            .map(|number| {
                let (server, done) = (&server, &done);
                scope.spawn(move || {
                    let mut asked = 0;
                    while !done.load(Ordering::Relaxed) || asked == 0 {
                        let reply = server.post(&new_photo_of(number));
                        assert_eq!(reply.status, 200, "{}", reply.text());
                        let answer = reply.json();
                        assert_eq!(answer["matches"][0]["product"]["id"], PRODUCTS[number]);
                        asked += 1;
                    }
                })
            })
            .collect();
        shop.build().ok();
        let reply = reload();
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(
            (&reply.json()["changed"], &reply.json()["index"]["photos"]),
            (&true.into(), &19.into())
        );
        done.store(true, Ordering::Relaxed);
        searches.into_iter().for_each(|search| search.join().expect("no request fails"));
    });
    assert_ne!(server.get("/v1/service").json()["index"]["id"], before);
    let answer = server.post(&new_photo_of(77)).json();
    assert_eq!(answer["matches"][0]["product"]["id"], "new thing");

    // A damaged index is refused, and the good one stays.
    std::fs::write(shop.index_file(), b"LOOKALIKE or not").expect("written");
    let refused = reload();
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("still served"), "{}", refused.text());
    assert_eq!(server.post(&new_photo_of(0)).status, 200);
}

#[test]
fn a_client_that_asks_too_often_waits() {
    let shop = Shop::indexed();
    let server =
        Server::start_with(&shop, &["--rate", "0.01", "--burst", "2", "--behind-proxy"], &[]);
    let photo = new_photo_of(0);
    let ask =
        |from: &str| server.ask(&format!("POST /v1/similar\nX-Forwarded-For: {from}"), &photo);
    assert_eq!([ask("10.0.0.1").status, ask("10.0.0.1").status], [200, 200]);
    let refused = ask("10.0.0.1");
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").expect("a wait").parse().expect("seconds");
    assert!((1..=100).contains(&wait), "{wait}");
    assert_eq!(ask("10.0.0.2").status, 200, "others are not held up");
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn settings_come_from_a_file_and_the_environment() {
    let shop = Shop::indexed();
    let file = shop.beside(
        "serve.toml",
        "addr = 'localhost:0'\nmax_results = 2\nmax_photos = 1\nmax_photo_mib = 1\n",
    );
    let file = file.to_str().expect("UTF-8");
    let server = Server::start_with(
        &shop,
        &["--config", file, "--max-photos", "3"],
        &[("LOOKALIKE_SERVE_MAX_PHOTOS", "2"), ("LOOKALIKE_SERVE_MAX_PHOTO_MIB", "2")],
    );
    let limits = server.get("/v1/service").json()["limits"].clone();
    assert_eq!(limits["max_results"], 2, "the file");
    assert_eq!(limits["max_photo_bytes"], 2 << 20, "the environment wins over the file");
    assert_eq!(limits["max_photos"], 3, "a flag wins over both");
    let wrong = shop.beside("wrong.toml", "adress = 'x'\n");
    let error = shop.run(["serve", "--config", wrong.to_str().expect("UTF-8")]).error(2);
    assert!(error.contains("line 1") && error.contains("adress"), "{error}");
}

#[test]
fn requests_are_logged_with_their_ids_and_counted() {
    let shop = Shop::indexed();
    let mut serve = command(["serve", "--addr", "127.0.0.1:0", "--log", "info"]);
    serve.args(["--log-format", "json", "--index"]).arg(shop.index()).stderr(Stdio::piped());
    let mut server = Server::run(serve);
    let reply = server.ask("POST /v1/similar\nX-Request-Id: my-own.id", &new_photo_of(0));
    assert_eq!((reply.status, reply.header("x-request-id")), (200, Some("my-own.id")));
    let bad = server.ask("GET /healthz\nX-Request-Id: {\"no\": 1}", b"");
    assert!(bad.header("x-request-id").is_some_and(|id| !id.contains('"')));
    let metrics = server.get("/metrics");
    assert!(metrics.header("content-type").is_some_and(|kind| kind.contains("openmetrics")));
    let metrics = metrics.text();
    for line in [
        "lookalike_http_requests_total{method=\"POST\",route=\"/v1/similar\",status=\"200\"} 1",
        "lookalike_index_photos 18",
        "lookalike_search_phase_duration_seconds_count{phase=\"embed\"} 1",
        "lookalike_requests_in_flight 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let _ = server.child.kill();
    let mut log = String::new();
    let stderr = server.child.stderr.as_mut().expect("a pipe");
    stderr.read_to_string(&mut log).expect("UTF-8");
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let line = lines.iter().find(|line| line["route"] == "/v1/similar").expect("the search");
    assert_eq!((&line["status"], &line["span"]["id"]), (&200.into(), &"my-own.id".into()));
}

#[test]
fn other_origins_may_send_requests_only_where_that_is_allowed() {
    let shop = Shop::indexed();
    let head = "GET /v1/service\nOrigin: https://shop.example";
    let closed = Server::start(&shop);
    assert_eq!(closed.ask(head, b"").header("access-control-allow-origin"), None);
    let open = Server::start_with(&shop, &["--cors", "https://shop.example"], &[]);
    let origin = open.ask(head, b"");
    assert_eq!(origin.header("access-control-allow-origin"), Some("https://shop.example"));
    let other = open.ask("GET /v1/service\nOrigin: https://other.example", b"");
    assert_eq!(other.header("access-control-allow-origin"), None);
    let error = shop.run(["serve", "--addr", "127.0.0.1:0", "--cors", "shop.example"]).error(1);
    assert!(error.contains("an origin is"), "{error}");
}

/// Headers that never end run into a timeout, and the number of connections is limited.
#[test]
fn slow_headers_are_cut_off() {
    use std::io::Write;
    let shop = Shop::indexed();
    let server = Server::start_with(
        &shop,
        &["--header-timeout-seconds", "1", "--max-connections", "2"],
        &[],
    );
    let mut slow: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: te").expect("sent");
    }
    // Waits for a connection, until the slow ones are cut off.
    assert_eq!(server.get("/healthz").status, 200);
    for stream in slow {
        let mut rest = Vec::new();
        let mut stream = stream;
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
    }
    let mut tidy = server.connect();
    tidy.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        .expect("sent");
    assert_eq!(receive(tidy).status, 200);
}
