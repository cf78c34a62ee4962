//! Finding the things in a photo: by the map of the bundled network, and by the detectors in the folder that
//! `LOOKALIKE_WEIGHTS` names.
//!
//! Corpus: a made-up photo of 416 pixels a side, as detectors take it, so that nothing is scaled. On one thread.
//! `peers/detectors.py` times ONNX Runtime on the same detectors.

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use lookalike_detect::{ActivationDetector, ObjectDetector, OnnxDetector};
use lookalike_testkit::photos;

const DETECTORS: [&str; 2] = ["picodet_s_416_coco", "yolox_nano_coco"];

fn detect(c: &mut Criterion) {
    let photo = photos::pattern(1, 416, 416);
    let network = lookalike_backbone::load(lookalike_backbone::BUNDLED.as_ref(), None);
    let map = ActivationDetector::new(&network.expect("the bundled network"));
    let mut group = c.benchmark_group("detect, one thread");
    group.sample_size(20);
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    group.bench_function("activation map", |b| {
        alone.install(|| b.iter(|| map.detect(black_box(&photo)).expect("items")));
    });
    let weights = std::env::var_os("LOOKALIKE_WEIGHTS").map(PathBuf::from);
    for name in DETECTORS {
        let file = weights.as_ref().map(|folder| folder.join(name).with_extension("onnx"));
        let Some(file) = file.filter(|file| file.is_file() && cfg!(feature = "detector")) else {
            eprintln!("SKIPPED {name}: needs LOOKALIKE_WEIGHTS and --features detector");
            continue;
        };
        let detector = OnnxDetector::open(&file).expect("a detector");
        group.bench_function(name, |b| {
            alone.install(|| b.iter(|| detector.detect(black_box(&photo)).expect("items")));
        });
    }
    group.finish();
}

criterion_group!(benches, detect);
criterion_main!(benches);
