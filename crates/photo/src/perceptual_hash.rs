//! pHash, a perceptual hash that stays nearly the same when a photo is scaled, compressed or slightly brightened.

use std::f64::consts::PI;
use std::sync::LazyLock;

use image::{GrayImage, RgbImage};
use serde::{Deserialize, Serialize};

use crate::downscale;

/// Longest side that a photo is first shrunk to, in pixels.
const SHRUNK_SIDE: u32 = 512;

/// Side of the square that a photo is scaled to, in pixels.
const SIDE: usize = 32;

/// A photo's 64-bit hash from the discrete cosine transform of its luminances (Zauner, "Implementation
/// and benchmarking of perceptual image hash functions", 2010, section 3.2): a bit for each of the 64
/// lowest frequencies without the mean: whether its coefficient is above their median.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct PerceptualHash(pub u64);

/// Rows and columns of the 64 lowest frequencies, the lowest first.
static FREQUENCIES: LazyLock<Vec<(usize, usize)>> = LazyLock::new(|| {
    let all = (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column)));
    let mut all: Vec<_> = all.filter(|&at| at != (0, 0)).collect();
    all.sort_by_key(|&(row, column)| (row + column, row));
    all.truncate(64);
    all
});

/// The basis of the transform (DCT-II), by frequency.
static COSINES: LazyLock<[[f64; SIDE]; SIDE]> = LazyLock::new(|| {
    std::array::from_fn(|frequency| {
        std::array::from_fn(|position| {
            (PI * (position as f64 + 0.5) * frequency as f64 / SIDE as f64).cos()
        })
    })
});

impl PerceptualHash {
    /// The hash of an upright photo.
    pub fn of(photo: &RgbImage) -> Self {
        // In two steps, so that a photo shrunk to the first side before has the same hash.
        let small = downscale(downscale(photo.clone(), SHRUNK_SIDE), 256);
        let grey = image::imageops::resize(
            &luminances(&small),
            SIDE as u32,
            SIDE as u32,
            image::imageops::FilterType::Triangle,
        );
        let cosine = |frequency: usize, position: u32| COSINES[frequency][position as usize];
        let coefficients: Vec<f64> = FREQUENCIES
            .iter()
            .map(|&(row, column)| {
                grey.enumerate_pixels()
                    .map(|(x, y, l)| f64::from(l[0]) * cosine(row, y) * cosine(column, x))
                    .sum()
            })
            .collect();
        let mut sorted = coefficients.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let median = (sorted[31] + sorted[32]) / 2.0;
        let bits = coefficients.iter().enumerate();
        Self(bits.fold(0, |hash, (at, &c)| hash | (u64::from(c > median) << at)))
    }

    /// Hamming distance: the number of bits that differ, 0 to 64.
    pub fn hamming_distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// The luminance of each pixel, 0 to 255 (ITU-R BT.601).
pub fn luminances(image: &RgbImage) -> GrayImage {
    let (width, height) = image.dimensions();
    GrayImage::from_fn(width, height, |x, y| {
        let [r, g, b] = image.get_pixel(x, y).0.map(u32::from);
        image::Luma([((299 * r + 587 * g + 114 * b + 500) / 1000) as u8])
    })
}
