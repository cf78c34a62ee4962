//! Indexes that change: photos added, updated and removed, builds killed and gone on with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lookalike_testkit::photos;
use serde_json::Value;

use crate::helpers::{PRODUCTS, Run, Shop, command, finish, made_up_weights, new_photo_of};

fn photo_of(product: usize, width: u32) -> Vec<u8> {
    photos::jpeg(&photos::pattern(product as u32, width, width * 3 / 4), 90)
}

fn put(shop: &Shop, what: &str, photos: &Path) -> Run {
    let mut put = command(["index", what, "--quiet", "--json"]);
    put.arg(photos).arg("--index").arg(shop.index());
    finish(put)
}

fn report(run: Run) -> Value {
    run.json()["report"].clone()
}

/// The id of the best product for a photo, and the paths of its evidence.
fn best(shop: &Shop, photo: &[u8]) -> (String, Vec<String>) {
    let answer = shop.search(&shop.beside("query.jpg", photo));
    let best = &answer["matches"][0];
    let evidence = best["evidence"].as_array().expect("evidence").iter();
    let evidence = evidence.map(|photo| photo["photo"].as_str().expect("a path").to_owned());
    (best["product"]["id"].as_str().expect("an id").to_owned(), evidence.collect())
}

fn photos_in(shop: &Shop) -> u64 {
    shop.run(["index", "info", "--json"]).json()["photos"].as_u64().expect("a number")
}

/// The files that keep embeddings.
fn embedding_logs(shop: &Shop) -> Vec<PathBuf> {
    let files = std::fs::read_dir(shop.index().join("embeddings")).into_iter().flatten();
    let paths = files.map(|file| file.expect("a file").path());
    let is_log = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        name.ends_with(".embeddings") && !name.starts_with("perceptual_hash")
    };
    paths.filter(is_log).collect()
}

/// Bytes of embeddings that are kept.
fn kept(shop: &Shop) -> u64 {
    embedding_logs(shop).iter().map(|file| file.metadata().map_or(0, |f| f.len())).sum()
}

#[test]
fn photos_and_products_are_added_once_and_found() {
    let shop = Shop::indexed();
    let more = shop.folder.path().join("새 사진");
    shop.beside("새 사진/rug 1/9.jpg", photo_of(4, 400));
    for width in [300, 320, 360] {
        shop.beside(&format!("새 사진/새 의자/{width}.jpg"), photo_of(40, width));
    }
    shop.beside("새 사진/새 의자/broken.jpg", b"no photo");
    let found = report(put(&shop, "add", &more));
    assert_eq!((&found["added"], &found["kept"]), (&4.into(), &18.into()), "{found}");
    assert_eq!(found["products_added"], 1);
    assert!(found["skipped"][0]["path"].as_str().is_some_and(|path| path.contains("broken")));

    let (product, evidence) = best(&shop, &photo_of(40, 420));
    assert_eq!(product, "새 의자");
    // Not in the catalogue's folder: a path that leads there all the same.
    assert!(evidence[0].contains("새 사진/새 의자/"), "{evidence:?}");
    assert!(Path::new(&evidence[0]).is_absolute());
    assert_eq!(best(&shop, &new_photo_of(0)).0, PRODUCTS[0]);

    let again = report(put(&shop, "add", &more));
    assert_eq!((&again["added"], &again["kept"]), (&0.into(), &22.into()), "{again}");
    shop.run(["index", "verify"]).ok();
}

