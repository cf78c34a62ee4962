//! The image pipeline of a camera: blur, exposure, white balance, tone mapping, noise, JPEG.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::error::DemoError;
use crate::renderer::ray_tracer::LinearImage;
use crate::renderer::scene::tint;
use crate::renderer::vector::Vec3;
use crate::rng::Rng;

/// The settings of the pipeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PostProcessing {
    /// Relative to automatic exposure.
    pub(crate) exposure: f32,
    /// Error of the white balance, -1 cold to 1 warm.
    pub(crate) warmth: f32,
    /// Standard deviation of the sensor's noise, as a fraction of white.
    pub(crate) noise: f32,
    /// Standard deviation of the defocus blur, as a fraction of the longer side.
    pub(crate) blur: f32,
    /// Direction (radians) and length, as a fraction of the longer side, of the motion blur.
    pub(crate) motion_blur: (f32, f32),
    /// Darkening of the corners, 0 to 1.
    pub(crate) vignette: f32,
    /// 1 to 100.
    pub(crate) jpeg_quality: u8,
}

/// Mean luminance that automatic exposure aims at, as a linear fraction of white.
const TARGET_LUMINANCE: f32 = 0.42;

/// Strength of automatic exposure: at 1, white and black objects would both be grey.
const AUTO_EXPOSURE: f32 = 0.55;

/// Exposure of a room of medium brightness.
const FIXED_EXPOSURE: f32 = 0.95;

/// Applies the pipeline: 8-bit sRGB pixels.
pub(crate) fn post_process(
    rendered: &LinearImage,
    how: &PostProcessing,
    rng: &mut Rng,
) -> RgbImage {
    let (width, height) = (rendered.width as usize, rendered.height as usize);
    let longer = width.max(height) as f32;
    let mut colours = rendered.colours.clone();
    if how.blur > 0.0 {
        gaussian_blur(&mut colours, width, height, how.blur * longer);
    }
    if how.motion_blur.1 > 0.0 {
        colours =
            motion_blur(&colours, width, height, how.motion_blur.0, how.motion_blur.1 * longer);
    }
    let automatic = TARGET_LUMINANCE / log_mean_luminance(&colours).max(1e-4);
    let gain =
        how.exposure * automatic.powf(AUTO_EXPOSURE) * FIXED_EXPOSURE.powf(1.0 - AUTO_EXPOSURE);
    let cast = tint(how.warmth * 0.35);
    let mut image = RgbImage::new(rendered.width, rendered.height);
    for (number, pixel) in image.pixels_mut().enumerate() {
        let (x, y) = (number % width, number / width);
        let (dx, dy) = (x as f32 / longer - 0.5, y as f32 / longer - 0.5);
        let corner = 1.0 - how.vignette * 2.0 * (dx * dx + dy * dy);
        let colour = colours[number] * cast * (gain * corner);
        // Compensates the saturation that tone mapping adds.
        let colour = colour.lerp(Vec3::splat(colour.luminance()), 0.14);
        let grain = rng.bell() * how.noise;
        let channel = |value: f32, own: f32| {
            let value = srgb_encode(tone_map(value)) + grain * 0.8 + own * how.noise * 0.6;
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

/// The geometric mean, which a bright window hardly affects.
fn log_mean_luminance(colours: &[Vec3]) -> f32 {
    let sum: f32 = colours.iter().map(|c| (c.luminance() + 0.01).ln()).sum();
    (sum / colours.len().max(1) as f32).exp()
}

/// Filmic tone mapping: bright colours approach white instead of being clipped
/// (K. Narkowicz, "ACES filmic tone mapping curve", 2016).
fn tone_map(value: f32) -> f32 {
    let v = value.max(0.0) * 0.8;
    ((v * (2.51 * v + 0.03)) / (v * (2.43 * v + 0.59) + 0.14)).clamp(0.0, 1.0)
}

/// The sRGB transfer function (IEC 61966-2-1).
fn srgb_encode(linear: f32) -> f32 {
    if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

/// A Gaussian blur by three box blurs.
fn gaussian_blur(colours: &mut [Vec3], width: usize, height: usize, sigma: f32) {
    let radius = ((sigma * 1.0).round() as usize).max(1);
    for _ in 0..3 {
        for y in 0..height {
            let row: Vec<Vec3> = colours[y * width..(y + 1) * width].to_vec();
            for (x, mean) in box_blur(&row, radius).into_iter().enumerate() {
                colours[y * width + x] = mean;
            }
        }
        for x in 0..width {
            let column: Vec<Vec3> = (0..height).map(|y| colours[y * width + x]).collect();
            for (y, mean) in box_blur(&column, radius).into_iter().enumerate() {
                colours[y * width + x] = mean;
            }
        }
    }
}

/// Moving averages.
fn box_blur(line: &[Vec3], radius: usize) -> Vec<Vec3> {
    (0..line.len())
        .map(|at| {
            let around = &line[at.saturating_sub(radius)..(at + radius + 1).min(line.len())];
            around.iter().fold(Vec3::ZERO, |sum, &c| sum + c) * (1.0 / around.len() as f32)
        })
        .collect()
}

/// Averages along a line.
fn motion_blur(
    colours: &[Vec3],
    width: usize,
    height: usize,
    angle: f32,
    length: f32,
) -> Vec<Vec3> {
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

/// Encodes as JPEG.
pub(crate) fn encode_jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, DemoError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(image.as_raw(), image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(|error| DemoError::Encode(error.to_string()))?;
    Ok(bytes)
}
