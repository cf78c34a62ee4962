//! Image quality from pixels alone: sharpness, exposure, and how much a photo looks like a picture of text.

use image::{GrayImage, RgbImage};
use lookalike_photo::{downscale, luminances};
use serde::{Deserialize, Serialize};

/// Longest side at which pixels are measured, about the input size of the networks: a photo that is blurry on a
/// screen but sharp at this size is sharp enough for them.
const WORKING_SIDE: u32 = 256;
/// Longest side at which text is measured, and the largest that any measurement needs: at smaller sizes the strokes
/// of text merge.
pub(crate) const SHRUNK_SIDE: u32 = 512;
/// Tiles along each side of a photo in which sharpness is measured.
const TILES: u32 = 4;
/// Sharpest tiles whose mean is a photo's sharpness: a product in focus may stand before a blurred background.
const SHARPEST: usize = 4;
/// Fraction of the pixels that are shadows, and that are highlights.
const TAIL: f64 = 0.05;
/// Luminance difference of neighbours that is a hard edge: common in rendered text, rare in photos.
const HARD_EDGE: i32 = 48;
/// Fraction of pixels at hard edges that counts as a full page of text.
const FULL_OF_EDGES: f64 = 0.04;
/// Minimum number of colours, of 4,096, in a photo.
const COLOURS_OF_PHOTOS: f64 = 160.0;

/// The quality of a photo.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ImageQuality {
    /// Width of the upright photo in pixels.
    pub width: u32,
    /// Height of the upright photo in pixels.
    pub height: u32,
    /// Variance of the Laplacian of luminances from 0 to 255 (Pech-Pacheco et al., "Diatom autofocusing
    /// in brightfield microscopy", 2000), of the sharpest quarter of the photo at 256 pixels: below about 30, nothing
    /// in it has an edge.
    pub sharpness: f64,
    /// Mean luminance, 0 to 1.
    pub luminance: f64,
    /// The 5th percentile of luminance, 0 to 1: high in an overexposed photo, low in one of a product on white.
    pub shadows: f64,
    /// The 95th percentile of luminance, 0 to 1: low in a dark photo.
    pub highlights: f64,
    /// How much it looks like a picture of text, such as a screenshot, 0 to 1.
    pub text_score: f64,
}

impl ImageQuality {
    /// Measures an upright photo.
    pub fn of(photo: &RgbImage) -> Self {
        Self::of_shrunk(&downscale(photo.clone(), SHRUNK_SIDE), photo.dimensions())
    }

    /// Measures a photo of this width and height, given shrunk to [`SHRUNK_SIDE`].
    pub(crate) fn of_shrunk(photo: &RgbImage, (width, height): (u32, u32)) -> Self {
        let text_score = text_score(photo);
        let grey = luminances(&downscale(photo.clone(), WORKING_SIDE));
        let pixels = grey.as_raw();
        let sum: u64 = pixels.iter().map(|&l| u64::from(l)).sum();
        let mut counts = [0usize; 256];
        pixels.iter().for_each(|&l| counts[usize::from(l)] += 1);
        // The least luminance that the fraction `q` of the pixels does not exceed.
        let quantile = |q: f64| {
            let mut below = 0;
            let reached = |&count: &usize| {
                below += count;
                below as f64 >= q * pixels.len() as f64
            };
            counts.iter().position(reached).unwrap_or_default() as f64 / 255.0
        };
        Self {
            width,
            height,
            sharpness: sharpness(&grey),
            luminance: sum as f64 / 255.0 / pixels.len().max(1) as f64,
            shadows: quantile(TAIL),
            highlights: quantile(1.0 - TAIL),
            text_score,
        }
    }

    /// For choosing among duplicates: higher for sharper and larger photos.
    pub(crate) fn rank_score(&self) -> f64 {
        self.sharpness * (f64::from(self.width) * f64::from(self.height)).sqrt()
    }
}

