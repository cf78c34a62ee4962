//! Overload: which requests are refused with 429 or 503, how, and that this ends.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::helpers::{PRODUCTS, Shop, new_photo_of};
use crate::running_server::{Server, receive};

/// Longer than any test takes: a delayed request goes on for another reason.
const LONG_DELAY: [&str; 2] = ["--refusal-delay-seconds", "600"];

/// An upload that never ends.
fn hang(server: &Server) -> TcpStream {
    hang_with(server, "")
}

/// The same, with more headers.
fn hang_with(server: &Server, more: &str) -> TcpStream {
    let mut stream = server.connect();
    let head =
        format!("POST /v1/similar HTTP/1.1\r\nHost: test\r\n{more}Content-Length: 1000\r\n\r\nx");
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}

/// Waits until a metric has a value.
fn until(server: &Server, line: &str) {
    while !server.get("/metrics").text().lines().any(|found| found == line) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Uploads that never end take 32 permits, and no more than that.
#[test]
fn overload_is_refused_and_ends_with_its_cause() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let hanging: Vec<TcpStream> = (0..32).map(|_| hang(&server)).collect();
    // The server may not have read all of them yet.
    let mut refused = server.post(&new_photo_of(0));
    for _ in 0..200 {
        if refused.status == 503 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        refused = server.post(&new_photo_of(0));
    }
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(server.get("/healthz").status, 200, "health is reported even then");
    assert_eq!(server.get("/readyz").status, 503);
    assert!(server.get("/metrics").text().contains("http_rejections_total{reason=\"busy\"}"));
    drop(hanging);
    let mut status = 0;
    for _ in 0..200 {
        status = server.post(&new_photo_of(0)).status;
        if status == 200 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(status, 200);
    assert_eq!(server.get("/readyz").status, 200);
}

/// A few clients that send a byte now and then must not hold the places of others.
#[test]
fn an_upload_that_is_too_slow_loses_its_place() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let begun = std::time::Instant::now();
    let reply = receive(hang(&server));
    assert_eq!(reply.status, 408, "{}", reply.text());
    let seconds = begun.elapsed().as_secs();
    assert!((3..20).contains(&seconds), "after {seconds} s, of 30 that an upload may take");
}

/// Pictures are cheap, and limited all the same.
#[test]
fn thumbnails_have_a_limit_of_their_own() {
    let shop = Shop::indexed();
    let flags = ["--rate", "0.001", "--burst", "1", "--refusal-delay-seconds", "1"];
    let server = Server::start_with(&shop, &flags, &[]);
    let answer = server.post(&new_photo_of(0)).json();
    let thumbnail = answer["matches"][0]["evidence"][0]["thumbnail_url"].as_str().expect("one");
    let served = (0..60).take_while(|_| server.get(thumbnail).status == 200).count();
    assert_eq!(served, 50, "for the one search that there may be");
    assert_eq!(server.get("/v1/products/rug%201").status, 429);
}

/// Clients that ignore `Retry-After` cannot keep the server busy with refusals: a refusal is delayed, and the
/// request is taken on if a permit becomes free meanwhile.
#[test]
fn a_refusal_is_delayed_until_a_permit_is_free() {
    let shop = Shop::indexed();
    let server =
        Server::start_with(&shop, &[&LONG_DELAY[..], &["--max-requests", "1"]].concat(), &[]);
    let hanging = hang(&server);
    until(&server, "lookalike_requests_in_flight 1");
    std::thread::scope(|scope| {
        let server = &server;
        let ask = |product| scope.spawn(move || server.post(&new_photo_of(product)));
        let clients: Vec<_> = (0..PRODUCTS.len()).map(ask).collect();
        until(server, &format!("lookalike_requests_delayed {}", PRODUCTS.len()));
        assert_eq!(server.get("/readyz").status, 503);
        drop(hanging);
        for (client, product) in clients.into_iter().zip(PRODUCTS) {
            let reply = client.join().expect("an answer");
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(reply.json()["matches"][0]["product"]["id"], product);
        }
    });
    let metrics = server.get("/metrics").text();
    assert!(!metrics.contains("http_rejections_total{reason=\"busy\"}"), "{metrics}");
    assert!(metrics.contains("lookalike_requests_delayed 0"), "{metrics}");
}

