//! Weights: fetched from a hub, verified, imported, found again; embeddings of several networks.

use std::process::Command;

use lookalike_testkit::hub::{Fault, Hub, Site};
use lookalike_testkit::weights;
use serde_json::Value;

use crate::helpers::{PRODUCTS, Run, Shop, command, finish, made_up_weights, new_photo_of};

const REPO: &str = "timm/mobilenetv3_large_100.ra_in1k";

/// A home of its own, so that nothing of this machine's user is found or changed.
fn at_home(shop: &Shop, args: &[&str]) -> Command {
    let mut command = command(args);
    for variable in ["HF_HOME", "HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE", "TORCH_HOME"] {
        command.env_remove(variable);
    }
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(variable);
    }
    let home = shop.folder.path().join("집");
    command.env("HOME", &home).env("XDG_CACHE_HOME", home.join("cache"));
    command.env("XDG_DATA_HOME", home.join("data"));
    command
}

fn run_at_home(shop: &Shop, args: &[&str]) -> Run {
    finish(at_home(shop, args))
}

fn with_hub(shop: &Shop, hub: &Hub, args: &[&str]) -> Run {
    let mut command = at_home(shop, args);
    command.env("HF_ENDPOINT", hub.endpoint());
    finish(command)
}

/// A MobileNetV3 as timm has it.
fn timm_weights() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("model.safetensors");
    weights::write_timm(&file);
    std::fs::read(file).expect("just written")
}

