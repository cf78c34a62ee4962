//! A server that has more to do than it takes: what it refuses, how, and that this ends.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::helpers::{PRODUCTS, Shop, new_photo_of};
use crate::serving::Server;

/// Longer than any test takes: who is held is let go by something else.
const HOLD: [&str; 2] = ["--hold-seconds", "600"];

/// An upload that never ends.
fn hang(server: &Server) -> TcpStream {
    let mut stream = server.connect();
    let head = "POST /v1/similar HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nx";
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}

/// Waits until a metric has a value.
fn until(server: &Server, line: &str) {
    while !server.get("/metrics").text().lines().any(|found| found == line) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Uploads that never end take the places of 32 requests, and no more than that.
#[test]
fn overload_is_refused_and_ends_with_its_cause() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let hanging: Vec<TcpStream> = (0..32).map(|_| hang(&server)).collect();
    // The server reads what has arrived in its own time.
    let mut refused = server.post(&new_photo_of(0));
    for _ in 0..200 {
        if refused.status == 503 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        refused = server.post(&new_photo_of(0));
    }
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(server.get("/healthz").status, 200, "health is told even then");
    assert_eq!(server.get("/readyz").status, 503);
    assert!(server.get("/metrics").text().contains("rejections_total{reason=\"busy\"}"));
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

/// Clients that ignore what a refusal says cannot keep the server busy with refusals: they are held
/// before they are refused, and answered if there is a place meanwhile.
#[test]
fn who_finds_no_place_is_held_and_takes_the_next_one() {
    let shop = Shop::indexed();
    let server = Server::start_with(&shop, &[&HOLD[..], &["--requests", "1"]].concat(), &[]);
    let hanging = hang(&server);
    until(&server, "lookalike_searches_in_flight 1");
    std::thread::scope(|scope| {
        let server = &server;
        let ask = |product| scope.spawn(move || server.post(&new_photo_of(product)));
        let clients: Vec<_> = (0..PRODUCTS.len()).map(ask).collect();
        until(server, &format!("lookalike_searches_held {}", PRODUCTS.len()));
        assert_eq!(server.get("/readyz").status, 503);
        drop(hanging);
        for (client, product) in clients.into_iter().zip(PRODUCTS) {
            let reply = client.join().expect("an answer");
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(reply.json()["matches"][0]["product"]["id"], product);
        }
    });
    let metrics = server.get("/metrics").text();
    assert!(!metrics.contains("rejections_total{reason=\"busy\"}"), "{metrics}");
    assert!(metrics.contains("lookalike_searches_held 0"), "{metrics}");
}

/// Those who are held are told at once: the server's end does not wait for them.
#[cfg(unix)]
#[test]
fn stopping_refuses_those_who_are_held() {
    let shop = Shop::indexed();
    let flags = ["--requests", "1", "--rate", "0.001", "--burst", "2", "--behind-proxy"];
    let mut server = Server::start_with(&shop, &[&HOLD[..], &flags].concat(), &[]);
    let hanging = hang(&server);
    until(&server, "lookalike_searches_in_flight 1");
    std::thread::scope(|scope| {
        let ask = |from: &'static str| {
            let server = &server;
            let head = format!("POST /v1/similar\nX-Forwarded-For: {from}");
            scope.spawn(move || server.ask(&head, &new_photo_of(0)))
        };
        // The first finds no place; of the others, one has searched too often.
        let mut clients = vec![ask("10.0.0.1")];
        until(&server, "lookalike_searches_held 1");
        clients.extend([ask("10.0.0.1"), ask("10.0.0.1")]);
        until(&server, "lookalike_searches_held 3");
        server.terminate();
        let replies = clients.into_iter().map(|client| client.join().expect("an answer"));
        let mut statuses: Vec<u16> = replies.map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [429, 503, 503]);
    });
    drop(hanging);
    assert!(server.child.wait().expect("the server ends").success());
}
