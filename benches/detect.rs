//! Object detection: by the activation map of the bundled network, and by the ONNX detectors in `LOOKALIKE_WEIGHTS`.
//!
//! One synthetic photo of 416 x 416 pixels, the detectors' input size, so that nothing is resized. On one thread.
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
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    group.bench_function("activation map", |b| {
        one_thread.install(|| b.iter(|| map.detect(black_box(&photo)).expect("objects")));
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
            one_thread.install(|| b.iter(|| detector.detect(black_box(&photo)).expect("objects")));
        });
    }
    group.finish();
}

criterion_group!(benches, detect);
criterion_main!(benches);
