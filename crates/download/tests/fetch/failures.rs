//! Failures of servers: statuses, retries, unreachable hosts.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use lookalike_download::{DownloadError, RemoteFile, Source};
use lookalike_testkit::hub::{Fault, Hub};

use crate::setup::{Bench, FILE, REPO, content, hub_file, url_file};

#[test]
fn what_does_not_exist_is_not_asked_for_twice() {
    let bench = Bench::new();
    let source = Source::Hub { repo: REPO.into(), revision: "main".into(), file: "none".into() };
    for remote in [
        RemoteFile { source, ..hub_file("main") },
        url_file(format!("{}/none", bench.hub.endpoint())),
    ] {
        bench.hub.clear_requests();
        let error = bench.fetch(&remote).expect_err("not there");
        let line = error.to_string();
        assert!(matches!(error, DownloadError::NotFound { .. }), "{line}");
        assert!(line.contains(&bench.hub.endpoint()["http://".len()..]), "{line}");
        assert_eq!(bench.hub.requests().len(), 1);
    }
}

#[test]
fn a_login_is_asked_for_and_used() {
    let mut bench = Bench::new();
    bench.hub.require_token("hf_secret");
    let line = bench.fetch(&hub_file("main")).expect_err("no token").to_string();
    assert!(line.contains("HF_TOKEN") && line.contains("401"), "{line}");
    assert!(line.contains(&format!("{}/{REPO}", bench.hub.endpoint())), "{line}");
    assert_eq!(bench.hub.requests().len(), 1);
    bench.settings.token = Some("hf_secret".into());
    bench.fetch(&hub_file("main")).expect("let in");

    bench.hub.fault(Fault::Status(403, None));
    let line = bench.fetch(&hub_file("other")).expect_err("terms").to_string();
    assert!(line.contains("accept its terms") && !line.contains("hf_secret"), "{line}");
}

#[test]
fn a_busy_server_is_given_the_time_it_asks_for() {
    let bench = Bench::new();
    bench.hub.fault(Fault::Status(429, Some(1)));
    bench.hub.fault(Fault::ContentStatus(503, Some(0)));
    let begin = Instant::now();
    bench.fetch(&hub_file("main")).expect("fetched");
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert!(bench.log.said("answers 429: trying again in 1 s"));
    assert!(bench.log.said("answers 503: trying again in 0 s"));
}

#[test]
fn a_server_cannot_ask_for_any_time() {
    let mut bench = Bench::new();
    bench.settings.longest_wait = Duration::from_millis(10);
    bench.hub.fault(Fault::Status(503, Some(100_000)));
    bench.fetch(&hub_file("main")).expect("fetched");
    assert!(bench.log.said("trying again in 0.01 s"));
}

#[test]
fn waits_double_and_tries_end() {
    let bench = Bench::new();
    for always in [Fault::Status(503, None), Fault::ContentStatus(500, None)] {
        bench.log.notes.lock().expect("a log").clear();
        bench.hub.always(Some(always));
        let error = bench.fetch(&hub_file("main")).expect_err("gives up");
        assert!(matches!(error, DownloadError::GaveUp { attempts: 4, .. }), "{error}");
        let notes = bench.log.notes.lock().expect("a log").clone();
        let waits: Vec<_> = notes.iter().filter_map(|line| line.rsplit(' ').nth(1)).collect();
        assert_eq!(waits, ["0.001", "0.002", "0.004"]);
    }
    assert_eq!(bench.kept(), [""; 0]);
}

#[test]
fn offline_nothing_is_connected_to() {
    let mut bench = Bench::new();
    let plain = url_file(bench.hub.put_url("/tiny.pth", &content()));
    bench.settings.offline = true;
    for remote in [hub_file("main"), plain.clone()] {
        let error = bench.fetch(&remote).expect_err("not cached");
        let line = error.to_string();
        assert!(matches!(error, DownloadError::Offline { .. }), "{line}");
        assert!(line.contains("HF_HUB_OFFLINE"), "{line}");
        assert!(line.contains(bench.folder.path().to_str().expect("UTF-8")), "{line}");
    }
    assert_eq!(bench.hub.requests(), []);
    bench.settings.offline = false;
    for remote in [hub_file("main"), plain.clone()] {
        bench.fetch(&remote).expect("fetched");
    }
    bench.settings.offline = true;
    bench.hub.clear_requests();
    for remote in [hub_file("main"), plain] {
        assert!(!bench.fetch(&remote).expect("cached").downloaded);
    }
    assert_eq!(bench.hub.requests(), []);
}

#[test]
fn a_host_that_is_not_there_is_named() {
    let mut bench = Bench::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    for host in [free.to_string(), "no-such-host.invalid".to_owned()] {
        bench.settings.endpoint = format!("http://{host}");
        let error = bench.fetch(&hub_file("main")).expect_err("nobody there");
        let line = error.to_string();
        assert!(matches!(error, DownloadError::Unreachable { .. }), "{line}");
        assert!(line.contains(&host), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let mut bench = Bench::new();
    // Connections are taken by the system; nobody reads them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    bench.settings.endpoint = format!("http://{}", silent.local_addr().expect("bound"));
    bench.settings.read_timeout = Duration::from_millis(50);
    bench.settings.retries = 1;
    let error = bench.fetch(&hub_file("main")).expect_err("silence");
    assert!(matches!(error, DownloadError::GaveUp { attempts: 2, .. }), "{error}");
}

#[test]
fn what_a_server_says_cannot_lead_outside_the_cache() {
    let etag = format!("\"../../../../{}\"", "e".repeat(8));
    for (name, value) in [
        ("X-Repo-Commit", "../../../../outside"),
        ("X-Repo-Commit", "/tmp"),
        ("X-Repo-Commit", ""),
        ("X-Linked-Etag", &etag),
        ("X-Linked-Etag", "\"..\""),
        ("X-Linked-Etag", "\"a\\b\""),
    ] {
        let bench = Bench::new();
        bench.hub.override_header(name, value);
        let error = bench.fetch(&hub_file("main")).expect_err("refused");
        assert!(matches!(error, DownloadError::NotAHub { .. }), "{name} {value}: {error}");
        assert_eq!(bench.files(), [""; 0]);
    }
}

#[test]
fn names_that_lead_outside_are_refused_before_anything_happens() {
    let bench = Bench::new();
    let hub = |repo: &str, revision: &str, file: &str| Source::Hub {
        repo: repo.into(),
        revision: revision.into(),
        file: file.into(),
    };
    for source in [
        hub("../..", "main", FILE),
        hub(REPO, "../../x", FILE),
        hub(REPO, "main", "../../../x"),
        hub(REPO, Hub::COMMIT, "/etc/passwd"),
        Source::Url(format!("{}/..", bench.hub.endpoint())),
    ] {
        let remote = RemoteFile { source, ..hub_file("main") };
        let client = bench.client();
        assert_eq!(client.cached(&remote), None);
        for error in [bench.fetch(&remote), client.verify(&remote)] {
            assert!(matches!(error, Err(DownloadError::BadSource { .. })), "{}", remote.source);
        }
    }
    assert_eq!((bench.hub.requests(), bench.files()), (vec![], vec![]));
}
