//! YOLOX's input and output, after Z. Ge, S. Liu, F. Wang, Z. Li and J. Sun, "YOLOX: exceeding YOLO
//! series in 2021", and the demonstration for ONNX that comes with it.

use lookalike_photo::{RgbImage, scaled};

use super::{Found, Output, likeliest, planes};

const STRIDES: [usize; 3] = [8, 16, 32];
/// The grey beside a photo that does not fill its square.
const GREY: u8 = 114;
/// Numbers of a cell before its classes.
const BEFORE: usize = 5;

/// Whether a network's outputs are YOLOX's.
pub(super) fn fits(shapes: &[&[usize]], side: usize) -> bool {
    let cells: usize = STRIDES.iter().map(|stride| (side / stride).pow(2)).sum();
    matches!(shapes, [[1, rows, numbers]] if *rows == cells && *numbers > BEFORE)
}

/// Blue first, bytes as they are; in the upper left corner, grey beside it. With it the share of the
/// square's width and height that the photo fills.
pub(super) fn input(photo: &RgbImage, side: usize) -> (Vec<f32>, (f32, f32)) {
    let longest = photo.width().max(photo.height()).max(1);
    let of = |length: u32| {
        let scaled = u64::from(length) * side as u64 / u64::from(longest);
        (scaled as u32).max(1)
    };
    let picture = scaled(photo, of(photo.width()), of(photo.height()));
    let mut square = RgbImage::from_pixel(side as u32, side as u32, [GREY; 3].into());
    for (x, y, pixel) in picture.enumerate_pixels() {
        square.put_pixel(x, y, *pixel);
    }
    let share = |length: u32| length as f32 / side as f32;
    let filled = (share(picture.width()), share(picture.height()));
    (planes(&square, [2, 1, 0], |_, byte| f32::from(byte)), filled)
}

/// Boxes that it is at least as sure of as `least`.
pub(super) fn decode(outputs: &[Output], side: usize, least: f32) -> Vec<Found> {
    let Some(output) = outputs.first() else { return Vec::new() };
    let numbers = output.shape.last().copied().unwrap_or(BEFORE).max(BEFORE);
    let mut cells = output.numbers.chunks_exact(numbers);
    let mut found = Vec::new();
    for stride in STRIDES {
        let across = side / stride;
        let unit = stride as f32 / side as f32;
        for (at, cell) in cells.by_ref().take(across * across).enumerate() {
            let (class, score) = likeliest(&cell[BEFORE..]);
            let confidence = cell[4] * score;
            if confidence < least {
                continue;
            }
            let (x, y) = ((at % across) as f32 + cell[0], (at / across) as f32 + cell[1]);
            let (half_width, half_height) = (cell[2].exp() / 2.0, cell[3].exp() / 2.0);
            let edges = [x - half_width, y - half_height, x + half_width, y + half_height];
            found.push(Found { edges: edges.map(|edge| edge * unit), class, confidence });
        }
    }
    found
}