#[test]
fn an_update_follows_the_photos() {
    let shop = Shop::indexed();
    let catalogue = shop.photos();
    let unchanged = report(put(&shop, "update", &catalogue));
    let counts = |found: &Value| {
        ["added", "removed", "kept", "cached"].map(|name| found[name].as_u64().expect("a number"))
    };
    assert_eq!(counts(&unchanged), [0, 0, 18, 0], "{unchanged}");

    std::fs::remove_dir_all(catalogue.join("rug 2")).expect("removed");
    std::fs::remove_file(catalogue.join("rug 1/0.jpg")).expect("removed");
    shop.add("rug 1/new.jpg", &photo_of(4, 440));
    for width in [300, 320, 360] {
        shop.add(&format!("rug 3/{width}.jpg"), &photo_of(50, width));
    }
    // It is there, but cannot be read now: that is no reason to lose it.
    shop.add("rug 1/1.jpg", b"half a download");
    let changed = report(put(&shop, "update", &catalogue));
    assert_eq!(counts(&changed), [4, 4, 14, 0], "{changed}");
    assert_eq!((&changed["products_added"], &changed["products_removed"]), (&1.into(), &1.into()));
    assert_eq!(photos_in(&shop), 18);
    assert_eq!(best(&shop, &photo_of(50, 420)).0, "rug 3");
    assert_ne!(best(&shop, &new_photo_of(5)).0, "rug 2");
    assert_eq!(best(&shop, &new_photo_of(2)).0, PRODUCTS[2]);
    shop.run(["index", "verify"]).ok();

    // What comes back has been embedded before.
    for (number, width) in [300, 320, 360].into_iter().enumerate() {
        shop.add(&format!("rug 2/{number}.jpg"), &photo_of(5, width));
    }
    let back = report(put(&shop, "update", &catalogue));
    assert_eq!(counts(&back)[..2], [3, 0], "{back}");
    assert_eq!(back["cached"], 3, "{back}");
    assert_eq!(best(&shop, &new_photo_of(5)).0, "rug 2");
}

#[test]
fn what_is_removed_is_found_no_more() {
    let shop = Shop::indexed();
    let remove = |args: &[&str]| {
        let mut remove = command(["index", "remove", "--quiet", "--json"]);
        remove.args(args).arg("--index").arg(shop.index());
        finish(remove)
    };
    let found = report(remove(&["--product", PRODUCTS[0], "--photo", "rug 1/1.jpg"]));
    assert_eq!((&found["removed"], &found["kept"]), (&4.into(), &14.into()), "{found}");
    assert_ne!(best(&shop, &new_photo_of(0)).0, PRODUCTS[0]);
    let (product, evidence) = best(&shop, &new_photo_of(4));
    assert_eq!(product, "rug 1");
    assert!(evidence.iter().all(|path| path != "rug 1/1.jpg"), "{evidence:?}");

    let before = std::fs::read(shop.index_file()).expect("the index");
    assert!(remove(&["--product", "rug 9"]).error(3).contains("'rug 9'"));
    assert!(remove(&["--photo", "rug 1/1.jpg"]).error(3).contains("'rug 1/1.jpg'"));
    let all: Vec<&str> = PRODUCTS[1..].iter().flat_map(|id| ["--product", id]).collect();
    assert!(remove(&all).error(3).contains("delete it instead"));
    assert_eq!(remove(&[]).code, 2);
    assert_eq!(std::fs::read(shop.index_file()).expect("the index"), before);

    let nowhere = shop.folder.path().join("nowhere");
    let mut other = command(["index", "remove", "--product", "rug 1", "--index"]);
    other.arg(&nowhere);
    assert!(finish(other).error(4).contains("no index"));
    assert!(!nowhere.exists(), "nothing is made where there is no index");
}

/// From wherever a command is run, a photo's path in the index is that photo's only.
#[test]
fn a_path_of_the_index_wins_over_a_file_below_the_folder() {
    let shop = Shop::new();
    shop.add("a/1.jpg", &photo_of(20, 300));
    shop.add("a/a/1.jpg", &photo_of(21, 300));
    shop.build().ok();
    let remove = |path: &str| {
        let mut remove = command(["index", "remove", "--quiet", "--json", "--photo", path]);
        remove.arg("--index").arg(shop.index()).current_dir(shop.photos().join("a"));
        report(finish(remove))["removed"].clone()
    };
    assert_eq!(remove("a/1.jpg"), 1);
    assert_eq!(best(&shop, &photo_of(21, 420)).0, "a/a", "the other one stays");
    assert_eq!(remove("a/1.jpg"), 1, "now it is the file");
    assert_ne!(best(&shop, &photo_of(21, 420)).0, "a/a");
}

/// A photo of two products is lost to neither when the second comes later.
#[test]
fn a_photo_may_be_of_two_products() {
    let shop = Shop::indexed();
    let row = serde_json::json!({"id": "set", "name": "Set", "photos": "photos/rug 1/1.jpg"});
    let manifest = shop.beside("more.jsonl", row.to_string());
    let found = report(put(&shop, "add", &manifest));
    assert_eq!((&found["added"], &found["removed"]), (&1.into(), &0.into()), "{found}");
    assert_eq!(photos_in(&shop), 19);
}

