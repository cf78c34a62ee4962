//! Networks in int8, with made-up weights: close to the same in f32; and damaged calibrations are refused.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use lookalike_backbone::{
    BackboneError, Precision, Quantiser, TrainSetup, import, int8_is_fast, load, load_trainable,
};
use lookalike_testkit::weights::{self, NamedShape};
use lookalike_testkit::{Noise, skipped};
use safetensors::SafeTensors;

const SIDE: usize = 224;

/// A photo that is smooth, as photos are.
fn photo(seed: usize) -> Vec<f32> {
    let noise = Noise::named(&format!("photo {seed}"));
    let lattice: Vec<f32> = (0..3 * 64).map(|at| 4.0 * noise.at(at) as f32).collect();
    let at = |channel: usize, row: usize, column: usize| {
        let (row, column) = (row as f32 / 32.0, column as f32 / 32.0);
        let of = |row: usize, column: usize| lattice[channel * 64 + row.min(7) * 8 + column.min(7)];
        let (y, x) = (row as usize, column as usize);
        let (down, right) = (row.fract(), column.fract());
        let mix = |a: f32, b: f32, by: f32| a + (b - a) * by;
        let upper = mix(of(y, x), of(y, x + 1), right);
        mix(upper, mix(of(y + 1, x), of(y + 1, x + 1), right), down)
    };
    (0..3 * SIDE * SIDE).map(|n| at(n / SIDE / SIDE, n / SIDE % SIDE, n % SIDE)).collect()
}

fn batch(seeds: &[usize]) -> Tensor {
    let all: Vec<f32> = seeds.iter().flat_map(|&seed| photo(seed)).collect();
    Tensor::from_vec(all, (seeds.len(), 3, SIDE, SIDE), &Device::Cpu).expect("a batch")
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|all| all.to_vec1()).expect("numbers")
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// A made-up network, and the same quantised.
fn quantised(folder: &Path, shapes: &[NamedShape]) -> (PathBuf, PathBuf) {
    let (file, to) = (folder.join("network.safetensors"), folder.join("비트/8.safetensors"));
    weights::write(&file, shapes, weights::values);
    let quantiser = Quantiser::open(&file, None).expect("a network");
    for seed in 0..6 {
        quantiser.calibrate(photo(seed)).expect("looked at");
    }
    quantiser.write(&to).expect("written");
    (file, to)
}

/// A made-up network amplifies errors from stage to stage, so that only the first stages are compared closely.
/// Real ones do not: see the program's `tests/real.rs`.
#[test]
fn every_network_is_nearly_the_same_in_int8() {
    if !int8_is_fast() {
        skipped("quantised networks by AVX-512 VNNI, which this CPU lacks");
    }
    for (name, shapes) in [
        ("minimalistic", weights::minimalistic(10)),
        ("mobilenet_v3", weights::timm(10)),
        ("resnet50", weights::resnet50(10)),
        ("plain vgg19", weights::plain_vgg19(10)),
        ("vgg19", weights::vgg19(10, 64)),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, to) = quantised(folder.path(), &shapes);
        let (before, after) = (load(&file, None).expect(name), load(&to, None).expect(name));
        assert_eq!((before.is_int8, after.is_int8), (false, true), "{name}");
        assert_eq!(before.identity.backbone, after.identity.backbone, "{name}");
        assert_ne!(before.identity.weights_sha256, after.identity.weights_sha256, "{name}");
        assert_eq!(before.preprocess.id(), after.preprocess.id(), "{name}");

        let photos = batch(&[100, 101, 102]);
        let of = |loaded: &lookalike_backbone::LoadedBackbone| {
            let (embeddings, logits) = loaded.network.embed_and_logits(&photos).expect(name);
            assert_eq!(logits.dims(), [3, 10], "{name}");
            let stages = loaded.network.stages(&photos).expect(name);
            (embeddings.to_vec2::<f32>().expect("rows"), numbers(&logits), stages)
        };
        let ((exact, logits, stages), (coded, coded_logits, coded_stages)) =
            (of(&before), of(&after));
        for (exact, coded) in exact.iter().zip(&coded) {
            let cosine = cosine(exact, coded);
            assert!(cosine >= 0.7, "{name}: cosine {cosine}");
        }
        let same = cosine(&logits, &coded_logits);
        assert!(same >= 0.6, "{name}: cosine {same} of the logits");
        for (at, (exact, coded)) in stages.iter().zip(&coded_stages).enumerate() {
            assert_eq!((&exact.name, exact.output.dims()), (&coded.name, coded.output.dims()));
            let same = cosine(&numbers(&exact.output), &numbers(&coded.output));
            let least = if at < 2 { 0.99 } else { 0.5 };
            assert!(same >= least, "{name}: cosine {same} at {}", exact.name);
        }
    }
}

