//! YOLOX's input and output, after Z. Ge, S. Liu, F. Wang, Z. Li and J. Sun, "YOLOX: exceeding YOLO
//! series in 2021", and the demonstration for ONNX that comes with it.

use lookalike_photo::{RgbImage, resize};

use super::RawDetection;
use super::network::{Output, argmax, to_planes};

const STRIDES: [usize; 3] = [8, 16, 32];
/// Grey of the padding beside a photo that does not fill its square.
const GREY: u8 = 114;
/// Values of a cell before its class scores: four of the box, and objectness.
const BOX_VALUES: usize = 5;

/// Whether a network's outputs are YOLOX's.
pub(super) fn fits(shapes: &[&[usize]], side: usize) -> bool {
    let cells: usize = STRIDES.iter().map(|stride| (side / stride).pow(2)).sum();
    matches!(shapes, [[1, rows, values]] if *rows == cells && *values > BOX_VALUES)
}

/// Letterboxed into the upper left corner of a grey square; planes blue, green, red, values 0 to 255. Returned
/// with the fractions of the square's width and height that the photo fills.
pub(super) fn input(photo: &RgbImage, side: usize) -> (Vec<f32>, (f32, f32)) {
    let longest = photo.width().max(photo.height()).max(1);
    let of = |length: u32| {
        let scaled = u64::from(length) * side as u64 / u64::from(longest);
        (scaled as u32).max(1)
    };
    let picture = resize(photo, of(photo.width()), of(photo.height()));
    let mut square = RgbImage::from_pixel(side as u32, side as u32, [GREY; 3].into());
    for (x, y, pixel) in picture.enumerate_pixels() {
        square.put_pixel(x, y, *pixel);
    }
    let fraction = |length: u32| length as f32 / side as f32;
    let filled = (fraction(picture.width()), fraction(picture.height()));
    (to_planes(&square, [2, 1, 0], |_, byte| f32::from(byte)), filled)
}

/// Boxes with a confidence of at least `min_confidence`, before non-maximum suppression.
pub(super) fn decode(outputs: &[Output], side: usize, min_confidence: f32) -> Vec<RawDetection> {
    let Some(output) = outputs.first() else { return Vec::new() };
    let values = output.shape.last().copied().unwrap_or(BOX_VALUES).max(BOX_VALUES);
    let mut cells = output.values.chunks_exact(values);
    let mut found = Vec::new();
    for stride in STRIDES {
        let across = side / stride;
        let stride_fraction = stride as f32 / side as f32;
        for (at, cell) in cells.by_ref().take(across * across).enumerate() {
            let (class, score) = argmax(&cell[BOX_VALUES..]);
            let confidence = cell[4] * score;
            if confidence < min_confidence {
                continue;
            }
            let (x, y) = ((at % across) as f32 + cell[0], (at / across) as f32 + cell[1]);
            let (half_width, half_height) = (cell[2].exp() / 2.0, cell[3].exp() / 2.0);
            let edges = [x - half_width, y - half_height, x + half_width, y + half_height];
            found.push(RawDetection {
                edges: edges.map(|edge| edge * stride_fraction),
                class,
                confidence,
            });
        }
    }
    found
}
