//! Detectors in ONNX files: a made-up one that finds white squares (`make_detector.py`), and the authors' PicoDet
//! and YOLOX against ONNX Runtime.
#![cfg(feature = "onnx")]

use std::path::{Path, PathBuf};

use lookalike_detect::{DetectError, DetectorFormat, ObjectDetector, OnnxDetector};
use lookalike_photo::{BBox, DecodeLimits, RgbImage, decode};

fn bright() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bright.onnx")
}

#[test]
fn a_white_square_is_detected() {
    let detector = OnnxDetector::open(&bright()).expect("a detector");
    assert_eq!(detector.format(), DetectorFormat::YoloX);
    // Twice as wide as high: the lower half of the square is grey.
    let mut photo = RgbImage::from_pixel(512, 256, [60; 3].into());
    for (x, y, pixel) in photo.enumerate_pixels_mut() {
        if (256..512).contains(&x) && y < 256 {
            pixel.0 = [255; 3];
        }
    }
    let found = detector.detect(&photo).expect("objects");
    let first = found.first().expect("an object");
    assert_eq!(first.label.as_deref(), Some("car"));
    let known = BBox { left: 0.5, top: 0.0, right: 1.0, bottom: 1.0 };
    assert!(found.iter().any(|object| object.bbox.iou(&known) > 0.95), "{found:?}");
    assert!(found.iter().all(|object| object.bbox.fraction_inside(&known) > 0.95), "{found:?}");
    assert!(
        detector.detect(&RgbImage::from_pixel(30, 90, [60; 3].into())).expect("objects").is_empty()
    );
}

#[test]
fn a_file_that_is_no_detector_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = std::fs::read(bright()).expect("the file");
    for (name, bytes) in
        [("empty", &[][..]), ("cut", &whole[..whole.len() / 2]), ("other", b"GIF89a")]
    {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).expect("a file");
        let Err(error @ DetectError::InvalidDetector { .. }) = OnnxDetector::open(&file) else {
            panic!("{name} was taken for a detector");
        };
        let text = error.to_string();
        assert!(text.contains(name) && text.lines().count() == 1, "{text}");
    }
}

/// A label, a box's edges, and its confidence.
type Known = (&'static str, [f32; 4], f32);

/// What ONNX Runtime finds in one photo of COCO's (`benches/peers/detectors.py`).
const KNOWN: [(&str, DetectorFormat, [Known; 5]); 2] = [
    (
        "picodet_s_416_coco.onnx",
        DetectorFormat::PicoDet,
        [
            ("tv", [0.0039, 0.3918, 0.2409, 0.6171], 0.911),
            ("chair", [0.4591, 0.5106, 0.5587, 0.7559], 0.682),
            ("chair", [0.5778, 0.5098, 0.6885, 0.7519], 0.653),
            ("vase", [0.8564, 0.7204, 0.9142, 0.9385], 0.650),
            ("person", [0.6756, 0.3849, 0.7264, 0.6971], 0.560),
        ],
    ),
    (
        "yolox_nano_coco.onnx",
        DetectorFormat::YoloX,
        [
            ("tv", [0.0100, 0.3915, 0.2435, 0.6241], 0.899),
            ("person", [0.6675, 0.3852, 0.7332, 0.6970], 0.691),
            ("chair", [0.5798, 0.4996, 0.6899, 0.7458], 0.665),
            ("chair", [0.4565, 0.5271, 0.5530, 0.7711], 0.614),
            ("clock", [0.7005, 0.2822, 0.7210, 0.3347], 0.600),
        ],
    ),
];

/// The boxes that the authors' networks find in real photos; by ONNX Runtime, with the same pictures and the same
/// post-processing (`benches/peers/detectors.py`).
#[test]
fn real_detectors_agree_with_onnx_runtime() {
    let Some((datasets, weights)) =
        lookalike_testkit::real_folders("real_detectors_agree_with_onnx_runtime")
    else {
        return;
    };
    let photo = datasets.join("coco128/images/000000000139.jpg");
    let photo = decode(&std::fs::read(photo).expect("a photo"), &DecodeLimits::default());
    let photo = photo.expect("a photo").pixels;
    for (file, format, known) in KNOWN {
        let detector =
            OnnxDetector::open(&weights.join(file)).expect("a detector").with_min_confidence(0.53);
        assert_eq!(detector.format(), format);
        let found = detector.detect(&photo).expect("objects");
        assert_eq!(found.len(), known.len(), "{found:?}");
        for (object, (label, [left, top, right, bottom], confidence)) in found.iter().zip(known) {
            assert_eq!(object.label.as_deref(), Some(label));
            let bbox = BBox { left, top, right, bottom };
            assert!(object.bbox.iou(&bbox) > 0.98, "{object:?}");
            assert!(
                (object.confidence.expect("a confidence") - confidence).abs() < 0.01,
                "{object:?}"
            );
        }
    }
}
