//! Both networks compute what PyTorch does with the same made-up weights, which reach every layer:
//! see `golden/make.py`.

use std::path::Path;

use candle_core::{Device, Tensor};
use lookalike_backbone::{BackboneKind, load};
use lookalike_testkit::{Noise, weights};
use serde::Deserialize;

/// Largest difference allowed, as a share of the largest golden number. Sums in another order cost
/// up to 1e-5; batch norm without its epsilon of 1e-5 costs 5e-4.
const TOLERANCE: f32 = 1e-4;

/// Side of the input in pixels.
const SIDE: usize = 224;
/// Pixels between two points of its lattice.
const CELL: usize = 16;

#[derive(Deserialize)]
struct Golden {
    made_with: String,
    tensors: usize,
    tensors_crc32: u32,
    input_crc32: u32,
    embeddings: Vec<Vec<f32>>,
    logits: Vec<Vec<f32>>,
}

/// `picture_like` of `golden/make.py`: 2x3x224x224.
fn input() -> Vec<f32> {
    let nodes = SIDE / CELL + 1;
    let (lattice, grain) = (Noise::named("input"), Noise::named("grain"));
    let mut pixels = Vec::with_capacity(2 * 3 * SIDE * SIDE);
    for plane in 0..2 * 3 {
        for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
            let node = |down: usize, right: usize| {
                2.0 * lattice.at((plane * nodes + y / CELL + down) * nodes + x / CELL + right)
            };
            let across = |down: usize| {
                let left = node(down, 0);
                left + (node(down, 1) - left) * ((x % CELL) as f64 / CELL as f64)
            };
            let above = across(0);
            let smooth = above + (across(1) - above) * ((y % CELL) as f64 / CELL as f64);
            let patch = (3.0 * smooth).clamp(-1.0, 1.0);
            pixels.push((0.9 * patch + 0.1 * (2.0 * grain.at(pixels.len()))) as f32);
        }
    }
    pixels
}

fn crc32(values: &[f32], checksum: &mut crc32fast::Hasher) {
    values.iter().for_each(|value| checksum.update(&value.to_le_bytes()));
}

/// Whether Python and Rust agree on the weights and the input, before their networks are compared.
fn assert_same_material(golden: &Golden, tensors: &[weights::NamedShape], input: &[f32]) {
    assert_eq!(tensors.len(), golden.tensors, "tensors of the network");
    let mut checksum = crc32fast::Hasher::new();
    for (name, shape) in tensors {
        let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
        checksum.update(format!("{name} {}\n", sides.join("x")).as_bytes());
        crc32(&weights::values(name, shape), &mut checksum);
    }
    assert_eq!(checksum.finalize(), golden.tensors_crc32, "names, shapes and made-up weights");
    let mut checksum = crc32fast::Hasher::new();
    crc32(input, &mut checksum);
    assert_eq!(checksum.finalize(), golden.input_crc32, "made-up input");
}

/// Largest difference as a share of the largest golden number.
fn difference(found: &Tensor, golden: &[Vec<f32>]) -> f32 {
    let found = found.to_vec2::<f32>().expect("a row for each picture");
    assert_eq!(found.len(), golden.len(), "pictures");
    let (mut off, mut largest) = (0f32, 0f32);
    for (found, golden) in found.iter().zip(golden) {
        assert_eq!(found.len(), golden.len(), "numbers a picture");
        for (found, golden) in found.iter().zip(golden) {
            assert!(found.is_finite());
            off = off.max((found - golden).abs());
            largest = largest.max(golden.abs());
        }
    }
    off / largest
}

fn check(kind: BackboneKind, golden: &str, tensors: &[weights::NamedShape], write: impl Fn(&Path)) {
    let golden: Golden = serde_json::from_str(golden).expect("golden/make.py's own output");
    let pixels = input();
    assert_same_material(&golden, tensors, &pixels);

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("weights.safetensors");
    write(&path);
    let loaded = load(&path, Some(kind)).expect("a whole file");
    let batch = Tensor::from_vec(pixels, (2, 3, SIDE, SIDE), &Device::Cpu).expect("two pictures");
    let embeddings = loaded.network.embed(&batch).expect("embeddings");
    let logits = loaded.network.logits(&batch).expect("logits");
    assert_eq!(embeddings.dims(), [2, loaded.network.embedding_dim()]);
    assert_eq!(logits.dims(), [2, loaded.network.classes()]);

    let of_embeddings = difference(&embeddings, &golden.embeddings);
    let of_logits = difference(&logits, &golden.logits);
    println!(
        "{kind} against {}: embeddings off by {of_embeddings:.1e}, logits by {of_logits:.1e}",
        golden.made_with
    );
    assert!(of_embeddings <= TOLERANCE, "{kind}: embeddings are off by {of_embeddings:e}");
    assert!(of_logits <= TOLERANCE, "{kind}: logits are off by {of_logits:e}");

    // A picture's numbers do not depend on what else is in the batch.
    let alone = batch.narrow(0, 1, 1).expect("the second picture");
    let alone = loaded.network.embed(&alone).expect("embeddings");
    assert!(difference(&alone, &golden.embeddings[1..]) <= TOLERANCE, "{kind}: alone in a batch");
}

#[test]
fn full_network_agrees_with_timm() {
    check(
        BackboneKind::MobileNetV3,
        include_str!("golden/mobilenet_v3.json"),
        &weights::timm(weights::TIMM_CLASSES),
        |path| weights::write_timm(path),
    );
}

#[test]
fn minimalistic_network_agrees_with_torch() {
    check(
        BackboneKind::MobileNetV3Minimalistic,
        include_str!("golden/mobilenet_v3_minimalistic.json"),
        &weights::minimalistic(weights::MINIMALISTIC_CLASSES),
        |path| weights::write_minimalistic(path),
    );
}