#[test]
fn compacting_makes_what_a_build_would() {
    let shop = Shop::indexed();
    std::fs::remove_dir_all(shop.photos().join("rug 2")).expect("removed");
    shop.add("rug 3/1.jpg", &photo_of(50, 300));
    put(&shop, "update", &shop.photos()).ok();
    let before = kept(&shop);
    shop.run(["index", "compact", "--quiet"]).ok();
    assert_eq!(kept(&shop), before - 3 * (before - 16) / 19, "three photos are gone");
    let answer = |shop: &Shop| {
        let answer = shop.search(&shop.beside("q.jpg", new_photo_of(3)));
        answer["matches"]
            .as_array()
            .expect("matches")
            .iter()
            .map(|m| m["similarity"].to_string())
            .collect::<Vec<_>>()
    };
    let compacted = answer(&shop);
    std::fs::remove_file(shop.index_file()).expect("removed");
    let built = shop.build().ok();
    assert!(built.contains("16 photos from the embedding cache"), "{built}");
    assert_eq!(answer(&shop), compacted);
}

#[test]
fn another_index_or_another_models_photos_are_refused() {
    let shop = Shop::indexed();
    let held = lookalike_engine::Index::lock(&shop.index()).expect("the lock");
    assert!(put(&shop, "add", &shop.photos()).error(4).contains("another build"));
    drop(held);
    let mut other = command(["index", "add", "--weights", "bundled"]);
    other.arg(shop.photos()).arg("--index").arg(shop.index());
    assert!(finish(other).error(4).contains("another weights file"));
}

#[test]
fn moved_and_replaced_files_are_followed() {
    let shop = Shop::indexed();
    let catalogue = shop.photos();
    std::fs::rename(catalogue.join("rug 1/0.jpg"), catalogue.join("rug 1/새 이름.jpg"))
        .expect("moved");
    let found = report(put(&shop, "update", &catalogue));
    assert_eq!(
        (&found["added"], &found["removed"], &found["kept"]),
        (&0.into(), &0.into(), &18.into())
    );
    let same = std::fs::read(catalogue.join("rug 1/새 이름.jpg")).expect("the photo");
    let (_, evidence) = best(&shop, &same);
    assert_eq!(evidence[0], "rug 1/새 이름.jpg", "the path that leads there now");

    // Another photo under an old name takes that one's place, also where nothing else is removed.
    shop.add("rug 1/1.jpg", &photo_of(50, 300));
    let found = report(put(&shop, "add", &catalogue));
    assert_eq!(
        (&found["added"], &found["removed"], &found["kept"]),
        (&1.into(), &1.into(), &17.into())
    );
    shop.run(["index", "verify"]).ok();
}

#[test]
fn an_index_in_line_with_a_catalogue_that_has_moved_has_its_folder() {
    let shop = Shop::indexed();
    let elsewhere = shop.folder.path().join("다른 곳");
    std::fs::rename(shop.photos(), &elsewhere).expect("moved");
    std::fs::write(elsewhere.join("rug 1/broken.jpg"), "not a photo").expect("a file");
    let found = report(put(&shop, "update", &elsewhere));
    assert_eq!((&found["added"], &found["kept"]), (&0.into(), &18.into()), "{found}");
    let info = shop.run(["index", "info", "--json"]).json();
    assert!(info["root"].as_str().is_some_and(|root| root.ends_with("다른 곳")), "{info}");
    let skipped = info["build_report"]["skipped"].to_string();
    assert!(skipped.contains("broken.jpg"), "{skipped}");
    let same = std::fs::read(elsewhere.join("rug 1/0.jpg")).expect("the photo");
    assert_eq!(best(&shop, &same).1[0], "rug 1/0.jpg");
    shop.run(["index", "verify"]).ok();
}

#[test]
fn names_are_the_same_however_their_letters_are_composed() {
    let shop = Shop::indexed();
    // `가구/책상` as a Mac writes it.
    let of_a_mac =
        "\u{1100}\u{1161}\u{1100}\u{116e}/\u{110e}\u{1162}\u{11a8}\u{1109}\u{1161}\u{11bc}";
    let similar = shop.run(["similar", of_a_mac, "--json", "--category", &of_a_mac[..12]]).json();
    assert!(similar["matches"].as_array().is_some_and(|found| !found.is_empty()), "{similar}");
    let photo = format!("{of_a_mac}/0.jpg");
    let removed = shop.run(["index", "remove", "--json", "--photo", &photo]).json();
    assert_eq!(removed["report"]["removed"], 1, "{removed}");
    let removed = shop.run(["index", "remove", "--json", "--product", of_a_mac]).json();
    assert_eq!(removed["report"]["removed"], 2, "{removed}");
}