#[test]
fn fetched_weights_are_verified_and_found_by_every_command() {
    let (shop, hub) = (Shop::new(), Hub::start());
    hub.put(REPO, "model.safetensors", &timm_weights());
    // The connection is cut once; the rest is asked for, not the whole again.
    hub.fault(Fault::CutAfter(1_000_000));
    let fetched = with_hub(&shop, &hub, &["weights", "fetch", "mobilenet_v3", "--json"]).json();
    assert_eq!(fetched[0]["name"], "mobilenetv3_large_100.ra_in1k");
    assert_eq!(fetched[0]["downloaded"], true);
    let content: Vec<_> = hub.requests().into_iter().filter(|r| r.site == Site::Store).collect();
    let ranges: Vec<_> = content.iter().map(|request| request.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=1000000-")]);

    hub.clear_requests();
    let text = with_hub(&shop, &hub, &["weights", "fetch", "mobilenet_v3"]).ok();
    assert!(text.contains("here already"), "{text}");

    let listed = run_at_home(&shop, &["weights", "list", "--json"]).json();
    let of_name = |name: &str| {
        let listed = listed.as_array().expect("a list").iter();
        listed.clone().find(|file| file["name"] == name).cloned().expect("a file of the manifest's")
    };
    assert_eq!(of_name("mobilenetv3_large_100.ra_in1k")["path"], fetched[0]["path"]);
    assert_eq!(of_name("vgg19.tv_in1k")["path"], Value::Null);
    let text = run_at_home(&shop, &["weights", "verify"]).ok();
    assert!(text.contains("mobilenetv3_large_100.ra_in1k: sound"), "{text}");

    let identity = |backbone: &[&str]| {
        let mut build = at_home(&shop, &["index", "build", "--quiet", "--out"]);
        build.arg(shop.index()).arg(shop.photos()).args(backbone);
        finish(build).ok();
        let info = shop.run(["index", "info", "--json"]).json();
        info["model"]["parts"][0]["identity"]["backbone"].clone()
    };
    assert_eq!(identity(&["--backbone", "mobilenet_v3"]), "mobilenet_v3");
    // What lies in a cache decides nothing where no network is named.
    assert_eq!(identity(&[]), "mobilenet_v3_minimalistic");
}

#[test]
fn any_repositorys_file_is_fetched_and_used_by_its_path() {
    let (shop, hub) = (Shop::new(), Hub::start());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("lite.safetensors");
    weights::write(&file, &weights::timm_efficientnet_lite(0, 10), weights::values);
    hub.put("someone/lite", "nets/lite.safetensors", &std::fs::read(&file).expect("a file"));
    let name = "hf:someone/lite@v1/nets/lite.safetensors";
    let fetched = with_hub(&shop, &hub, &["weights", "fetch", name, "--json"]).json();
    assert_eq!(fetched[0]["backbone"], "efficientnet_lite0", "{fetched}");
    let path = fetched[0]["path"].as_str().expect("a path");
    let mut build = at_home(&shop, &["index", "build", "--quiet", "--weights", path, "--out"]);
    build.arg(shop.index()).arg(shop.photos());
    finish(build).ok();
    let info = shop.run(["index", "info", "--json"]).json();
    let identity = &info["model"]["parts"][0]["identity"];
    assert_eq!(identity["backbone"], "efficientnet_lite0", "{info}");
    // Its weights are made up, but a photo of the index is still known.
    let indexed = shop.photos().join(PRODUCTS[2]).join("1.jpg");
    let answer = shop.run(["search", indexed.to_str().expect("UTF-8"), "--json"]).json();
    assert_eq!(answer["copy_of"], format!("{}/1.jpg", PRODUCTS[2]), "{answer}");

    hub.put("someone/words", "model.safetensors", b"no tensors");
    let error = with_hub(&shop, &hub, &["weights", "fetch", "hf:someone/words"]).error(5);
    assert!(error.contains("hf:someone/words is at"), "{error}");
    let error = with_hub(&shop, &hub, &["weights", "fetch", "hf:someone"]).error(1);
    assert!(error.contains("hf:OWNER/REPO"), "{error}");
}

#[test]
fn without_any_weights_the_programs_own_are_used() {
    let shop = Shop::new();
    let mut build = at_home(&shop, &["index", "build", "--quiet", "--out"]);
    build.arg(shop.index()).arg(shop.photos());
    finish(build).ok();
    let info = shop.run(["index", "info", "--json"]).json();
    assert_eq!(info["model"]["parts"][0]["weights"], "bundled");
    let photo = shop.beside("query.jpg", new_photo_of(2));
    let photo = photo.to_str().expect("UTF-8");
    let answer = shop.run(["search", photo, "--json"]).json();
    assert_eq!(answer["matches"][0]["product"]["id"], PRODUCTS[2], "{answer}");

    let listed = run_at_home(&shop, &["weights", "list"]).ok();
    assert!(listed.contains("part of the program"), "{listed}");
    let verified = run_at_home(&shop, &["weights", "verify"]).ok();
    assert!(verified.contains("minimalistic.shop: sound"), "{verified}");
    // A file that happens to be called so is another one.
    shop.beside("bundled", "no weights");
    let mut here = at_home(&shop, &["search", photo, "--weights", "./bundled", "--index"]);
    here.arg(shop.index()).current_dir(shop.folder.path());
    assert!(finish(here).error(5).contains("./bundled"));
}

#[test]
fn what_cannot_be_fetched_is_one_line_that_says_what_to_do() {
    let (shop, hub) = (Shop::empty(), Hub::start());
    let error = with_hub(&shop, &hub, &["weights", "fetch", "resnet50"]).error(5);
    assert!(error.contains("timm/resnet50.a1_in1k"), "{error}");
    let error = run_at_home(&shop, &["weights", "fetch", "resnet51"]).error(1);
    assert!(error.contains("resnet50.a1_in1k"), "names what there is: {error}");
    let args = ["weights", "fetch", "mobilenet_v3_large_minimalistic"];
    assert!(run_at_home(&shop, &args).error(1).contains("cannot be fetched"));

    hub.clear_requests();
    let mut offline = at_home(&shop, &["weights", "fetch", "vgg19"]);
    offline.env("HF_ENDPOINT", hub.endpoint()).env("HF_HUB_OFFLINE", "1");
    assert!(finish(offline).error(5).to_lowercase().contains("offline"));
    assert!(hub.requests().is_empty(), "offline is offline");

    // The file is whole, but no network that the name promises.
    hub.put("timm/vgg19.tv_in1k", "model.safetensors", &timm_weights());
    let error = with_hub(&shop, &hub, &["weights", "fetch", "vgg19"]).error(5);
    assert!(error.contains("'mobilenet_v3'") && error.contains("'vgg19'"), "{error}");
}

#[test]
fn an_imported_checkpoint_is_smaller_sound_and_found() {
    let shop = Shop::new();
    let file = shop.beside("내 모델.safetensors", timm_weights());
    let file = file.to_str().expect("UTF-8");
    let error = run_at_home(&shop, &["weights", "import", file]).error(1);
    assert!(error.contains("--as NAME") && error.contains("--out FILE"), "{error}");
    let name = "mobilenetv3_large_100.ra_in1k";
    let args = ["weights", "import", file, "--as", name, "--precision", "f16"];
    run_at_home(&shop, &args).ok();
    let listed = run_at_home(&shop, &["weights", "list", "--json"]).json();
    let path = listed[0]["path"].as_str().expect("at hand");
    let (before, after) = (std::fs::metadata(file), std::fs::metadata(path));
    let (before, after) = (before.expect("a file").len(), after.expect("a file").len());
    assert!(after * 2 < before + 100_000, "{after} bytes of {before}");
    assert!(run_at_home(&shop, &["weights", "verify", name]).ok().contains("sound"));

    // The same photo, by both files: half the precision, the same direction.
    let photo = shop.beside("photo.jpg", new_photo_of(2));
    let embed = |weights: &str| -> Vec<f32> {
        let out = shop.folder.path().join("e.jsonl");
        let mut command = at_home(&shop, &["embed", "--quiet", "--weights", weights]);
        command.arg("--normalise").arg(&photo).arg("--out").arg(&out);
        finish(command).ok();
        let line = std::fs::read_to_string(out).expect("embeddings");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        serde_json::from_value(line["embedding"].clone()).expect("numbers")
    };
    let (whole, half) = (embed(file), embed(path));
    let cosine: f32 = whole.iter().zip(&half).map(|(a, b)| a * b).sum();
    assert!(whole.len() == 1280 && cosine > 0.999, "cosine {cosine}");

    let args = ["weights", "import", file, "--as", "vgg19.tv_in1k"];
    assert!(run_at_home(&shop, &args).error(5).contains("'vgg19'"));
    let args = ["weights", "import", file, "--out", "x.safetensors", "--preprocess", "grey"];
    assert!(run_at_home(&shop, &args).error(5).contains("grey"));
}

#[test]
fn a_quantised_network_is_another_to_an_index_and_finds_the_same() {
    let shop = Shop::indexed();
    shop.add("rug 1/damaged.jpg", b"\xff\xd8\xff no photo");
    let (photos, weights) = (shop.photos(), made_up_weights());
    let (photos, weights) = (photos.to_str().expect("UTF-8"), weights.to_str().expect("UTF-8"));
    let out = shop.folder.path().join("여덟 비트.safetensors");
    let out = out.to_str().expect("UTF-8");
    let args = ["weights", "quantise", photos, "--weights", weights, "--out", out, "--quiet"];
    let found = run_at_home(&shop, &[&args[..], &["--photos", "12", "--json"]].concat()).json();
    assert_eq!(found["network"], "mobilenet_v3_minimalistic");
    let (looked, unreadable) = (&found["found"]["photos"], &found["found"]["unreadable"]);
    assert_eq!(looked.as_u64().zip(unreadable.as_u64()).map(|(a, b)| a + b), Some(12));
    let cosines = &found["found"]["cosines"];
    // A made-up network makes more of every error than a real one.
    assert!(cosines["least"].as_f64().expect("a cosine") >= 0.85, "{found}");
    assert!(cosines["photos"].as_u64() > Some(3), "{found}");
    let text = run_at_home(&shop, &args).ok();
    assert!(
        text.contains("calibrated with 18 photos") && text.contains("could not be read: 1 "),
        "{text}"
    );

    // To the index it is other weights; with an index of its own it finds what the other does.
    let photo = shop.beside("photo.jpg", new_photo_of(4));
    let mut search = command(["search", "--json", "--weights", out, "--index"]);
    search.arg(shop.index()).arg(&photo);
    let error = finish(search).error(4);
    assert!(error.contains("another weights file"), "{error}");
    let before = shop.search(&photo);
    shop.build_with(&shop.photos(), out.as_ref()).ok();
    let after = shop.search(&photo);
    assert_eq!(after["matches"][0]["product"]["id"], PRODUCTS[4]);
    assert_eq!(before["matches"][0]["product"], after["matches"][0]["product"]);

    let nothing = shop.folder.path().join("nothing");
    std::fs::create_dir_all(nothing.join("a")).expect("a folder");
    std::fs::write(nothing.join("a/a.jpg"), b"no photo").expect("a file");
    let nothing = nothing.to_str().expect("UTF-8");
    let args = ["weights", "quantise", nothing, "--weights", weights, "--out", out, "-q"];
    let error = run_at_home(&shop, &args).error(3);
    assert!(error.contains("no readable photo"), "{error}");
    let nowhere = shop.beside("file", b"");
    let below = nowhere.join("8.safetensors");
    let below = below.to_str().expect("UTF-8");
    let args = ["weights", "quantise", photos, "--weights", weights, "--out", below, "-q"];
    let error = run_at_home(&shop, &args).error(5);
    assert!(error.contains("cannot write"), "{error}");
}

#[test]
fn several_networks_stand_side_by_side() {
    let shop = Shop::new();
    let (first, second) = (shop.beside("timm.safetensors", timm_weights()), made_up_weights());
    let build = |backbones: &str| {
        let mut build = command(["index", "build", "--quiet", "--out"]);
        build.arg(shop.index()).arg(shop.photos()).arg("--backbone").arg(backbones);
        finish({
            build.arg("--weights").arg(&first).arg("--weights").arg(second);
            build
        })
    };
    build("mobilenet_v3=3,mobilenet_v3_minimalistic").ok();
    let info = shop.run(["index", "info", "--json"]).json();
    let parts = info["model"]["parts"].as_array().expect("a list");
    let weights: Vec<f64> = parts.iter().map(|p| p["weight"].as_f64().expect("a number")).collect();
    assert_eq!(weights, [0.75, 0.25]);
    for (number, product) in PRODUCTS.iter().enumerate() {
        let answer = shop.search(&shop.beside("q.jpg", new_photo_of(number)));
        assert_eq!(answer["matches"][0]["product"]["id"], *product);
    }
    assert!(shop.run(["index", "verify"]).ok().contains("sound"));

    // Embeddings of other weights, or of one network alone, cannot be compared.
    let photo = shop.beside("q.jpg", new_photo_of(0));
    let photo = photo.to_str().expect("UTF-8");
    let named = ["--weights", first.to_str().expect("UTF-8"), "--weights"];
    let named = [&named[..], &[second.to_str().expect("UTF-8")]].concat();
    for (backbones, differs) in [
        ("mobilenet_v3,mobilenet_v3_minimalistic", "weight of a backbone"),
        ("mobilenet_v3_minimalistic,mobilenet_v3=3", "backbone"),
    ] {
        let args = [&["search", photo, "--backbone", backbones][..], &named].concat();
        assert!(shop.run(args).error(4).contains(differs));
    }
    assert!(build("mobilenet_v3").error(1).contains("not wanted"));
    assert!(build("mobilenet_v3_minimalistic").error(5).contains("use another weights file"));
    assert_eq!(build("mobilenet_v3,mobilenet_v3").code, 2);
}

#[test]
fn embeddings_are_written_for_other_tools() {
    let shop = Shop::new();
    let bad = crate::helpers::fixture("bad/truncated.jpg");
    for (name, ending) in [("a.npy", "npy"), ("b.safetensors", "safetensors"), ("c.jsonl", "jsonl")]
    {
        let out = shop.folder.path().join(name);
        let mut embed = command(["embed", "--quiet", "--weights"]);
        embed.arg(made_up_weights()).arg(shop.photos()).arg(&bad).arg("--out").arg(&out);
        let run = finish(embed);
        assert!(run.stderr.contains("skipped 1 photo") && run.stderr.contains("truncated.jpg"));
        assert!(run.ok().contains("embeddings of 18 photos, 1280 dims"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode =
                |path: &std::path::Path| std::fs::metadata(path).expect("it").permissions().mode();
            let ordinary = shop.beside("ordinary", b"");
            assert_eq!(mode(&out), mode(&ordinary), "other users may read it, too");
        }
        let bytes = std::fs::read(&out).expect("embeddings");
        match ending {
            "npy" => {
                let tensor = candle_core::Tensor::read_npy(&out).expect("an array");
                assert_eq!(tensor.dims(), [18, 1280]);
                let about = std::fs::read(out.with_extension("npy.json")).expect("names");
                let about: Value = serde_json::from_slice(&about).expect("JSON");
                assert_eq!(about["photos"].as_array().map(Vec::len), Some(18));
                assert_eq!(about["model"]["parts"].as_array().map(Vec::len), Some(1));
            }
            "safetensors" => {
                let file = safetensors::SafeTensors::deserialize(&bytes).expect("a whole file");
                assert_eq!(file.tensor("embeddings").expect("it").shape(), [18, 1280]);
            }
            _ => assert_eq!(bytes.iter().filter(|&&b| b == b'\n').count(), 18),
        }
    }
    let mut embed = command(["embed", "--weights"]);
    embed.arg(made_up_weights()).arg(&bad).arg("--out").arg(shop.folder.path().join("none.npy"));
    finish(embed).error(3);
    // Photos in no product's folder are photos, too; an empty folder has none.
    shop.beside("flat/사진.jpg", crate::helpers::new_photo_of(0));
    std::fs::create_dir_all(shop.folder.path().join("empty")).expect("a folder");
    let embed = |folder: &str| {
        let mut embed = command(["embed", "--weights"]);
        embed.arg(made_up_weights()).arg(shop.folder.path().join(folder)).arg("--out");
        embed.arg(shop.folder.path().join("flat.npy"));
        finish(embed)
    };
    assert!(embed("flat").ok().contains("of 1 photo"));
    assert!(embed("empty").error(3).contains("no photos in"));
    let out = ["embed", "x.jpg", "--out", "x.csv"];
    assert!(crate::helpers::run(out).error(2).contains(".npy"));
}

/// The rest is for a machine with a card: `benches/gpu.rs`.
#[cfg(not(feature = "cuda"))]
#[test]
fn a_gpu_that_the_program_was_not_built_for_is_refused() {
    let shop = Shop::indexed();
    let photo = shop.beside("query.jpg", new_photo_of(0));
    let photo = photo.to_str().expect("a path");
    for (place, told) in [
        (["--device", "cuda"], "--features cuda"),
        (["--device", "gpu"], "cuda:N"),
        (["--dtype", "bf16"], "--device cuda"),
    ] {
        let error = shop.run(["search", photo].into_iter().chain(place)).error(2);
        assert!(error.contains(told), "{error}");
    }
    shop.run(["search", photo, "--device", "cpu"]).ok();
}
