//! Interrupted transfers are resumed, or started over where that is unsafe.

use std::fs;

use lookalike_download::{DownloadError, Expected, RemoteFile};
use lookalike_testkit::hub::{Fault, sha256};

use crate::setup::{Bench, FILE, REPO, content, hub_file, url_file};

fn ranges(bench: &Bench) -> Vec<Option<String>> {
    let requests = bench.content_requests();
    requests.iter().map(|request| request.header("range").map(str::to_owned)).collect()
}

/// What a process that was killed leaves behind.
fn leave(bench: &Bench, bytes: &[u8]) -> std::path::PathBuf {
    let partial = bench.in_repo(&format!("blobs/{}.incomplete", sha256(&content())));
    fs::create_dir_all(partial.parent().expect("blobs")).expect("folder");
    fs::write(&partial, bytes).expect("written");
    partial
}

#[test]
fn a_cut_transfer_goes_on_where_it_stopped() {
    let bench = Bench::new();
    bench.hub.fault(Fault::CutAfter(100_000));
    bench.hub.fault(Fault::CutAfter(50_000));
    let fetched = bench.fetch(&hub_file("main")).expect("fetched");
    assert_eq!(fs::read(fetched.path).expect("there"), content());
    let wanted = [None, Some("bytes=100000-".to_owned()), Some("bytes=150000-".to_owned())];
    assert_eq!(ranges(&bench), wanted);
    assert!(bench.log.said("cut the connection"));
    let total = Some(400_000);
    let transfers = bench.log.transfers.lock().expect("a log").clone();
    assert_eq!(
        transfers,
        [(total, 0, 100_000), (total, 100_000, 50_000), (total, 150_000, 250_000)]
    );
}

#[test]
fn cuts_without_end_end() {
    let bench = Bench::new();
    bench.hub.always(Some(Fault::CutAfter(10)));
    let error = bench.fetch(&hub_file("main")).expect_err("gives up");
    assert!(matches!(error, DownloadError::GaveUp { attempts: 4, .. }), "{error}");
    bench.hub.always(None);
    bench.hub.clear_requests();
    bench.fetch(&hub_file("main")).expect("goes on");
    assert_eq!(ranges(&bench), [Some("bytes=40-".to_owned())]);
}

#[test]
fn what_a_killed_process_left_is_used() {
    let bench = Bench::new();
    let partial = leave(&bench, &content()[..123_456]);
    let fetched = bench.fetch(&hub_file("main")).expect("fetched");
    assert_eq!(fs::read(fetched.path).expect("there"), content());
    assert_eq!(ranges(&bench), [Some("bytes=123456-".to_owned())]);
    assert!(!partial.exists());
}

#[test]
fn a_whole_partial_file_needs_no_transfer() {
    let bench = Bench::new();
    leave(&bench, &content());
    bench.fetch(&hub_file("main")).expect("fetched");
    assert_eq!(ranges(&bench), []);
}

#[test]
fn a_partial_file_that_is_too_long_is_dropped() {
    let bench = Bench::new();
    leave(&bench, &[content(), vec![0]].concat());
    bench.fetch(&hub_file("main")).expect("fetched");
    assert_eq!(ranges(&bench), [None]);
}

#[test]
fn a_wrong_beginning_is_found_out_and_the_next_try_is_clean() {
    let bench = Bench::new();
    let partial = leave(&bench, &[7; 1000]);
    let error = bench.fetch(&hub_file("main")).expect_err("put together wrongly");
    assert!(matches!(error, DownloadError::Mismatch { .. }), "{error}");
    assert!(!partial.exists());
    assert_eq!(bench.kept(), [""; 0]);
    let fetched = bench.fetch(&hub_file("main")).expect("clean");
    assert_eq!(fs::read(fetched.path).expect("there"), content());
}

