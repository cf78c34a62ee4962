//! From linear colours to a JPEG, with what a telephone's camera does to a photo on the way.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::error::DemoError;
use crate::render::Picture;
use crate::rng::Rng;
use crate::scene::tint;
use crate::vector::Vec3;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Development {
    /// 1 is what an automatic camera would choose.
    pub(crate) exposure: f32,
    /// -1 cold to 1 warm.
    pub(crate) warmth: f32,
    /// Standard deviation of the sensor's noise, in shares of white.
    pub(crate) noise: f32,
    /// Standard deviation in shares of the longer side.
    pub(crate) blur: f32,
    /// Direction (radians) and length, in shares of the longer side, of a shaken camera's move.
    pub(crate) shake: (f32, f32),
    /// How much darker the corners are, 0 to 1.
    pub(crate) vignette: f32,
    pub(crate) quality: u8,
}

/// How bright a camera makes a photo on the whole, in linear shares of white.
const MEAN: f32 = 0.42;

/// How far it goes towards that: all the way, and white things would be grey and black ones too.
const AUTOMATIC: f32 = 0.55;

/// Exposure for a room that is neither bright nor dark.
const FIXED: f32 = 0.95;

/// 8-bit sRGB pixels.
pub(crate) fn develop(picture: &Picture, how: &Development, rng: &mut Rng) -> RgbImage {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let longer = width.max(height) as f32;
    let mut colours = picture.colours.clone();
    if how.blur > 0.0 {
        soften(&mut colours, width, height, how.blur * longer);
    }
    if how.shake.1 > 0.0 {
        colours = shaken(&colours, width, height, how.shake.0, how.shake.1 * longer);
    }
    let automatic = MEAN / mean(&colours).max(1e-4);
    let gain = how.exposure * automatic.powf(AUTOMATIC) * FIXED.powf(1.0 - AUTOMATIC);
    let cast = tint(how.warmth * 0.35);
    let mut image = RgbImage::new(picture.width, picture.height);
    for (number, pixel) in image.pixels_mut().enumerate() {
        let (x, y) = (number % width, number / width);
        let (dx, dy) = (x as f32 / longer - 0.5, y as f32 / longer - 0.5);
        let corner = 1.0 - how.vignette * 2.0 * (dx * dx + dy * dy);
        let colour = colours[number] * cast * (gain * corner);
        // The film curve makes colours stronger than they are.
        let colour = colour.mix(Vec3::all(colour.luminance()), 0.14);
        let grain = rng.bell() * how.noise;
        let channel = |value: f32, own: f32| {
            let value = encode(film(value)) + grain * 0.8 + own * how.noise * 0.6;
            (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
        };
        pixel.0 = [
            channel(colour.x, rng.bell()),
            channel(colour.y, rng.bell()),
            channel(colour.z, rng.bell()),
        ];
    }
    image
}

/// The geometric mean hardly minds a bright window.
fn mean(colours: &[Vec3]) -> f32 {
    let sum: f32 = colours.iter().map(|c| (c.luminance() + 0.01).ln()).sum();
    (sum / colours.len().max(1) as f32).exp()
}

/// Bright colours approach white instead of being cut off, dark ones are made a little darker
/// (K. Narkowicz, "ACES filmic tone mapping curve", 2016).
fn film(value: f32) -> f32 {
    let v = value.max(0.0) * 0.8;
    ((v * (2.51 * v + 0.03)) / (v * (2.43 * v + 0.59) + 0.14)).clamp(0.0, 1.0)
}

/// sRGB (IEC 61966-2-1).
fn encode(linear: f32) -> f32 {
    if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

/// Three box blurs are nearly a Gaussian one.
fn soften(colours: &mut [Vec3], width: usize, height: usize, sigma: f32) {
    let radius = ((sigma * 1.0).round() as usize).max(1);
    for _ in 0..3 {
        for y in 0..height {
            let row: Vec<Vec3> = colours[y * width..(y + 1) * width].to_vec();
            for (x, mean) in means(&row, radius).into_iter().enumerate() {
                colours[y * width + x] = mean;
            }
        }
        for x in 0..width {
            let column: Vec<Vec3> = (0..height).map(|y| colours[y * width + x]).collect();
            for (y, mean) in means(&column, radius).into_iter().enumerate() {
                colours[y * width + x] = mean;
            }
        }
    }
}

fn means(line: &[Vec3], radius: usize) -> Vec<Vec3> {
    (0..line.len())
        .map(|at| {
            let around = &line[at.saturating_sub(radius)..(at + radius + 1).min(line.len())];
            around.iter().fold(Vec3::ZERO, |sum, &c| sum + c) * (1.0 / around.len() as f32)
        })
        .collect()
}

fn shaken(colours: &[Vec3], width: usize, height: usize, angle: f32, length: f32) -> Vec<Vec3> {
    let (s, c) = angle.sin_cos();
    let steps = (length.ceil() as usize).max(2);
    (0..colours.len())
        .map(|number| {
            let (x, y) = ((number % width) as f32, (number / width) as f32);
            let sum = (0..steps).fold(Vec3::ZERO, |sum, step| {
                let along = (step as f32 / (steps - 1) as f32 - 0.5) * length;
                let at = |from: f32, way: f32, size: usize| {
                    (from + way * along).round().clamp(0.0, (size - 1) as f32) as usize
                };
                sum + colours[at(y, s, height) * width + at(x, c, width)]
            });
            sum * (1.0 / steps as f32)
        })
        .collect()
}

pub(crate) fn jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, DemoError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(image.as_raw(), image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(|error| DemoError::Encode(error.to_string()))?;
    Ok(bytes)
}
