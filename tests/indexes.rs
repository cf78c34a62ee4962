//! Indexes and weights that do not fit, are damaged, or are being written.

use std::ffi::OsStr;
use std::path::Path;

use lookalike_testkit::photos;
use lookalike_testkit::weights::{self, minimalistic, values};

use crate::helpers::{PRODUCTS, Run, Shop, command, finish, made_up_weights, new_photo_of, run};

fn search_with(shop: &Shop, weights: &Path) -> Run {
    let photo = shop.beside("query.jpg", new_photo_of(0));
    shop.run(["search".as_ref(), photo.as_os_str(), "--weights".as_ref(), weights.as_os_str()])
}

#[test]
fn info_and_verify_tell_what_there_is() {
    let shop = Shop::indexed();
    let info = shop.run(["index", "info", "--json"]).json();
    assert_eq!((info["photos"].as_u64(), info["products"].as_u64()), (Some(18), Some(6)));
    let identity = &info["model"]["parts"][0]["identity"];
    assert_eq!(identity["backbone"], "mobilenet_v3_minimalistic");
    assert_eq!(identity["weights_sha256"].as_str().map(str::len), Some(64));
    let text = shop.run(["index", "info"]).ok();
    assert!(text.contains("letterbox 224") && text.contains("18 of 18 photos"), "{text}");
    assert!(shop.run(["index", "verify"]).ok().contains("the index is sound"));
    std::fs::remove_file(shop.photos().join("rug 1/0.jpg")).expect("a photo goes missing");
    assert_eq!(shop.run(["index", "verify", "--json"]).json()["missing_files"], 1);
}

/// hnsw_rs links the graph in place of the batched builder; everything else is as it was.
#[test]
fn a_graph_of_hnsw_rs_is_searched_and_changed_like_any_other() {
    let shop = Shop::new();
    let build = |builder: &str| {
        let photos = shop.photos();
        let mut build = command(["index", "build", "--quiet", "--graph-builder", builder, "--out"]);
        build.arg(shop.index()).arg("--weights").arg(made_up_weights()).arg(photos);
        finish(build)
    };
    assert!(build("faiss").error(2).contains("batched or hnsw-rs"));
    build("hnsw-rs").ok();
    let info = shop.run(["index", "info", "--json"]).json();
    assert_eq!(info["hnsw"]["builder"], "hnsw-rs");
    assert!(shop.run(["index", "info"]).ok().contains("graph       hnsw-rs, m 16"));
    assert!(shop.run(["index", "verify"]).ok().contains("the index is sound"));
    let best = |number: usize| {
        let answer = shop.search(&shop.beside("query.jpg", new_photo_of(number)));
        answer["matches"][0]["product"]["id"].clone()
    };
    assert_eq!([best(0), best(4)], [PRODUCTS[0], PRODUCTS[4]]);
    shop.run(["index", "remove", "--quiet", "--product", PRODUCTS[0]]).ok();
    assert_ne!(best(0), PRODUCTS[0]);
    assert_eq!(shop.run(["index", "info", "--json"]).json()["hnsw"]["builder"], "hnsw-rs");
}

#[test]
fn an_index_is_not_searched_with_another_model() {
    let shop = Shop::indexed();
    let folder = shop.folder.path();
    let (other_network, other_weights) = (folder.join("timm.st"), folder.join("other.st"));
    weights::write_timm(&other_network);
    weights::write(&other_weights, &minimalistic(11), |name, shape| {
        let mut values = values(name, shape);
        values[0] += 0.001;
        values
    });
    let error = search_with(&shop, &other_network).error(4);
    assert!(error.contains("another backbone (mobilenet_v3_minimalistic, now"), "{error}");
    let error = search_with(&shop, &other_weights).error(4);
    assert!(error.contains("another weights file"), "{error}");
}

/// The program has weights of its own, but those are no others' stand-in.
#[test]
fn weights_that_went_missing_are_asked_for() {
    let shop = Shop::indexed();
    let moved = shop.folder.path().join("moved.safetensors");
    let kept = shop.folder.path().join("kept.safetensors");
    std::fs::copy(made_up_weights(), &moved).expect("a copy");
    shop.build_with(&shop.photos(), &moved).ok();
    std::fs::rename(&moved, &kept).expect("moved");
    let photo = shop.beside("query.jpg", new_photo_of(1));
    let mut search = command(["search", "--index"]);
    search.arg(shop.index()).arg(&photo);
    let error = finish(search).error(5);
    assert!(error.contains("moved.safetensors: name them with --weights"), "{error}");
    search_with(&shop, &kept).ok();
}

/// 18 photos are too few, and then nothing is measured either that could not be.
#[test]
fn what_could_not_be_learnt_is_said_and_not_measured() {
    let shop = Shop::empty();
    for product in [2, 4] {
        shop.add(&format!("{product}/1.jpg"), &new_photo_of(product));
    }
    let mut build = command(["index", "build", "--weights"]);
    build.arg(made_up_weights()).arg("--out").arg(shop.index()).arg(shop.photos());
    assert!(finish(build).ok().contains("no search says `no match`"));
    shop.beside("test/4/9.jpg", photos::jpeg(&photos::pattern(4, 280, 210), 80));
    shop.beside("other/cup/1.jpg", new_photo_of(3));
    let folder = |name: &str| shop.folder.path().join(name);
    let mut eval = command(["eval", "--weights"]);
    eval.arg(made_up_weights()).arg("--index").arg(shop.index()).arg(folder("test"));
    eval.arg("--unsold").arg(folder("other"));
    let text = finish(eval).ok();
    assert!(text.contains("not measured") && !text.contains("AUROC"), "{text}");
}

