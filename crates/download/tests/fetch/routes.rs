//! Tokens, redirects, proxies, mirrors.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use lookalike_download::{DownloadError, Proxies};
use lookalike_testkit::hub::{Hub, Site};

use crate::setup::{Bench, content, hub_file, url_file};

#[test]
fn the_token_stays_with_the_endpoint() {
    let mut bench = Bench::new();
    bench.settings.token = Some("hf_secret".into());
    bench.hub.require_token("hf_secret");
    bench.fetch(&hub_file("main")).expect("fetched");
    let requests = bench.hub.requests();
    let with_token = |site| {
        let there = requests.iter().filter(|request| request.site == site);
        there.map(|request| request.header("authorization").is_some()).collect::<Vec<_>>()
    };
    assert_eq!(with_token(Site::Endpoint), [true, true], "one HEAD, one GET");
    assert_eq!(with_token(Site::Store), [false]);
    // The branch may move on between the two.
    assert!(requests[1].path.contains(&format!("/resolve/{}/", Hub::COMMIT)), "{requests:?}");
    assert!(requests.iter().all(|request| !format!("{request:?}").contains("gzip")));
}

#[test]
fn a_redirect_of_a_renamed_repository_is_followed() {
    let bench = Bench::new();
    bench.hub.redirect(
        "/old/name/resolve/main/model.safetensors",
        "/timm/tiny.a1/resolve/main/model.safetensors",
    );
    let mut remote = hub_file("main");
    if let lookalike_download::Source::Hub { repo, .. } = &mut remote.source {
        *repo = "old/name".into();
    }
    // The commit has its own address, which the hub redirects as well.
    bench.hub.redirect(
        &format!("/old/name/resolve/{}/model.safetensors", Hub::COMMIT),
        "/timm/tiny.a1/resolve/main/model.safetensors",
    );
    assert_eq!(bench.fetch(&remote).expect("fetched").bytes, 400_000);
}

#[test]
fn redirects_end() {
    let bench = Bench::new();
    let file = bench.hub.put_url("/5/f", b"weights");
    let mut target = file;
    for hop in (0..5).rev() {
        target = bench.hub.redirect(&format!("/{hop}/f"), &target);
    }
    assert_eq!(bench.fetch(&url_file(target.clone())).expect("five are followed").bytes, 7);
    let six = bench.hub.redirect("/six/other", &target);
    for remote in [url_file(six), url_file(bench.hub.redirect("/loop", "/loop"))] {
        let error = bench.fetch(&remote).expect_err("too many");
        assert!(matches!(error, DownloadError::Redirect { .. }), "{error}");
    }
    let elsewhere = url_file(bench.hub.redirect("/file", "file:///etc/passwd"));
    let error = bench.fetch(&elsewhere).expect_err("no web address");
    assert!(matches!(error, DownloadError::Redirect { .. }), "{error}");
}

/// A proxy that tunnels, and remembers where to.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let tunnels = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&tunnels);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let requests = Arc::clone(&requests);
            thread::spawn(move || tunnel(stream, &requests));
        }
    });
    (address, tunnels)
}

fn tunnel(mut client: TcpStream, requests: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    requests.lock().expect("a log").push(head.lines().next().unwrap_or_default().to_owned());
    let target = head.split_whitespace().nth(1).unwrap_or_default();
    let mut server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to));
    io::copy(&mut server, &mut client)?;
    client.shutdown(std::net::Shutdown::Write)
}

#[test]
fn a_proxy_is_gone_through_unless_excepted() {
    let mut bench = Bench::new();
    let (address, tunnels) = proxy();
    bench.settings.proxies = Proxies { http: Some(address), ..Proxies::default() };
    let fetched = bench.fetch(&hub_file("main")).expect("fetched");
    assert_eq!(std::fs::read(fetched.path).expect("there"), content());
    let endpoint = bench.hub.endpoint()["http://".len()..].to_owned();
    let store = bench.hub.store()["http://".len()..].to_owned();
    let seen = tunnels.lock().expect("a log").clone();
    assert!(seen.contains(&format!("CONNECT {endpoint} HTTP/1.1")), "{seen:?}");
    assert!(seen.contains(&format!("CONNECT {store} HTTP/1.1")), "{seen:?}");

    tunnels.lock().expect("a log").clear();
    bench.settings.proxies.none = "localhost, 127.0.0.1".into();
    bench.fetch(&hub_file("other")).expect("fetched directly");
    bench.settings.proxies.none.clear();
    // A proxy for https is none for http.
    bench.settings.proxies.https = bench.settings.proxies.http.take();
    bench.fetch(&hub_file("third")).expect("fetched directly");
    assert_eq!(*tunnels.lock().expect("a log"), [""; 0]);
}

#[test]
fn a_proxy_that_is_none_is_named() {
    let mut bench = Bench::new();
    let proxy = |address: &str| Proxies { http: Some(address.into()), ..Proxies::default() };
    bench.settings.proxies = proxy("gopher://x");
    let line = bench.fetch(&hub_file("main")).expect_err("no proxy").to_string();
    assert!(line.contains("HTTP_PROXY"), "{line}");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    bench.settings.proxies = proxy(&format!("http://{free}"));
    let error = bench.fetch(&hub_file("main")).expect_err("nobody there");
    assert!(matches!(error, DownloadError::Unreachable { .. }), "{error}");
    assert_eq!(bench.hub.requests(), []);
}
