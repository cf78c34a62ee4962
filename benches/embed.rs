//! From a photo's file to its embedding: decoding and letterboxing, then the network.
//!
//! Synthetic photos (a 12-megapixel JPEG as from a phone, a 348-pixel one as from a shop) and networks with random weights,
//! whose values do not change the speed. On one thread unless the name says otherwise.
//! `peers/embed_peers.py` times ONNX Runtime and OpenVINO on the same networks.

use std::hint::black_box;

use candle_core::{Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lookalike_photo::{DecodeLimits, Normalisation, Preprocess, decode_scaled};
use lookalike_testkit::{photos, weights};

fn prepare(c: &mut Criterion) {
    let preprocess = Preprocess::letterbox(224, Normalisation::IMAGENET);
    let mut group = c.benchmark_group("prepare");
    group.sample_size(20);
    for (name, width, height) in [("phone 12 MP", 4000, 3000), ("shop 348 px", 348, 348)] {
        let jpeg = photos::jpeg(&photos::pattern(1, width, height), 90);
        group.throughput(Throughput::Bytes(jpeg.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let limits = DecodeLimits::default();
                let photo = decode_scaled(black_box(&jpeg), &limits, preprocess.min_longer_side());
                preprocess.tensor(&photo.expect("a photo").pixels)
            });
        });
    }
    group.finish();
}

fn embed(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let networks = [
        ("mobilenet_v3_minimalistic", weights::minimalistic(10)),
        ("mobilenet_v3", weights::timm(10)),
        ("resnet50", weights::resnet50(10)),
        ("vgg19", weights::plain_vgg19(10)),
    ];
    for (name, shapes) in networks {
        let file = folder.path().join(name).with_extension("safetensors");
        weights::write(&file, &shapes, weights::values);
        let loaded = lookalike_backbone::load(&file, None).expect("a network");
        let mut group = c.benchmark_group(format!("embed, all cores/{name}"));
        group.sample_size(20);
        for batch in [1usize, 8] {
            let shape = (batch, 3, 224, 224);
            let photos = Tensor::rand(-1f32, 1.0, shape, &Device::Cpu).expect("a batch");
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(format!("batch of {batch}"), |b| {
                b.iter(|| loaded.network.embed(black_box(&photos)).expect("embeddings"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, prepare, embed);
criterion_main!(benches);
