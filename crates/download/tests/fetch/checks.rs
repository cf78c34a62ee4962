//! Checksums and sizes: verification, trust on first use, damaged files.

use std::fs;

use lookalike_download::{Check, DownloadError, Expected, RemoteFile, Verification};
use lookalike_testkit::hub::{Fault, Hub, sha256};

use crate::setup::{Bench, FILE, REPO, content, expecting, hub_file, url_file};

fn plain(bench: &Bench, sha256: Option<&str>, bytes: Option<u64>) -> RemoteFile {
    let source = url_file(bench.hub.put_url("/tiny.pth", &content())).source;
    RemoteFile { source, expected: Expected { sha256: sha256.map(str::to_owned), bytes } }
}

#[test]
fn trust_says_what_was_known() {
    let sum = sha256(&content());
    for (digits, verification) in
        [(&sum[..], Verification::Expected), (&sum[..8], Verification::ExpectedPrefix)]
    {
        let bench = Bench::new();
        let remote = expecting(&digits.to_ascii_uppercase());
        for downloaded in [true, false] {
            let fetched = bench.fetch(&remote).expect("as expected");
            assert_eq!((fetched.verification, fetched.downloaded), (verification, downloaded));
        }
        assert_eq!(bench.client().verify(&remote).expect("as expected").verification, verification);
    }
}

#[test]
fn a_wrong_checksum_leaves_nothing_behind() {
    let other = "0".repeat(64);
    for digits in [&other[..], &other[..8]] {
        let bench = Bench::new();
        for remote in [expecting(digits), plain(&bench, Some(digits), None)] {
            let error = bench.fetch(&remote).expect_err("another file");
            let line = error.to_string();
            assert!(line.contains(digits) && line.contains(&sha256(&content())), "{line}");
            assert!(matches!(error, DownloadError::Mismatch { check: Check::Expected, .. }));
            assert_eq!(bench.kept(), [""; 0]);
        }
    }
}

#[test]
fn a_hub_with_another_file_is_not_even_asked_for_it() {
    let bench = Bench::new();
    bench.fetch(&expecting("00000000")).expect_err("another file");
    assert_eq!(bench.content_requests(), []);
}

#[test]
fn a_hub_is_held_to_its_own_checksum() {
    let bench = Bench::new();
    bench.hub.fault(Fault::WrongBytes);
    let error = bench.fetch(&hub_file("main")).expect_err("not what the hub announced");
    assert!(matches!(error, DownloadError::Mismatch { check: Check::Hub, .. }), "{error}");
    assert_eq!(bench.kept(), [""; 0]);
    assert_eq!(bench.client().cached(&hub_file("main")), None);
    bench.fetch(&hub_file("main")).expect("the next try is clean");
}

#[test]
fn a_wrong_size_is_told_before_anything_comes() {
    let bench = Bench::new();
    for remote in [
        RemoteFile { expected: Expected { sha256: None, bytes: Some(5) }, ..hub_file("main") },
        plain(&bench, None, Some(5)),
    ] {
        let line = bench.fetch(&remote).expect_err("another size").to_string();
        assert!(line.contains("size in bytes is 5, found 400000"), "{line}");
        assert!(bench.log.transfers.lock().expect("a log").is_empty());
        assert_eq!(bench.kept(), [""; 0]);
    }
}

#[test]
fn a_file_first_seen_is_recorded_and_another_one_refused() {
    let bench = Bench::new();
    let remotes = [hub_file("main"), plain(&bench, None, None)];
    for remote in &remotes {
        let first = bench.fetch(remote).expect("fetched");
        assert_eq!(first.verification, Verification::FirstUse);
        let recorded = bench.client().recorded(&remote.source).expect("read").expect("recorded");
        assert_eq!((recorded.sha256, recorded.bytes), (first.sha256, first.bytes));
    }
    for folder in [&bench.settings.hub_cache, &bench.settings.torch_cache] {
        fs::remove_dir_all(folder).expect("removed");
    }
    bench.hub.put(REPO, FILE, b"another file");
    bench.hub.put_url("/tiny.pth", b"another file");
    for remote in &remotes {
        let error = bench.fetch(remote).expect_err("changed");
        let line = error.to_string();
        assert!(matches!(error, DownloadError::Changed { .. }), "{line}");
        assert!(line.contains("checksums.json") && line.contains(&remote.source.to_string()));
    }
    assert_eq!(bench.kept(), ["data/checksums.json"]);

    // What the message advises.
    fs::remove_file(&bench.settings.checksum_file).expect("removed");
    for remote in &remotes {
        assert_eq!(bench.fetch(remote).expect("accepted").verification, Verification::FirstUse);
    }
}

#[test]
fn a_prefix_pins_the_rest_of_the_digits() {
    let bench = Bench::new();
    let sum = sha256(&content());
    let remote = plain(&bench, Some(&sum[..8]), None);
    bench.fetch(&remote).expect("fetched");
    let recorded = bench.client().recorded(&remote.source).expect("read").expect("recorded");
    assert_eq!(recorded.sha256, sum);
}

#[test]
fn a_damaged_cached_file_is_named_and_left_alone() {
    let bench = Bench::new();
    let sum = sha256(&content());
    let fetched = bench.fetch(&expecting(&sum)).expect("fetched");
    let blob = fs::canonicalize(&fetched.path).expect("there");
    let mut bytes = content();
    bytes[5] ^= 1;
    fs::write(&blob, &bytes).expect("damaged");
    bench.hub.clear_requests();
    let client = bench.client();
    for error in [
        bench.fetch(&expecting(&sum)).expect_err("damaged"),
        client.verify(&expecting(&sum)).expect_err("damaged"),
        // The name that the cache gave it is enough.
        client.verify(&hub_file(Hub::COMMIT)).expect_err("damaged"),
    ] {
        let line = error.to_string();
        assert!(matches!(error, DownloadError::Damaged { .. }), "{line}");
        assert!(line.contains(blob.to_str().expect("UTF-8")), "{line}");
    }
    assert_eq!(fs::read(&blob).expect("still there"), bytes);
    assert_eq!(bench.hub.requests(), []);

    // What the message advises.
    fs::remove_file(&blob).expect("removed");
    assert!(bench.fetch(&expecting(&sum)).expect("anew").downloaded);
    assert_eq!(fs::read(&blob).expect("there"), content());
}

#[test]
fn a_cached_file_that_changed_since_it_was_recorded_is_refused() {
    let bench = Bench::new();
    let remote = plain(&bench, None, None);
    let path = bench.fetch(&remote).expect("fetched").path;
    fs::write(&path, b"swapped").expect("written");
    let error = bench.fetch(&remote).expect_err("changed");
    assert!(matches!(error, DownloadError::CacheChanged { .. }), "{error}");
    // Accepted by hand, as an import does it.
    let digest = lookalike_download::digest(&path).expect("readable");
    bench.client().record(&remote.source, &digest).expect("recorded");
    assert_eq!(
        bench.client().verify(&remote).expect("as recorded").verification,
        Verification::Recorded
    );
}

#[test]
fn damaged_records_stop_everything_before_the_network() {
    let bench = Bench::new();
    fs::create_dir_all(bench.settings.checksum_file.parent().expect("folder")).expect("made");
    fs::write(&bench.settings.checksum_file, "{").expect("written");
    let line = bench.fetch(&hub_file("main")).expect_err("unusable").to_string();
    assert!(line.contains("checksums.json") && !line.contains('\n'), "{line}");
    assert_eq!(bench.hub.requests(), []);
}
