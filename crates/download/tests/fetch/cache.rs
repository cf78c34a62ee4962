//! The caches: the layouts of huggingface_hub and PyTorch, sharing, locks.

use std::fs;
use std::path::Path;

use lookalike_download::{DownloadError, Verification};
use lookalike_testkit::hub::{Hub, sha256};

use crate::setup::{Bench, FILE, FOLDER, REPO, content, hub_file, url_file};

#[test]
fn a_fresh_fetch_leaves_what_python_leaves() {
    let bench = Bench::new();
    let fetched = bench.fetch(&hub_file("main")).expect("fetched");
    let (commit, sum) = (Hub::COMMIT, sha256(&content()));
    assert_eq!(fetched.sha256, sum);
    assert_eq!(fetched.bytes, content().len() as u64);
    assert_eq!((fetched.verification, fetched.downloaded), (Verification::FirstUse, true));
    assert_eq!(
        bench.files(),
        [
            "data/checksums.json".to_owned(),
            "data/checksums.lock".to_owned(),
            format!("hub/{FOLDER}/blobs/{sum}"),
            format!("hub/{FOLDER}/refs/main"),
            format!("hub/{FOLDER}/snapshots/{commit}/{FILE}"),
        ]
    );
    assert_eq!(fs::read_to_string(bench.in_repo("refs/main")).expect("there"), commit);
    assert_eq!(fetched.path, bench.in_repo(&format!("snapshots/{commit}/{FILE}")));
    assert_eq!(fs::read(&fetched.path).expect("readable"), content());
    #[cfg(unix)]
    assert_eq!(
        fs::read_link(&fetched.path).expect("a link"),
        Path::new(&format!("../../blobs/{sum}"))
    );
    let transfers = bench.log.transfers.lock().expect("a log").clone();
    assert_eq!(transfers, [(Some(fetched.bytes), 0, fetched.bytes)]);
    assert_eq!(*bench.log.ends.lock().expect("a log"), 1);
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let bench = Bench::new();
    let first = bench.fetch(&hub_file("main")).expect("fetched");
    bench.hub.clear_requests();
    let second = bench.fetch(&hub_file("main")).expect("cached");
    assert_eq!((second.verification, second.downloaded), (Verification::Recorded, false));
    assert_eq!((second.path, second.sha256), (first.path.clone(), first.sha256));
    assert_eq!(bench.client().cached(&hub_file(Hub::COMMIT)), Some(first.path));
    assert_eq!(bench.hub.requests(), []);
}

#[test]
fn another_revision_with_the_same_content_shares_it() {
    let bench = Bench::new();
    bench.fetch(&hub_file("main")).expect("fetched");
    bench.hub.clear_requests();
    bench.hub.override_header("X-Repo-Commit", &"ab".repeat(20));
    let fetched = bench.fetch(&hub_file("v2/beta")).expect("linked");
    assert!(!fetched.downloaded);
    assert_eq!(bench.content_requests(), []);
    assert_eq!(fs::read_to_string(bench.in_repo("refs/v2/beta")).expect("there").len(), 40);
    assert!(bench.hub.requests()[0].path.contains("/resolve/v2%2Fbeta/"));
}

#[test]
fn a_commit_needs_no_reference() {
    let bench = Bench::new();
    bench.fetch(&hub_file(Hub::COMMIT)).expect("fetched");
    assert!(!bench.in_repo("refs").exists());
}

#[test]
fn a_small_file_is_kept_by_its_own_tag() {
    let bench = Bench::new();
    bench.hub.put_small(REPO, FILE, b"{}");
    let fetched = bench.fetch(&hub_file("main")).expect("fetched");
    assert_eq!(fs::read(fetched.path).expect("there"), b"{}");
    assert!(bench.in_repo("blobs").join(&sha256(b"{}")[..40]).is_file());
}

