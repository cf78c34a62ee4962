//! Object detectors in ONNX files as their authors publish them, without post-processing in the graph: PicoDet
//! and YOLOX.

mod coco;
mod network;
mod picodet;
#[cfg(feature = "onnx")]
mod tract;
mod yolox;

use std::path::Path;

use lookalike_photo::{BBox, RgbImage};

use self::network::Network;
use crate::{DetectError, DetectedObject, ObjectDetector, non_maximum_suppression};

pub use self::coco::COCO_CLASSES;

/// Default confidence threshold, 0 to 1.
const MIN_CONFIDENCE: f32 = 0.3;
/// Threshold of non-maximum suppression among boxes of one class.
const NMS_IOU: f32 = 0.6;

/// Layout of a detector's input and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetectorFormat {
    /// PaddleDetection's PicoDet, exported without post-processing: for each of four strides the class scores,
    /// `(1, cells, classes)`, and the distances to the box's edges, `(1, cells, 4 * bins)`, as logits over
    /// whole strides.
    PicoDet,
    /// YOLOX: one output, `(1, cells, 5 + classes)`, of three strides one after the other: the box's centre
    /// and the logarithms of its sides, in strides; objectness; class scores.
    YoloX,
}

/// A box as the network gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct RawDetection {
    /// Left, upper, right and lower edge, in fractions of the square input.
    edges: [f32; 4],
    class: usize,
    confidence: f32,
}

/// An object detector in an ONNX file.
pub struct OnnxDetector {
    network: Box<dyn Network>,
    format: DetectorFormat,
    /// Pixels of its square input.
    side: usize,
    min_confidence: f32,
}

impl OnnxDetector {
    /// Opens a PicoDet or a YOLOX; which one is recognised by the shapes of its outputs.
    ///
    /// # Errors
    /// [`DetectError::InvalidDetector`] for any other file.
    #[cfg(feature = "onnx")]
    pub fn open(file: &Path) -> Result<Self, DetectError> {
        let wrong = |reason| DetectError::InvalidDetector { path: file.to_owned(), reason };
        let (network, side) = tract::open(file).map_err(wrong)?;
        Self::from_network(network, side).map_err(wrong)
    }

    /// Opens a PicoDet or a YOLOX: not in this build.
    ///
    /// # Errors
    /// [`DetectError::NotBuilt`]: the feature `onnx` is off.
    #[cfg(not(feature = "onnx"))]
    pub fn open(_: &Path) -> Result<Self, DetectError> {
        Err(DetectError::NotBuilt)
    }

    /// Recognises the format by the shapes of the outputs for an empty photo.
    #[cfg_attr(not(feature = "onnx"), allow(dead_code, reason = "only tests use it then"))]
    fn from_network(network: Box<dyn Network>, side: usize) -> Result<Self, String> {
        let outputs = network.run(vec![0.0; 3 * side * side])?;
        let shapes: Vec<&[usize]> = outputs.iter().map(|output| &output.shape[..]).collect();
        let format = if yolox::fits(&shapes, side) {
            DetectorFormat::YoloX
        } else if picodet::fits(&shapes, side) {
            DetectorFormat::PicoDet
        } else {
            return Err(format!(
                "its outputs {shapes:?} are neither PicoDet's, without post-processing, nor YOLOX's"
            ));
        };
        Ok(Self { network, format, side, min_confidence: MIN_CONFIDENCE })
    }

    /// Sets the confidence threshold, 0 to 1. Default 0.3.
    pub fn with_min_confidence(mut self, min_confidence: f32) -> Self {
        self.min_confidence = min_confidence;
        self
    }

    /// The layout of its input and outputs.
    pub fn format(&self) -> DetectorFormat {
        self.format
    }

    /// The network's input, and the fractions of its width and height that the photo fills, from the upper left
    /// corner.
    fn input(&self, photo: &RgbImage) -> (Vec<f32>, (f32, f32)) {
        match self.format {
            DetectorFormat::PicoDet => (picodet::input(photo, self.side), (1.0, 1.0)),
            DetectorFormat::YoloX => yolox::input(photo, self.side),
        }
    }
}