#[test]
fn a_root_that_is_no_folder_is_named() {
    let shop = Shop::new();
    let row = serde_json::json!({ "id": "1", "name": "Rug", "photos": "rug 1/*.jpg" });
    let manifest = shop.beside("shop.jsonl", row.to_string());
    let mut build = command(["index", "build", "--root", "/no/such/root", "--out"]);
    build.arg(shop.index()).arg(manifest);
    assert!(finish(build).error(3).contains("/no/such/root"));
}

#[test]
fn weights_of_another_network_are_refused() {
    let shop = Shop::indexed();
    let resnet = shop.folder.path().join("resnet.safetensors");
    weights::write(&resnet, &[("layer1.0.conv1.weight".into(), vec![4, 4, 1, 1])], values);
    let error = search_with(&shop, &resnet).error(5);
    assert!(error.contains("another ResNet"), "{error}");
    let whole = std::fs::read(made_up_weights()).expect("the weights");
    let cut = shop.beside("cut.safetensors", &whole[..whole.len() / 2]);
    let error = search_with(&shop, &cut).error(5);
    assert!(error.contains("not a whole safetensors file"), "{error}");
    let error = search_with(&shop, Path::new("/no/such/file")).error(5);
    assert!(error.contains("cannot read the weights file"), "{error}");
}

#[test]
fn without_weights_it_says_how_to_name_them() {
    let shop = Shop::new();
    let photos = shop.photos();
    let args = ["index", "build", "--backbone", "resnet50"].map(OsStr::new);
    let error = run(args.into_iter().chain([photos.as_os_str()])).error(5);
    assert!(error.contains("--weights FILE") && error.contains("LOOKALIKE_WEIGHTS"), "{error}");
    assert!(error.contains("weights fetch resnet50.a1_in1k"), "{error}");
    // A folder that is named, but holds none, is no better.
    let mut build = command(args);
    build.arg(&photos).env("LOOKALIKE_WEIGHTS", &photos);
    assert_eq!(finish(build).error(5), error);
}

#[test]
fn without_an_index_it_says_how_to_build_one() {
    let shop = Shop::new();
    let photo = shop.beside("query.jpg", new_photo_of(0));
    let error = shop.run(["search".as_ref(), photo.as_os_str()]).error(4);
    assert!(error.contains("lookalike index build"), "{error}");
}

#[test]
fn damaged_indexes_are_told_apart() {
    let shop = Shop::indexed();
    let whole = std::fs::read(shop.index_file()).expect("the index");
    let refused = |bytes: &[u8]| {
        std::fs::write(shop.index_file(), bytes).expect("a spoilt index");
        for command in [["index", "info"], ["index", "verify"]] {
            shop.run(command).error(4);
        }
        search_with(&shop, made_up_weights()).error(4)
    };
    let changed = |at: usize, to: u8| {
        let mut bytes = whole.clone();
        bytes[at] = to;
        bytes
    };
    assert!(refused(&whole[..whole.len() / 2]).contains("cut short"));
    assert!(refused(&changed(whole.len() / 2, !whole[whole.len() / 2])).contains("checksum"));
    let newer = [&whole[..8], &[99, 0, 0, 0, 99, 0, 0, 0], &whole[16..]].concat();
    assert!(refused(&newer).contains("index format 99"));
    let old = [&b"LOOKALIK\x05\0\0\0\x05\0\0\0"[..], &whole[16..]].concat();
    assert!(refused(&old).contains("before 0.1.0"));
    assert!(refused(b"").contains("not a Lookalike index"));
    assert!(refused(b"photos").contains("not a Lookalike index"));
    std::fs::write(shop.index_file(), &whole).expect("restored");
    search_with(&shop, made_up_weights()).ok();
}

#[test]
fn a_failed_build_leaves_the_old_index() {
    let shop = Shop::indexed();
    let before = std::fs::read(shop.index_file()).expect("the index");
    let empty = shop.folder.path().join("nothing");
    std::fs::create_dir_all(&empty).expect("a folder");
    assert!(shop.build_from(&empty).error(3).contains("no photos of products in"));
    let only_bad = shop.beside("only bad/cup/1.jpg", "text");
    let only_bad = only_bad.ancestors().nth(2).expect("the folder");
    let failed = shop.build_from(only_bad);
    assert!(failed.stderr.contains("cup/1.jpg: not a photo"), "{}", failed.stderr);
    assert!(failed.error(3).contains("none of the 1 photos could be used"));
    assert_eq!(std::fs::read(shop.index_file()).expect("the index"), before);
}

#[test]
fn a_second_build_waits_its_turn() {
    let shop = Shop::indexed();
    let held = lookalike_engine::Index::lock(&shop.index()).expect("the lock");
    assert!(shop.build().error(4).contains("another build"));
    drop(held);
    shop.build().ok();
}

#[test]
fn an_index_folder_that_cannot_be_is_told_at_once() {
    let shop = Shop::new();
    shop.beside("index", "a file where the folder should be");
    let error = shop.build().error(1);
    assert!(error.contains("cannot write"), "{error}");
}

#[test]
fn manifest_errors_name_the_line() {
    let shop = Shop::new();
    let manifest = shop.beside("shop.csv", "id,name,photos\na,A,photos/rug 1/*.jpg\na,B,x.jpg\n");
    let error = shop.build_from(&manifest).error(3);
    assert!(error.contains("shop.csv, line 3: the product id 'a' is already on line 2"), "{error}");
    let manifest = shop.beside("shop.jsonl", "{\"id\":\"a\"}\n");
    assert!(shop.build_from(&manifest).error(3).contains("line 1: no column names photos"));
    assert_eq!(shop.build_from(&shop.photos().join("rug 1/0.jpg")).code, 3);
}