#[test]
fn a_cache_laid_out_by_python_is_used() {
    let bench = Bench::new();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let snapshot = bench.in_repo(&format!("snapshots/{commit}"));
    for folder in [bench.in_repo("blobs"), bench.in_repo("refs"), snapshot.clone()] {
        fs::create_dir_all(folder).expect("folder");
    }
    let sum = sha256(b"python's");
    fs::write(bench.in_repo("refs/main"), commit).expect("written");
    fs::write(bench.in_repo("blobs").join(&sum), "python's").expect("written");
    #[cfg(unix)]
    std::os::unix::fs::symlink(format!("../../blobs/{sum}"), snapshot.join(FILE)).expect("link");
    #[cfg(not(unix))]
    fs::write(snapshot.join(FILE), "python's").expect("written");

    let found = bench.fetch(&hub_file("main")).expect("found");
    assert_eq!((found.path.as_path(), found.downloaded), (snapshot.join(FILE).as_path(), false));
    assert_eq!(found.sha256, sum);
    assert!(bench.client().recorded(&hub_file("main").source).expect("read").is_some());
    assert_eq!(bench.hub.requests(), []);

    fs::write(bench.in_repo("blobs").join(&sum), "rotten!!").expect("written");
    bench
        .client()
        .record(&hub_file("main").source, &{
            lookalike_download::digest(&found.path).expect("readable")
        })
        .expect("recorded");
    let error = bench.client().verify(&hub_file("main")).expect_err("not what its name says");
    assert!(cfg!(not(unix)) || matches!(error, DownloadError::Damaged { .. }), "{error}");
}

#[test]
fn a_plain_file_lands_where_pytorch_looks() {
    let bench = Bench::new();
    let remote = url_file(bench.hub.put_url("/models/tiny-0676ba61.pth", b"weights"));
    let fetched = bench.fetch(&remote).expect("fetched");
    assert_eq!(fetched.path, bench.settings.torch_cache.join("tiny-0676ba61.pth"));
    assert_eq!(fs::read(&fetched.path).expect("there"), b"weights");
    assert_eq!(bench.kept(), ["data/checksums.json", "torch/tiny-0676ba61.pth"]);
    bench.hub.clear_requests();
    let again = bench.fetch(&remote).expect("cached");
    assert_eq!((again.downloaded, again.verification), (false, Verification::Recorded));
    assert_eq!(bench.hub.requests(), []);
}

#[test]
fn of_two_at_once_one_waits_for_the_other() {
    let bench = Bench::new();
    let remote = url_file(bench.hub.put_url("/tiny.pth", &content()));
    fs::create_dir_all(&bench.settings.torch_cache).expect("folder");
    let lock = fs::File::create(bench.settings.torch_cache.join("tiny.pth.lock")).expect("made");
    lock.lock().expect("locked");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.fetch(&remote));
        while !bench.log.said("waiting") {
            std::thread::yield_now();
        }
        assert_eq!(bench.hub.requests(), []);
        fs::write(bench.settings.torch_cache.join("tiny.pth"), "by another").expect("written");
        lock.unlock().expect("unlocked");
        let found = waiting.join().expect("no panic").expect("found");
        assert_eq!((found.bytes, found.downloaded), (10, false));
    });
    assert_eq!(bench.hub.requests(), []);
}

#[test]
fn a_cache_that_cannot_be_written_to_is_named() {
    let bench = Bench::new();
    // A file where a folder should be stops any user, root as well.
    fs::write(&bench.settings.hub_cache, "").expect("written");
    fs::write(&bench.settings.torch_cache, "").expect("written");
    let plain = url_file(bench.hub.put_url("/tiny.pth", b"weights"));
    for (remote, folder, variable) in
        [(hub_file("main"), "hub", "HF_HUB_CACHE"), (plain, "torch", "TORCH_HOME")]
    {
        let error = bench.fetch(&remote).expect_err("no folder").to_string();
        let folder = bench.folder.path().join(folder);
        assert!(error.contains(folder.to_str().expect("UTF-8")), "{error}");
        assert!(error.contains(variable) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn what_is_not_there_cannot_be_verified() {
    let bench = Bench::new();
    let error = bench.client().verify(&hub_file("main")).expect_err("nothing there");
    assert!(matches!(error, DownloadError::NotCached { .. }), "{error}");
    assert_eq!(bench.hub.requests(), []);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_replaced() {
    let bench = Bench::new();
    let path = bench.in_repo(&format!("snapshots/{}/{FILE}", Hub::COMMIT));
    fs::create_dir_all(path.parent().expect("folder")).expect("made");
    std::os::unix::fs::symlink("../../blobs/gone", &path).expect("link");
    let fetched = bench.fetch(&hub_file("main")).expect("fetched");
    assert_eq!(fs::read(fetched.path).expect("there"), content());
    let target = format!("../../blobs/{}", sha256(&content()));
    assert_eq!(fs::read_link(&path).expect("still a link"), Path::new(&target));
}
