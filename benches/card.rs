//! Embedding on an NVIDIA card, network by network: photos a second, and how far the embeddings are from
//! the processor's. Needs `--features cuda` and a card; without, it says so and measures nothing.
//!
//! Corpus: the photos under `LOOKALIKE_DATASETS` (the first 32 of `grocery-store/val`) or made-up ones,
//! on networks from `LOOKALIKE_WEIGHTS` (MobileNetV3 minimalistic, ResNet50) or with made-up weights, as
//! VGG19 and the full MobileNetV3 always are: weights' values do not change the work. Batches lie on the
//! card; embeddings are fetched. `benches/peers/torch_card.py` times the same networks in PyTorch.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use candle_core::Tensor;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lookalike_backbone::{Device, DeviceName, Dtype, LoadedBackbone, load, load_on};
use lookalike_photo::{DecodeLimits, RgbImage, decode};
use lookalike_testkit::{photos, weights};

/// Photos on which the card's embeddings are compared with the processor's.
const COMPARED: usize = 32;
const BATCHES: [usize; 3] = [1, 32, 256];
const DTYPES: [Dtype; 3] = [Dtype::F32, Dtype::Tf32, Dtype::Bf16];

fn card(c: &mut Criterion) {
    if let Err(error) = Device::open(DeviceName::Cuda(0), Dtype::F32) {
        eprintln!("SKIPPED: gpu: {error}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = pictures();
    for (name, file) in networks(folder.path()) {
        let on_cpu = load(&file, None).expect("a network");
        let expected = embed(&on_cpu, &pictures);
        for dtype in DTYPES {
            let device = Device::open(DeviceName::Cuda(0), dtype).expect("a card");
            let loaded = load_on(&file, None, &device).expect("a network");
            let found = embed(&loaded, &pictures);
            let cosines: Vec<f64> =
                expected.iter().zip(&found).map(|(a, b)| cosine(a, b)).collect();
            let lowest = cosines.iter().copied().fold(1.0, f64::min);
            let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
            println!(
                "{name} {dtype}: cosine with the processor's, lowest {lowest:.6}, mean {mean:.6}"
            );
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

/// The networks' files, by what they are called here.
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

fn pictures() -> Vec<RgbImage> {
    let made_up = || (0..COMPARED as u32).map(|seed| photos::pattern(seed, 348, 348)).collect();
    let Some(datasets) = std::env::var_os("LOOKALIKE_DATASETS") else { return made_up() };
    let val = Path::new(&datasets).join("grocery-store/val");
    let Ok(catalog) = lookalike_catalog::Catalog::open(&val, None) else { return made_up() };
    let read = |photo| {
        let bytes = std::fs::read(catalog.file(photo)).ok()?;
        Some(decode(&bytes, &DecodeLimits::default()).ok()?.pixels)
    };
    let step = (catalog.photos.len() / COMPARED).max(1);
    catalog.photos.iter().step_by(step).filter_map(read).take(COMPARED).collect()
}

fn embed(loaded: &LoadedBackbone, pictures: &[RgbImage]) -> Vec<Vec<f32>> {
    let side = loaded.preprocess.size();
    let tensors: Vec<Vec<f32>> = pictures.iter().map(|p| loaded.preprocess.tensor(p)).collect();
    let shape = (pictures.len(), 3, side, side);
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

criterion_group!(benches, card);
criterion_main!(benches);
