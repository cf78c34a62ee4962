//! Object detectors as their authors publish them: what goes in, and boxes from what comes out.

mod coco;
mod picodet;
mod yolox;

use std::path::Path;

use lookalike_photo::{BBox, RgbImage};

use crate::{DetectError, Item, ItemFinder, distinct};

pub use coco::COCO;

/// Boxes that a detector is less sure of are left out, 0 to 1, unless another limit is set.
const LEAST: f32 = 0.3;
/// Boxes of one class whose intersection over union is larger are of one thing.
const SAME: f32 = 0.6;

/// What a detector takes and gives, after the program that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// PaddleDetection's PicoDet, without its post-processing: for each of four strides the scores of
    /// classes, `(1, cells, classes)`, and the distances to a box's edges, `(1, cells, 4 * bins)`, as
    /// logits of whole strides.
    PicoDet,
    /// YOLOX: one output, `(1, cells, 5 + classes)`, of three strides one after the other: a box's middle
    /// and the logarithms of its sides, in strides; how sure it is that there is a thing; classes.
    YoloX,
}

/// Shape and numbers of a detector's output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    pub(crate) shape: Vec<usize>,
    pub(crate) numbers: Vec<f32>,
}

/// A box as a detector gives it, in shares of its square input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    /// Left, upper, right and lower edge.
    pub(crate) edges: [f32; 4],
    pub(crate) class: usize,
    pub(crate) confidence: f32,
}

/// Runs a network: its square input, channel first, to its outputs.
pub(crate) trait Network: Send + Sync {
    fn run(&self, input: Vec<f32>) -> Result<Vec<Output>, String>;
}

/// An object detector in an ONNX file.
pub struct Detector {
    network: Box<dyn Network>,
    convention: Convention,
    /// Pixels of its square input.
    side: usize,
    /// See [`LEAST`].
    least: f32,
}

impl Detector {
    /// A PicoDet or a YOLOX, known by its outputs.
    ///
    /// # Errors
    /// [`DetectError::NoDetector`] of a file that is none.
    #[cfg(feature = "onnx")]
    pub fn open(file: &Path) -> Result<Self, DetectError> {
        let wrong = |reason| DetectError::NoDetector { path: file.to_owned(), reason };
        let (network, side) = crate::onnx::open(file).map_err(wrong)?;
        Self::of(network, side).map_err(wrong)
    }

    /// A PicoDet or a YOLOX, known by its outputs.
    ///
    /// # Errors
    /// [`DetectError::NotBuilt`]: this program was built without.
    #[cfg(not(feature = "onnx"))]
    pub fn open(_: &Path) -> Result<Self, DetectError> {
        Err(DetectError::NotBuilt)
    }

    /// Knows what a network is by what it makes of an empty photo.
    #[cfg_attr(not(feature = "onnx"), allow(dead_code, reason = "but by tests"))]
    fn of(network: Box<dyn Network>, side: usize) -> Result<Self, String> {
        let outputs = network.run(vec![0.0; 3 * side * side])?;
        let shapes: Vec<&[usize]> = outputs.iter().map(|output| &output.shape[..]).collect();
        let convention = if yolox::fits(&shapes, side) {
            Convention::YoloX
        } else if picodet::fits(&shapes, side) {
            Convention::PicoDet
        } else {
            return Err(format!(
                "its outputs {shapes:?} are neither PicoDet's, without post-processing, nor YOLOX's"
            ));
        };
        Ok(Self { network, convention, side, least: LEAST })
    }

    /// Leaves out boxes that it is less sure of, 0 to 1. Default 0.3.
    pub fn surer_than(mut self, least: f32) -> Self {
        self.least = least;
        self
    }

    /// What it takes and gives.
    pub fn convention(&self) -> Convention {
        self.convention
    }

    /// A photo as it takes it, and the share of its input's width and height that the photo fills, from
    /// its upper left corner.
    fn input(&self, photo: &RgbImage) -> (Vec<f32>, (f32, f32)) {
        match self.convention {
            Convention::PicoDet => (picodet::input(photo, self.side), (1.0, 1.0)),
            Convention::YoloX => yolox::input(photo, self.side),
        }
    }