impl ObjectDetector for OnnxDetector {
    fn name(&self) -> &str {
        match self.format {
            DetectorFormat::PicoDet => "PicoDet",
            DetectorFormat::YoloX => "YOLOX",
        }
    }

    /// The objects in an upright photo, the most confident first, after non-maximum suppression per class.
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedObject>, DetectError> {
        let (input, filled) = self.input(photo);
        let outputs = self.network.run(input).map_err(DetectError::Failed)?;
        let found = match self.format {
            DetectorFormat::PicoDet => picodet::decode(&outputs, self.side, self.min_confidence),
            DetectorFormat::YoloX => yolox::decode(&outputs, self.side, self.min_confidence),
        };
        let objects = found.into_iter().filter_map(|raw| {
            let [left, top, right, bottom] = raw.edges;
            let (across, down) = filled;
            let bbox = BBox::clipped(left / across, top / down, right / across, bottom / down)?;
            let label = match COCO_CLASSES.get(raw.class) {
                Some(name) => (*name).to_owned(),
                None => format!("class {}", raw.class),
            };
            Some(DetectedObject {
                bbox,
                area_fraction: f64::from(bbox.area()),
                label: Some(label),
                confidence: Some(raw.confidence),
            })
        });
        Ok(non_maximum_suppression(objects.collect(), NMS_IOU, true))
    }
}

#[cfg(test)]
mod tests {
    use super::network::Output;
    use super::*;

    /// A network with the same outputs for every photo.
    struct Fixed(Vec<Output>);

    impl Network for Fixed {
        fn run(&self, _: Vec<f32>) -> Result<Vec<Output>, String> {
            Ok(self.0.clone())
        }
    }

    fn output(shape: &[usize]) -> Output {
        Output { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] }
    }

    /// A YOLOX for photos of 64 pixels, 4 classes: the first cell of stride 32 has an object.
    fn yolox() -> Fixed {
        let cells = 8 * 8 + 4 * 4 + 2 * 2;
        let mut raw = output(&[1, cells, 9]);
        for (at, middle) in [(cells - 4, 0.5), (cells - 4 + 1, -0.5)] {
            let values = &mut raw.values[at * 9..][..9];
            // The second is the same box, given by the cell to its right with less confidence.
            values[0] = middle;
            values[1] = 0.5;
            values[2] = 0.0;
            values[3] = 0.0;
            values[4] = if middle > 0.0 { 0.9 } else { 0.6 };
            values[5 + 2] = 1.0;
        }
        Fixed(vec![raw])
    }

    #[test]
    fn a_wide_photo_fills_half_of_a_letterbox() {
        let detector = OnnxDetector::from_network(Box::new(yolox()), 64).expect("a YOLOX");
        assert_eq!(detector.format(), DetectorFormat::YoloX);
        let found = detector.detect(&RgbImage::new(200, 100)).expect("objects");
        assert_eq!(found.len(), 1, "one of two equal boxes is suppressed: {found:?}");
        // 32 of 64 pixels, which are half of the width and all of the height.
        let bbox = BBox { left: 0.0, top: 0.0, right: 0.5, bottom: 1.0 };
        assert_eq!((found[0].bbox, found[0].confidence), (bbox, Some(0.9)));
        assert_eq!(found[0].label.as_deref(), Some("car"));
        let strict =
            detector.with_min_confidence(0.95).detect(&RgbImage::new(200, 100)).expect("objects");
        assert!(strict.is_empty(), "{strict:?}");
    }

    #[test]
    fn a_network_that_is_no_detector_is_refused() {
        let refused = |shapes: &[&[usize]]| {
            let outputs = shapes.iter().map(|shape| output(shape)).collect();
            OnnxDetector::from_network(Box::new(Fixed(outputs)), 64).err().expect("no detector")
        };
        assert!(refused(&[&[1, 1000]]).contains("[[1, 1000]]"));
        refused(&[]);
        refused(&[&[1, 84, 4]]);
        refused(&[&[1, 80, 9]]);
    }
}