#[test]
fn a_quantised_file_is_still_the_networks() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, to) = quantised(folder.path(), &weights::minimalistic(4));
    // Loaded for training, or imported, it computes in f32 again.
    load_trainable(&to, None, TrainSetup::default(), &Default::default()).expect("to be trained");
    let again = folder.path().join("again.safetensors");
    import(&to, &again, None, Precision::F32).expect("written");
    let (before, again) = (load(&file, None).expect("one"), load(&again, None).expect("other"));
    assert!(!again.is_int8);
    let embed = |loaded: &lookalike_backbone::LoadedBackbone| {
        numbers(&loaded.network.embed(&batch(&[7])).expect("an embedding"))
    };
    assert_eq!(embed(&before), embed(&again));
    // Quantised again, from the network in f32.
    let quantiser = Quantiser::open(&to, None).expect("a network");
    assert_eq!(numbers(&quantiser.network().embed(&batch(&[7])).expect("one")), embed(&before));
}

#[test]
fn without_photos_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("network.safetensors");
    weights::write_minimalistic(&file);
    let to = folder.path().join("8.safetensors");
    let error = Quantiser::open(&file, None).expect("a network").write(&to).expect_err("refused");
    assert!(matches!(error, BackboneError::NoPhotos { .. }), "{error}");
    assert!(!to.exists());
}

#[test]
fn damaged_calibrations_are_refused() {
    const KEY: &str = "lookalike.int8";
    let folder = tempfile::tempdir().expect("a folder");
    let (_, to) = quantised(folder.path(), &weights::minimalistic(4));
    let bytes = std::fs::read(&to).expect("the file");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
    let about = header.metadata().clone().expect("a description");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let described: serde_json::Value = serde_json::from_str(&about[KEY]).expect("JSON");

    // The file with another description, or with other ranges.
    let refused = |description: String, ranges: Option<Vec<u8>>| {
        let mut about = about.clone();
        about.insert(KEY.to_owned(), description);
        let all = tensors.tensors().into_iter().filter_map(|(name, tensor)| {
            let bytes = if name == KEY { ranges.clone()? } else { tensor.data().to_vec() };
            let shape = match name.as_str() {
                KEY => vec![bytes.len() / 8, 2],
                _ => tensor.shape().to_vec(),
            };
            Some((name, tensor.dtype(), shape, bytes))
        });
        let all: Vec<_> = all.collect();
        let views = all.iter().map(|(name, dtype, shape, bytes)| {
            let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes);
            (name, view.expect("a tensor"))
        });
        let changed = folder.path().join("changed.safetensors");
        let bytes = safetensors::serialize(views, Some(about)).expect("a file");
        std::fs::write(&changed, bytes).expect("written");
        let error = load(&changed, None).err().expect("refused").to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains("quantise it again"), "{error}");
        error
    };
    let ranges = tensors.tensor(KEY).expect("ranges").data().to_vec();
    refused("{".into(), Some(ranges.clone()));
    refused(about[KEY].clone(), None);
    refused(about[KEY].clone(), Some(ranges[8..].to_vec()));
    let mut odd = ranges.clone();
    odd[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    refused(about[KEY].clone(), Some(odd));
    let mut backwards = ranges.clone();
    backwards[..4].copy_from_slice(&1f32.to_le_bytes());
    backwards[4..8].copy_from_slice(&0f32.to_le_bytes());
    refused(about[KEY].clone(), Some(backwards));

    // As many numbers, of another network: shifted by a map, and with fewer maps.
    let mut shifted = described.clone();
    let nodes = shifted["nodes"].as_array_mut().expect("nodes");
    nodes.rotate_left(1);
    refused(shifted.to_string(), Some(ranges.clone()));
    let mut fewer = described.clone();
    fewer["nodes"].as_array_mut().expect("nodes").pop();
    refused(fewer.to_string(), Some(ranges.clone()));
    let mut huge = described;
    huge["nodes"][1] = u64::MAX.into();
    refused(huge.to_string(), Some(ranges));
}