#[test]
fn a_server_that_ignores_ranges_starts_over() {
    let bench = Bench::new();
    bench.hub.fault(Fault::CutAfter(100_000));
    bench.hub.fault(Fault::IgnoreRange);
    let fetched = bench.fetch(&hub_file("main")).expect("fetched");
    assert_eq!(fs::read(fetched.path).expect("there"), content());
    assert!(bench.log.said("starting over"));
}

/// Size and checksum unknown to the server's last word: only the 416 says that nothing is missing.
#[test]
fn a_range_beyond_the_end_of_a_whole_file_is_the_end() {
    let bench = Bench::new();
    let source = url_file(bench.hub.put_url("/tiny.pth", &content())).source;
    let expected = Expected { sha256: Some(sha256(&content())), bytes: None };
    fs::create_dir_all(&bench.settings.torch_cache).expect("folder");
    let partial = bench.settings.torch_cache.join("tiny.pth.partial");
    fs::write(&partial, content()).expect("written");
    let remote = RemoteFile { source, expected };
    bench.fetch(&remote).expect("whole");
    assert_eq!(ranges(&bench), [Some("bytes=400000-".to_owned())]);

    fs::remove_file(bench.settings.torch_cache.join("tiny.pth")).expect("removed");
    fs::write(&partial, [content(), vec![0]].concat()).expect("written");
    bench.fetch(&remote).expect("longer than the file: fetched anew");
}

#[test]
fn a_plain_file_that_changes_meanwhile_is_not_put_together_from_two() {
    let bench = Bench::new();
    let remote = url_file(bench.hub.put_url("/tiny.pth", &[1; 5000]));
    // A leftover of who knows which version.
    fs::create_dir_all(&bench.settings.torch_cache).expect("folder");
    fs::write(bench.settings.torch_cache.join("tiny.pth.partial"), [0; 100]).expect("written");
    bench.hub.fault(Fault::CutAfter(1000));
    bench.hub.fault(Fault::ContentStatus(503, Some(1)));
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| bench.fetch(&remote));
        while bench.content_requests().len() < 2 {
            std::thread::yield_now();
        }
        // The client waits its second now.
        bench.hub.put_url("/tiny.pth", &[2; 5000]);
        let fetched = fetching.join().expect("no panic").expect("fetched");
        assert_eq!(fs::read(fetched.path).expect("there"), [2; 5000]);
    });
    let requests = bench.content_requests();
    assert_eq!(requests[0].header("range"), None, "nothing vouches for the leftover");
    assert_eq!(requests[2].header("range"), Some("bytes=1000-"));
    assert!(requests[2].header("if-range").is_some());
}

#[test]
fn a_stalled_server_is_left_and_asked_again() {
    let mut bench = Bench::new();
    bench.settings.read_timeout = std::time::Duration::from_millis(100);
    bench.hub.fault(Fault::Stall);
    let fetched = bench.fetch(&hub_file("main")).expect("fetched");
    assert_eq!(fs::read(fetched.path).expect("there"), content());
    assert!(bench.log.said("silent"));
    assert_eq!(ranges(&bench), [None, Some("bytes=200000-".to_owned())]);
}

#[test]
fn an_empty_file_is_a_file() {
    let bench = Bench::new();
    bench.hub.put(REPO, FILE, b"");
    assert_eq!(bench.fetch(&hub_file("main")).expect("fetched").bytes, 0);
    let plain = url_file(bench.hub.put_url("/empty.pth", b""));
    assert_eq!(bench.fetch(&plain).expect("fetched").bytes, 0);
}

#[test]
fn a_leftover_of_the_right_size_is_no_file_where_nothing_vouches_for_it() {
    let bench = Bench::new();
    let source = url_file(bench.hub.put_url("/tiny.pth", &content())).source;
    fs::create_dir_all(&bench.settings.torch_cache).expect("folder");
    fs::write(bench.settings.torch_cache.join("tiny.pth.partial"), [0; 400_000]).expect("written");
    let expected = Expected { sha256: None, bytes: Some(400_000) };
    let fetched = bench.fetch(&RemoteFile { source, expected }).expect("fetched");
    assert_eq!(fs::read(fetched.path).expect("there"), content());
}
