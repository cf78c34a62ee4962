//! What runs a detector's network, and its tensors.

use lookalike_photo::RgbImage;

/// An output of a network.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Output {
    pub(super) shape: Vec<usize>,
    /// Row-major.
    pub(super) values: Vec<f32>,
}

/// Runs a network on one square photo, channels first.
pub(super) trait Network: Send + Sync {
    fn run(&self, input: Vec<f32>) -> Result<Vec<Output>, String>;
}

/// An image's values channels first, in the order of `channels` (0 red, 1 green, 2 blue), each byte mapped by
/// `value(channel, byte)`.
pub(super) fn to_planes(
    image: &RgbImage,
    channels: [usize; 3],
    value: impl Fn(usize, u8) -> f32,
) -> Vec<f32> {
    let pixels = image.width() as usize * image.height() as usize;
    let mut planes = Vec::with_capacity(3 * pixels);
    for channel in channels {
        let table: Vec<f32> = (0..=u8::MAX).map(|byte| value(channel, byte)).collect();
        let pixels = image.as_raw().chunks_exact(3);
        planes.extend(pixels.map(|pixel| table[usize::from(pixel[channel])]));
    }
    planes
}

/// The first class with the highest score, and that score.
pub(super) fn argmax(scores: &[f32]) -> (usize, f32) {
    let none = (0, f32::NEG_INFINITY);
    let better = |best: (usize, f32), (class, &score): (usize, &f32)| {
        if score > best.1 { (class, score) } else { best }
    };
    scores.iter().enumerate().fold(none, better)
}