/// Delayed refusals are sent at once when the server stops.
#[cfg(unix)]
#[test]
fn stopping_does_not_wait_for_delayed_refusals() {
    let shop = Shop::indexed();
    let flags = ["--max-requests", "1", "--rate", "0.001", "--burst", "2", "--behind-proxy"];
    let mut server = Server::start_with(&shop, &[&LONG_DELAY[..], &flags].concat(), &[]);
    let hanging = hang(&server);
    until(&server, "lookalike_requests_in_flight 1");
    std::thread::scope(|scope| {
        let ask = |from: &'static str| {
            let server = &server;
            let head = format!("POST /v1/similar\nX-Forwarded-For: {from}");
            scope.spawn(move || server.ask(&head, &new_photo_of(0)))
        };
        // The first finds no permit; of the others, one is above the client's quota, and one above its rate.
        let mut clients = vec![ask("10.0.0.1")];
        until(&server, "lookalike_requests_delayed 1");
        clients.extend([ask("10.0.0.1"), ask("10.0.0.1")]);
        until(&server, "lookalike_requests_delayed 3");
        server.terminate();
        let replies = clients.into_iter().map(|client| client.join().expect("an answer"));
        let mut statuses: Vec<u16> = replies.map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [429, 429, 503]);
    });
    drop(hanging);
    assert!(server.child.wait().expect("the server ends").success());
}

/// One client's quota is a quarter of the permits; the others stay free for other clients.
#[test]
fn one_client_cannot_take_all_permits() {
    let shop = Shop::indexed();
    let flags =
        ["--max-requests", "8", "--rate", "100", "--behind-proxy", "--refusal-delay-seconds", "1"];
    let server = Server::start_with(&shop, &flags, &[]);
    let from = |client: &str| format!("X-Forwarded-For: {client}");
    let upload = || hang_with(&server, &format!("{}\r\n", from("10.0.0.1")));
    let hanging = [upload(), upload()];
    until(&server, "lookalike_requests_in_flight 2");
    let ask = |client| server.ask(&format!("POST /v1/similar\n{}", from(client)), &new_photo_of(0));
    let refused = ask("10.0.0.1");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(ask("10.0.0.2").status, 200);
    drop(hanging);
    until(&server, "lookalike_requests_in_flight 0");
    assert_eq!(ask("10.0.0.1").status, 200);
}

/// Nor all connections: one above the quota is closed at once.
#[test]
fn one_client_cannot_take_all_connections() {
    let shop = Shop::indexed();
    let server = Server::start_with(&shop, &["--max-connections", "8", "--rate", "100"], &[]);
    let _idle = [server.connect(), server.connect()];
    let mut third = server.connect();
    third.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    let ended =
        third.read(&mut [0]).map_or_else(|error| error.kind(), |_| ErrorKind::UnexpectedEof);
    assert!(matches!(ended, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{ended:?}");
}

/// More views than usual count as several searches against the rate limit.
#[test]
fn expensive_searches_count_as_several() {
    let shop = Shop::indexed();
    let flags = ["--rate", "0.001", "--burst", "3", "--refusal-delay-seconds", "1"];
    for (path, searches) in [("/v1/similar", 1), ("/v1/similar?views=both", 2)] {
        let server = Server::start_with(&shop, &flags, &[]);
        let asked = (0..4).map(|_| server.ask(&format!("POST {path}"), &new_photo_of(0)).status);
        let answered = asked.filter(|status| *status == 200).count();
        assert_eq!(answered, 3usize.div_ceil(searches), "{path}");
    }
}

/// A client that sends requests and reads no response loses its connection.
#[test]
fn responses_that_nobody_reads_end_the_connection() {
    let shop = Shop::indexed();
    let server = Server::start_with(&shop, &["--upload-timeout-seconds", "1"], &[]);
    let mut stream = server.connect();
    let ask = "GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n".repeat(2000);
    stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a socket");
    // The server reads only as many requests as it can respond to.
    let _ = stream.write_all(ask.as_bytes());
    // The connection that asks for metrics is the only one left.
    until(&server, "lookalike_open_connections 1");
    drop(stream);
}
