//! PicoDet's input and output, after G. Yu et al., "PP-PicoDet: a better real-time object detector on
//! mobile devices", 2021; distances as in X. Li et al., "Generalized focal loss", 2020.

use lookalike_photo::{Normalisation, RgbImage, resize};

use super::RawDetection;
use super::network::{Output, argmax, to_planes};

const STRIDES: [usize; 4] = [8, 16, 32, 64];

/// Cells across the map of a stride.
fn across(side: usize, stride: usize) -> usize {
    side.div_ceil(stride)
}

/// Whether a network's outputs are PicoDet's: scores of all strides, then distances of all strides.
pub(super) fn fits(shapes: &[&[usize]], side: usize) -> bool {
    if shapes.len() != 2 * STRIDES.len() {
        return false;
    }
    let (scores, distances) = shapes.split_at(STRIDES.len());
    let is = |shape: &[usize], stride: usize, of: &dyn Fn(usize) -> bool| matches!(shape, [1, cells, values] if *cells == across(side, stride).pow(2) && of(*values));
    let classes = scores[0].last().copied().unwrap_or(0);
    STRIDES.iter().zip(scores).all(|(stride, shape)| is(shape, *stride, &|n| n == classes && n > 0))
        && STRIDES
            .iter()
            .zip(distances)
            .all(|(stride, shape)| is(shape, *stride, &|n| n >= 8 && n.is_multiple_of(4)))
}

/// Stretched to the square, as in training; planes red, green, blue, normalised by ImageNet's mean and deviation.
pub(super) fn input(photo: &RgbImage, side: usize) -> Vec<f32> {
    let Normalisation { mean, std, .. } = Normalisation::IMAGENET;
    let picture = resize(photo, side as u32, side as u32);
    to_planes(&picture, [0, 1, 2], |colour, byte| (f32::from(byte) - mean[colour]) / std[colour])
}

/// Boxes with a confidence of at least `min_confidence`, before non-maximum suppression.
pub(super) fn decode(outputs: &[Output], side: usize, min_confidence: f32) -> Vec<RawDetection> {
    let mut found = Vec::new();
    let (scores, distances) = outputs.split_at(outputs.len() / 2);
    for ((stride, scores), distances) in STRIDES.into_iter().zip(scores).zip(distances) {
        let across = across(side, stride);
        let stride_fraction = stride as f32 / side as f32;
        let classes = scores.shape.last().copied().unwrap_or(1).max(1);
        let values = distances.shape.last().copied().unwrap_or(4).max(4);
        let cells = scores.values.chunks_exact(classes);
        let each = cells.zip(distances.values.chunks_exact(values)).enumerate();
        for (at, (scores, distances)) in each {
            let (class, confidence) = argmax(scores);
            if confidence < min_confidence {
                continue;
            }
            let (x, y) = ((at % across) as f32 + 0.5, (at / across) as f32 + 0.5);
            let mut sides = distances.chunks_exact(values / 4).map(expected);
            let [left, top, right, bottom] =
                std::array::from_fn(|_| sides.next().unwrap_or_default());
            let edges = [x - left, y - top, x + right, y + bottom];
            found.push(RawDetection {
                edges: edges.map(|edge| edge * stride_fraction),
                class,
                confidence,
            });
        }
    }
    found
}

/// Expectation of the bin index 0, 1, 2 ... under the softmax of the logits (distribution focal loss).
fn expected(logits: &[f32]) -> f32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut mean) = (0.0, 0.0);
    for (number, logit) in logits.iter().enumerate() {
        let weight = (logit - most).exp();
        sum += weight;
        mean += weight * number as f32;
    }
    mean / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_the_mean_of_its_bins() {
        assert!((expected(&[0.0; 8]) - 3.5).abs() < 1e-6);
        assert!((expected(&[-50.0, -50.0, 50.0, 50.0]) - 2.5).abs() < 1e-6);
    }

    #[test]
    fn boxes_are_around_the_middles_of_cells() {
        // Photos of 64 pixels; the second cell of stride 32's two lines of two sees class 1 of 2.
        let cells = STRIDES.map(|stride| across(64, stride).pow(2));
        let output = |cells: usize, values: usize| Output {
            shape: vec![1, cells, values],
            values: vec![0.0; cells * values],
        };
        let mut outputs: Vec<Output> = cells.iter().map(|&cells| output(cells, 2)).collect();
        outputs.extend(cells.iter().map(|&cells| output(cells, 12)));
        let shapes: Vec<&[usize]> = outputs.iter().map(|o| &o.shape[..]).collect();
        assert!(fits(&shapes, 64) && !fits(&shapes, 96) && !fits(&shapes[1..], 64));
        outputs[2].values[3] = 0.8;
        // Logits of 0, 1 and 2 strides to the left, top, right and bottom.
        let sure =
            |bin: usize| std::array::from_fn::<f32, 3, _>(|at| if at == bin { 90.0 } else { 0.0 });
        let distances = [sure(1), sure(0), sure(0), sure(1)].concat();
        outputs[6].values[12..24].copy_from_slice(&distances);
        let found = decode(&outputs, 64, 0.5);
        let edges = [0.25, 0.25, 0.75, 0.75];
        assert_eq!(found, [RawDetection { edges, class: 1, confidence: 0.8 }]);
    }

    #[test]
    fn a_photo_is_stretched_to_its_square() {
        let photo = RgbImage::from_pixel(40, 10, [255, 0, 128].into());
        let values = input(&photo, 8);
        let Normalisation { mean, std, .. } = Normalisation::IMAGENET;
        assert_eq!(values.len(), 3 * 64);
        for (colour, byte) in [255.0, 0.0, 128.0].into_iter().enumerate() {
            let expected = (byte - mean[colour]) / std[colour];
            assert!(values[colour * 64..][..64].iter().all(|n| (n - expected).abs() < 1e-5));
        }
    }
}
