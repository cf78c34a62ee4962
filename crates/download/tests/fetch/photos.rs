//! Photos at web addresses.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lookalike_base::progress::Silent;
use lookalike_download::{PhotoCache, PhotoLimits, Settings, fetch_photo};
use lookalike_testkit::hub::{Fault, Hub};

fn settings() -> Settings {
    Settings {
        token: Some("secret".to_owned()),
        backoff: Duration::from_millis(10),
        longest_wait: Duration::from_millis(50),
        read_timeout: Duration::from_millis(300),
        proxies: Default::default(),
        ..Settings::from_env()
    }
}

fn cache(folder: &Path, limits: PhotoLimits) -> PhotoCache {
    PhotoCache::new(Settings { photo_cache: folder.to_owned(), ..settings() }, limits)
}

type Fetched = HashMap<String, Result<PathBuf, String>>;

fn fetch(cache: &PhotoCache, addresses: &[&String]) -> Fetched {
    let addresses: Vec<&str> = addresses.iter().map(|address| address.as_str()).collect();
    cache.fetch_all(&addresses, &Silent)
}

fn content(fetched: &Fetched, address: &str) -> Vec<u8> {
    std::fs::read(fetched[address].as_ref().expect("a file")).expect("its bytes")
}

#[test]
fn photos_come_from_the_network_once() {
    let (hub, folder) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let photos: Vec<String> = (0..40)
        .map(|n| hub.put_url(&format!("/의자 {n}.jpg").replace(' ', "%20"), &[n; 99]))
        .collect();
    let all: Vec<&String> = photos.iter().collect();
    let first = fetch(&cache(folder.path(), PhotoLimits::default()), &all);
    (0..40).for_each(|n| assert_eq!(content(&first, &photos[usize::from(n)]), [n; 99]));
    assert_eq!(hub.requests().len(), 40);
    assert!(hub.requests().iter().all(|request| request.header("authorization").is_none()));

    // Another run takes them from the cache; when they are a day old, it asks whether they have changed.
    assert_eq!(fetch(&cache(folder.path(), PhotoLimits::default()), &all), first);
    assert_eq!(hub.requests().len(), 40);
    let changed = hub.put_url("/의자%203.jpg", b"another photo");
    let old = PhotoLimits { fresh: Duration::ZERO, ..PhotoLimits::default() };
    let again = fetch(&cache(folder.path(), old.clone()), &all);
    assert_eq!(hub.requests().len(), 80);
    assert_eq!(content(&again, &changed), b"another photo");
    assert_eq!(content(&again, &photos[4]), [4; 99]);

    // A photo that cannot be asked for any more is had from the cache, unless it is gone.
    hub.always(Some(Fault::Status(503, None)));
    assert_eq!(fetch(&cache(folder.path(), old.clone()), &all[..2]).len(), 2);
    hub.always(Some(Fault::Status(404, None)));
    assert!(fetch(&cache(folder.path(), old), &all[..1])[&photos[0]].is_err());
}

#[test]
fn what_cannot_be_had_has_its_reason_and_stops_nothing() {
    let (hub, folder) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let good = hub.put_url("/good.jpg", b"photo");
    let moved = hub.redirect("/moved.jpg", "/good.jpg");
    let around = hub.redirect("/around.jpg", "/around.jpg");
    let large = hub.put_url("/large.jpg", &[7; 3 << 20]);
    let page = hub.put_url("/page.html", b"<html>not here</html>");
    let empty = hub.put_url("/empty.jpg", b"");
    let gone = format!("{}/gone.jpg", hub.endpoint());
    let nonsense = "http://".to_owned();
    let addresses = [&good, &moved, &around, &large, &page, &empty, &gone, &nonsense];
    let limits = PhotoLimits { max_bytes: 2 << 20, ..PhotoLimits::default() };
    let fetched = fetch(&cache(folder.path(), limits), &addresses);
    assert_eq!(fetched.len(), addresses.len());
    assert_eq!(content(&fetched, &good), b"photo");
    assert_eq!(content(&fetched, &moved), b"photo");
    for (address, reason) in [
        (&around, "5 redirects"),
        (&large, "more than 2 MiB"),
        (&page, "text/html"),
        (&empty, "nothing"),
        (&gone, "does not have it"),
    ] {
        let error = fetched[address].as_ref().expect_err("no photo");
        assert!(error.contains(reason) && !error.contains('\n'), "{address}: {error}");
    }
    assert!(fetched[&nonsense].is_err());
}

#[test]
fn a_cut_or_busy_server_is_asked_again() {
    for fault in [
        Fault::ContentStatus(429, Some(0)),
        Fault::ContentStatus(500, None),
        Fault::CutAfter(3),
        Fault::Stall,
    ] {
        let (hub, folder) = (Hub::start(), tempfile::tempdir().expect("a folder"));
        let photo = hub.put_url("/photo.jpg", b"a whole photo");
        hub.fault(fault.clone());
        let fetched = fetch(&cache(folder.path(), PhotoLimits::default()), &[&photo]);
        assert_eq!(content(&fetched, &photo), b"a whole photo", "{fault:?}");
        assert_eq!(hub.requests().len(), 2, "{fault:?}");
    }
    let (hub, folder) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let photo = hub.put_url("/photo.jpg", b"a whole photo");
    hub.always(Some(Fault::CutAfter(3)));
    let fetched = fetch(&cache(folder.path(), PhotoLimits::default()), &[&photo]);
    let error = fetched[&photo].as_ref().expect_err("never whole");
    assert!(error.contains("cut the connection"), "{error}");
    let files = walk(folder.path());
    assert!(files.is_empty(), "a part of a photo is kept: {files:?}");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_photo_that_somebody_names_comes_from_public_hosts_only() {
    let hub = Hub::start();
    let photo = hub.put_url("/photo.jpg", b"photo");
    let limits = PhotoLimits { public_only: true, ..PhotoLimits::default() };
    let started = Instant::now();
    let error = fetch_photo(&photo, settings(), limits).expect_err("this machine");
    assert!(error.contains("private network"), "{error}");
    assert!(hub.requests().is_empty() && started.elapsed() < Duration::from_secs(5));
    let bytes = fetch_photo(&photo, settings(), PhotoLimits::default());
    assert_eq!(bytes.expect("a photo"), b"photo");
}

#[test]
fn a_host_that_does_not_answer_is_asked_no_more() {
    let (hub, folder) = (Hub::start(), tempfile::tempdir().expect("a folder"));
    let photos: Vec<String> = (0..200).map(|n| hub.put_url(&format!("/{n}.jpg"), b"x")).collect();
    hub.always(Some(Fault::Status(503, None)));
    let fetched =
        fetch(&cache(folder.path(), PhotoLimits::default()), &photos.iter().collect::<Vec<_>>());
    assert_eq!(fetched.len(), 200);
    assert!(fetched.values().all(Result::is_err));
    assert!(hub.requests().len() < 100, "{} requests", hub.requests().len());
}