    /// The things in an upright photo, the surest first; of boxes of one class that are of one thing, only
    /// the surest.
    ///
    /// # Errors
    /// [`DetectError::Failed`].
    pub fn detect(&self, photo: &RgbImage) -> Result<Vec<Item>, DetectError> {
        let (input, filled) = self.input(photo);
        let outputs = self.network.run(input).map_err(DetectError::Failed)?;
        let found = match self.convention {
            Convention::PicoDet => picodet::decode(&outputs, self.side, self.least),
            Convention::YoloX => yolox::decode(&outputs, self.side, self.least),
        };
        let items = found.into_iter().filter_map(|found| {
            let [left, top, right, bottom] = found.edges;
            let (across, down) = filled;
            let area = BBox::clipped(left / across, top / down, right / across, bottom / down)?;
            let label = match COCO.get(found.class) {
                Some(name) => (*name).to_owned(),
                None => format!("class {}", found.class),
            };
            let (share, confidence) = (f64::from(area.area()), Some(found.confidence));
            Some(Item { area, share, label: Some(label), confidence })
        });
        Ok(distinct(items.collect(), SAME, true))
    }
}

impl ItemFinder for Detector {
    fn name(&self) -> &str {
        match self.convention {
            Convention::PicoDet => "PicoDet",
            Convention::YoloX => "YOLOX",
        }
    }

    fn find(&self, photo: &RgbImage) -> Result<Vec<Item>, DetectError> {
        self.detect(photo)
    }
}

/// A picture's numbers channel first: which colour each channel is, and what becomes of its bytes.
fn planes(picture: &RgbImage, channels: [usize; 3], of: impl Fn(usize, u8) -> f32) -> Vec<f32> {
    let area = picture.width() as usize * picture.height() as usize;
    let mut numbers = Vec::with_capacity(3 * area);
    for colour in channels {
        let table: Vec<f32> = (0..=u8::MAX).map(|byte| of(colour, byte)).collect();
        let pixels = picture.as_raw().chunks_exact(3);
        numbers.extend(pixels.map(|pixel| table[usize::from(pixel[colour])]));
    }
    numbers
}

/// Number and probability of the likeliest class.
fn likeliest(scores: &[f32]) -> (usize, f32) {
    let first = (0, f32::NEG_INFINITY);
    let better = |best: (usize, f32), (class, &score): (usize, &f32)| {
        if score > best.1 { (class, score) } else { best }
    };
    scores.iter().enumerate().fold(first, better)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says the same of every photo.
    struct Fixed(Vec<Output>);

    impl Network for Fixed {
        fn run(&self, _: Vec<f32>) -> Result<Vec<Output>, String> {
            Ok(self.0.clone())
        }
    }

    fn output(shape: &[usize]) -> Output {
        Output { shape: shape.to_vec(), numbers: vec![0.0; shape.iter().product()] }
    }

    /// A YOLOX for photos of 64 pixels, 4 classes: the first cell of stride 32 sees a thing.
    fn yolox() -> Fixed {
        let cells = 8 * 8 + 4 * 4 + 2 * 2;
        let mut found = output(&[1, cells, 9]);
        for (at, middle) in [(cells - 4, 0.5), (cells - 4 + 1, -0.5)] {
            let numbers = &mut found.numbers[at * 9..][..9];
            // The second is at the same place, seen from the cell to its right, and less sure.
            numbers[0] = middle;
            numbers[1] = 0.5;
            numbers[2] = 0.0;
            numbers[3] = 0.0;
            numbers[4] = if middle > 0.0 { 0.9 } else { 0.6 };
            numbers[5 + 2] = 1.0;
        }
        Fixed(vec![found])
    }

    #[test]
    fn a_wide_photo_fills_half_of_a_letterbox() {
        let detector = Detector::of(Box::new(yolox()), 64).expect("a YOLOX");
        assert_eq!(detector.convention(), Convention::YoloX);
        let found = detector.detect(&RgbImage::new(200, 100)).expect("items");
        assert_eq!(found.len(), 1, "two boxes at one place are one thing: {found:?}");
        // 32 of 64 pixels, which are half of the width and all of the height.
        let area = BBox { left: 0.0, top: 0.0, right: 0.5, bottom: 1.0 };
        assert_eq!((found[0].area, found[0].confidence), (area, Some(0.9)));
        assert_eq!(found[0].label.as_deref(), Some("car"));
        let strict = detector.surer_than(0.95).detect(&RgbImage::new(200, 100)).expect("items");
        assert!(strict.is_empty(), "{strict:?}");
    }

    #[test]
    fn a_network_that_is_no_detector_is_refused() {
        let refused = |shapes: &[&[usize]]| {
            let outputs = shapes.iter().map(|shape| output(shape)).collect();
            Detector::of(Box::new(Fixed(outputs)), 64).err().expect("no detector")
        };
        assert!(refused(&[&[1, 1000]]).contains("[[1, 1000]]"));
        refused(&[]);
        refused(&[&[1, 84, 4]]);
        refused(&[&[1, 80, 9]]);
    }
}
