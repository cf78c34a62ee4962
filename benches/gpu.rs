//! Embedding on an NVIDIA GPU, per network and dtype: photos per second, and cosine similarity to the CPU's embeddings.
//! Needs `--features cuda` and a GPU; otherwise it is skipped.
//!
//! Photos: 32 of `grocery-store/val` under `LOOKALIKE_DATASETS`, or synthetic ones. Networks: from `LOOKALIKE_WEIGHTS`
//! (MobileNetV3 minimalistic, ResNet50), or with random weights, as VGG19 and the full MobileNetV3 always are: the values
//! do not change the speed. Batches are in GPU memory; embeddings are copied back. `benches/peers/torch_gpu.py` times
//! the same networks in PyTorch.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use candle_core::Tensor;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lookalike_backbone::{Device, DeviceName, Dtype, LoadedBackbone, load, load_on};
use lookalike_photo::{DecodeLimits, RgbImage, decode};
use lookalike_testkit::{photos, weights};

/// Photos whose embeddings are compared with the CPU's.
const COMPARED: usize = 32;
const BATCHES: [usize; 3] = [1, 32, 256];
const DTYPES: [Dtype; 3] = [Dtype::F32, Dtype::Tf32, Dtype::Bf16];

fn gpu(c: &mut Criterion) {
    if let Err(error) = Device::open(DeviceName::Cuda(0), Dtype::F32) {
        eprintln!("SKIPPED: gpu: {error}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let images = images();
    for (name, file) in networks(folder.path()) {
        let on_cpu = load(&file, None).expect("a network");
        let expected = embed(&on_cpu, &images);
        for dtype in DTYPES {
            let device = Device::open(DeviceName::Cuda(0), dtype).expect("a GPU");
            let loaded = load_on(&file, None, &device).expect("a network");
            let found = embed(&loaded, &images);
            let cosines: Vec<f64> =
                expected.iter().zip(&found).map(|(a, b)| cosine(a, b)).collect();
            let lowest = cosines.iter().copied().fold(1.0, f64::min);
            let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
            println!("{name} {dtype}: cosine with the CPU's, lowest {lowest:.6}, mean {mean:.6}");
            let mut group = c.benchmark_group(format!("gpu/{name}/{dtype}"));
            group.sample_size(10).warm_up_time(Duration::from_millis(500));
            group.measurement_time(Duration::from_secs(1));
            for batch in BATCHES {
                let shape = (batch, 3, 224, 224);
                let input = Tensor::rand(-1f32, 1.0, shape, device.candle()).expect("a batch");
                group.throughput(Throughput::Elements(batch as u64));
                group.bench_function(format!("batch of {batch}"), |b| {
                    b.iter(|| {
                        let embeddings = loaded.network.embed(black_box(&input))?;
                        embeddings.to_vec2::<f32>()
                    });
                });
            }
            group.finish();
        }
    }
}

/// Names and weights files of the networks.
fn networks(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let own = std::env::var_os("LOOKALIKE_WEIGHTS").map(PathBuf::from);
    let found = |file: &str| own.as_ref().map(|own| own.join(file)).filter(|file| file.is_file());
    let made = |file: &str, shapes: &[weights::NamedShape]| {
        let path = folder.join(file);
        weights::write(&path, shapes, weights::values);
        path
    };
    vec![
        (
            "mobilenet_v3_minimalistic",
            found("mobilenet_v3_large_minimalistic.safetensors")
                .unwrap_or_else(|| made("minimalistic.safetensors", &weights::minimalistic(1001))),
        ),
        ("mobilenet_v3", made("timm.safetensors", &weights::timm(1000))),
        (
            "resnet50",
            found("resnet50_pqf_noncommercial.safetensors")
                .unwrap_or_else(|| made("resnet50.safetensors", &weights::resnet50(1000))),
        ),
        ("vgg19", made("vgg19.safetensors", &weights::plain_vgg19(1000))),
    ]
}

fn images() -> Vec<RgbImage> {
    let synthetic = || (0..COMPARED as u32).map(|seed| photos::pattern(seed, 348, 348)).collect();
    let Some(datasets) = std::env::var_os("LOOKALIKE_DATASETS") else { return synthetic() };
    let val = Path::new(&datasets).join("grocery-store/val");
    let Ok(catalog) = lookalike_catalog::Catalog::open(&val, None) else { return synthetic() };
    let read = |photo| {
        let bytes = std::fs::read(catalog.file(photo)).ok()?;
        Some(decode(&bytes, &DecodeLimits::default()).ok()?.pixels)
    };
    let step = (catalog.photos.len() / COMPARED).max(1);
    catalog.photos.iter().step_by(step).filter_map(read).take(COMPARED).collect()
}

fn embed(loaded: &LoadedBackbone, images: &[RgbImage]) -> Vec<Vec<f32>> {
    let side = loaded.preprocess.size();
    let tensors: Vec<Vec<f32>> = images.iter().map(|p| loaded.preprocess.tensor(p)).collect();
    let shape = (images.len(), 3, side, side);
    let batch =
        Tensor::from_vec(tensors.concat(), shape, &candle_core::Device::Cpu).expect("a batch");
    let embeddings = loaded.network.embed(&batch).expect("embeddings");
    embeddings.to_vec2().expect("rows")
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

criterion_group!(benches, gpu);
criterion_main!(benches);