#[test]
fn pictures_of_a_catalogue_elsewhere_are_found_from_the_indexs_folder() {
    let shop = Shop::indexed();
    let picture = shop.beside("elsewhere/그림.jpg", photo_of(60, 300));
    let row = r#"{"id": "lamp", "name": "lamp", "image": "그림.jpg", "photos": "그림.jpg"}"#;
    let manifest = shop.beside("elsewhere/m.jsonl", row);
    report(put(&shop, "add", &manifest));
    let answer = shop.search(&picture);
    let image = answer["matches"][0]["product"]["image"].as_str().expect("an image");
    assert!(shop.photos().join(image).is_file(), "{image} is where the index looks for it");
}

#[test]
fn files_that_did_not_change_are_not_read_again() {
    let shop = Shop::indexed();
    let kept = shop.index().join("embeddings/files.jsonl");
    let lines = || std::fs::read_to_string(&kept).unwrap_or_default().lines().count();
    assert_eq!(lines(), 0, "they are too new to be relied on");
    // As long as the coarsest file system's clock may hide a second change.
    std::thread::sleep(Duration::from_millis(3200));
    shop.build().ok();
    assert_eq!(lines(), 18);
    // A photo that is taken for another one, by a list that says so, was not read.
    let text = std::fs::read_to_string(&kept).expect("text");
    let sha256s: Vec<&str> = text.lines().map(|l| &l[l.len() - 66..l.len() - 2]).collect();
    std::fs::write(&kept, text.replacen(sha256s[0], sha256s[1], 1)).expect("written");
    shop.build().ok();
    assert_eq!(photos_in(&shop), 17);
    // One that was overwritten is read, although it has its size and time still.
    let path = shop.photos().join("rug 1/0.jpg");
    let before = path.metadata().expect("a photo");
    std::fs::write(&path, vec![0; before.len() as usize]).expect("written");
    let file = std::fs::File::options().write(true).open(&path).expect("a file");
    file.set_modified(before.modified().expect("a time")).expect("set");
    if cfg!(unix) {
        let skipped = report(put(&shop, "update", &shop.photos()))["skipped"].clone();
        assert_eq!(skipped.as_array().map(Vec::len), Some(1), "{skipped}");
    }
}

#[test]
fn how_photos_are_compared_is_learnt_once_there_are_enough() {
    let shop = Shop::new();
    shop.build().ok();
    let dim = || shop.run(["index", "info", "--json"]).json()["vector_dim"].as_u64();
    assert_eq!(dim(), Some(1280), "three photos of a product are too few");
    for (number, product) in PRODUCTS.iter().enumerate() {
        for width in (240..300).step_by(10) {
            shop.add(&format!("{product}/{width}.jpg"), &photo_of(number, width));
        }
    }
    for width in (240..300).step_by(10) {
        shop.add(&format!("rug 3/{width}.jpg"), &photo_of(50, width));
    }
    put(&shop, "add", &shop.photos()).ok();
    assert_eq!(dim(), Some(1280), "what is added is compared as the rest is");
    shop.run(["index", "compact", "--quiet"]).ok();
    let learnt = dim().expect("a number");
    assert!(learnt <= 60, "{learnt} directions of 60 photos");
    let is_sound = |what: &str| {
        let verified = shop.run(["index", "verify"]).ok();
        assert!(verified.contains("the index is sound"), "{what}: {verified}");
        for (number, product) in PRODUCTS.iter().enumerate() {
            let (found, _) = best(&shop, &new_photo_of(number));
            assert_eq!(found, *product, "{what}");
        }
        assert_eq!(best(&shop, &photo_of(50, 310)).0, "rug 3", "{what}");
    };
    is_sound("compacted");
    shop.run(["index", "remove", "--quiet", "--product", "rug 3"]).ok();
    put(&shop, "update", &shop.photos()).ok();
    is_sound("removed and added again");
    assert_eq!(dim(), Some(learnt));
    shop.build().ok();
    is_sound("built anew");
    let mut plain = command(["index", "build", "--quiet", "--dims", "0", "--weights"]);
    plain.arg(made_up_weights()).arg(shop.photos()).arg("--out").arg(shop.index());
    finish(plain).ok();
    assert_eq!(dim(), Some(1280));
}