/// The mean of the sharpest tiles' variances of the Laplacian.
fn sharpness(grey: &GrayImage) -> f64 {
    let (width, height) = grey.dimensions();
    if width < 3 || height < 3 {
        return 0.0;
    }
    let at = |x: u32, y: u32| f64::from(grey.get_pixel(x, y)[0]);
    // Sum, sum of squares and number of the Laplacians in each tile.
    let mut tiles = [(0.0, 0.0, 0.0); (TILES * TILES) as usize];
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let around = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1);
            let laplacian = around - 4.0 * at(x, y);
            let tile = (y * TILES / height) * TILES + x * TILES / width;
            let (sum, squares, count) = &mut tiles[tile as usize];
            *sum += laplacian;
            *squares += laplacian * laplacian;
            *count += 1.0;
        }
    }
    let variances = tiles.iter().filter(|(_, _, count)| *count > 0.0);
    let mut variances: Vec<f64> =
        variances.map(|(sum, squares, count)| squares / count - (sum / count).powi(2)).collect();
    variances.sort_unstable_by(|a, b| b.total_cmp(a));
    variances.truncate(SHARPEST);
    variances.iter().sum::<f64>() / variances.len().max(1) as f64
}

/// How much an image looks like text: the geometric mean of four fractions, each of which must be high: one flat
/// background colour, few colours, many hard edges, edges along the axes.
fn text_score(image: &RgbImage) -> f64 {
    let (width, height) = image.dimensions();
    if width < 3 || height < 3 {
        return 0.0;
    }
    let mut colours = vec![0u32; 4096];
    for pixel in image.pixels() {
        let [r, g, b] = pixel.0.map(|value| usize::from(value >> 4));
        colours[(r << 8) | (g << 4) | b] += 1;
    }
    let pixels = f64::from(width) * f64::from(height);
    let flat = f64::from(colours.iter().copied().max().unwrap_or(0)) / pixels;
    // Rarer colours are compression noise.
    let used = colours.iter().filter(|&&count| f64::from(count) > pixels / 1e4).count();
    let few = 1.0 - (used as f64 / COLOURS_OF_PHOTOS).min(1.0);

    let grey = luminances(image);
    let at = |x: u32, y: u32| i32::from(grey.get_pixel(x, y)[0]);
    let (mut edges, mut along_axes) = (0u32, 0u32);
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let across = (at(x + 1, y) - at(x - 1, y)).abs();
            let down = (at(x, y + 1) - at(x, y - 1)).abs();
            if across.max(down) >= HARD_EDGE {
                edges += 1;
                along_axes += u32::from(across.min(down) * 3 <= across.max(down));
            }
        }
    }
    let full = (f64::from(edges) / pixels / FULL_OF_EDGES).min(1.0);
    let parallel = f64::from(along_axes) / f64::from(edges.max(1));
    (flat * few * full * parallel).powf(0.25)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_testkit::photos::pattern;

    #[test]
    fn blur_is_less_sharp_at_every_size() {
        for seed in 0..6 {
            for width in [300, 600, 1600] {
                let sharp = pattern(seed, width, width * 3 / 4);
                let blurred = image::imageops::fast_blur(&sharp, width as f32 / 20.0);
                let (a, b) =
                    (ImageQuality::of(&sharp).sharpness, ImageQuality::of(&blurred).sharpness);
                assert!(a > 3.0 * b, "seed {seed}, {width} pixels: {a} and blurred {b}");
            }
            let of = |width| ImageQuality::of(&pattern(seed, width, width * 3 / 4)).sharpness;
            let (small, large) = (of(300), of(1600));
            assert!(small / large < 1.8 && large / small < 1.8, "{small} and {large}");
        }
    }

    #[test]
    fn exposure_is_that_of_the_pixels() {
        // Luminances spread evenly from a tenth to nine tenths, and a few black and white pixels.
        let photo = RgbImage::from_fn(200, 200, |x, y| {
            let even = 25.5 + 204.0 * f64::from(x) / 199.0;
            image::Rgb(
                [if y < 2 {
                    0
                } else if y > 197 {
                    255
                } else {
                    even as u8
                }; 3],
            )
        });
        let measures = ImageQuality::of(&photo);
        let near = |measured: f64, wanted: f64| (measured - wanted).abs() < 0.015;
        assert!(near(measures.shadows, 0.1 + 0.05 * 0.8), "{measures:?}");
        assert!(near(measures.highlights, 0.9 - 0.05 * 0.8), "{measures:?}");
        assert!(near(measures.luminance, 0.5), "{measures:?}");
        let tiny = ImageQuality::of(&RgbImage::new(1, 1));
        assert_eq!((tiny.sharpness, tiny.text_score, tiny.highlights), (0.0, 0.0, 0.0));
    }
}