/// A build of many photos, to be killed.
fn slow_build(shop: &Shop) -> Command {
    let mut build = command(["index", "build", "--quiet", "--json", "--out"]);
    build.arg(shop.index()).arg("--weights").arg(made_up_weights()).arg(shop.photos());
    build.env("RAYON_NUM_THREADS", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    build
}

#[test]
fn a_build_that_is_killed_goes_on_where_it_was() {
    let shop = Shop::empty();
    for number in 0..60usize {
        shop.add(&format!("product {}/{number}.jpg", number % 6), &photo_of(number, 300));
    }
    for kill in 1..=6u64 {
        let (before, started) = (kept(&shop), Instant::now());
        let mut build = slow_build(&shop).spawn().expect("started");
        // Once it has got further than the one before, and then some.
        while kept(&shop) <= before.max(16) && started.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(7 * kill));
        build.kill().expect("killed");
        build.wait().expect("gone");
        assert!(!shop.index_file().exists(), "killed before it was done");
    }
    let found = finish(slow_build(&shop)).json();
    let known = found["build_report"]["cached"].as_u64().expect("a number");
    println!("{known} of 60 photos had been embedded before the builds were killed");
    assert!((6..60).contains(&known), "each of the builds left something: {found}");
    assert_eq!(found["build_report"]["indexed"], 60);
    shop.run(["index", "verify"]).ok();

    // As if it had never been killed.
    let answer =
        |shop: &Shop| shop.search(&shop.beside("q.jpg", new_photo_of(3)))["matches"].clone();
    let after = answer(&shop);
    std::fs::remove_dir_all(shop.index()).expect("removed");
    finish(slow_build(&shop)).json();
    let similarities = |answer: &Value| {
        let matches = answer.as_array().expect("matches").iter();
        matches.map(|m| (m["product"]["id"].clone(), m["similarity"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(similarities(&answer(&shop)), similarities(&after));

    // Killed while it replaces an index, at whatever moment, there is a whole one.
    for after_start in (0..12u64).map(|step| 25 * step) {
        let mut build = slow_build(&shop).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(after_start));
        build.kill().expect("killed");
        build.wait().expect("gone");
        assert_eq!(similarities(&answer(&shop)), similarities(&after), "{after_start} ms");
    }
}

#[test]
fn readers_see_the_old_index_or_the_new_one() {
    let shop = Shop::indexed();
    let query = shop.beside("query.jpg", new_photo_of(1));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..6 {
                if round % 2 == 0 {
                    let mut remove = command(["index", "remove", "--quiet", "--product", "rug 1"]);
                    finish({
                        remove.arg("--index").arg(shop.index());
                        remove
                    })
                    .ok();
                } else {
                    put(&shop, "add", &shop.photos()).ok();
                }
            }
        });
        let mut reads = 0;
        while !writer.is_finished() || reads == 0 {
            let answer = shop.search(&query);
            assert_eq!(answer["matches"][0]["product"]["id"], PRODUCTS[1]);
            reads += 1;
        }
        writer.join().expect("all writes");
    });
    assert_eq!(photos_in(&shop), 18);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_line_and_loses_nothing() {
    let shop = Shop::indexed();
    let before = std::fs::read(shop.index_file()).expect("the index");
    let log = embedding_logs(&shop).pop().expect("a log");
    // /dev/full takes a file's name and answers every write as a full disk does.
    std::fs::remove_file(&log).expect("removed");
    std::os::unix::fs::symlink("/dev/full", &log).expect("a link");
    shop.add("rug 1/new.jpg", &photo_of(4, 440));
    let error = shop.build().error(1);
    assert!(error.contains("free some space") && error.contains("unchanged"), "{error}");
    std::fs::remove_file(&log).expect("removed");
    let partial = shop.index().join("lookalike.index.partial");
    std::os::unix::fs::symlink("/dev/full", &partial).expect("a link");
    let error = put(&shop, "update", &shop.photos()).error(1);
    assert!(error.contains("No space left"), "{error}");
    assert_eq!(std::fs::read(shop.index_file()).expect("the index"), before);
    assert_eq!(report(put(&shop, "update", &shop.photos()))["added"], 1);
}
