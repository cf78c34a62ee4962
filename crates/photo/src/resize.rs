//! Resizing: bilinear with antialiasing, as Pillow and torchvision do it.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// How much smaller a side may become so that both are whole numbers.
const TAKEN_OFF: f64 = 0.06;

/// The image at `width` x `height` pixels (1 or more each), aspect ratio not kept: bilinear, antialiased when it shrinks.
pub fn resize(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let pixels = resize_pixels(image, width, height);
    RgbImage::from_raw(width, height, pixels).expect("three bytes for each pixel")
}

/// Downscales an image to fit a square of `max_side` pixels, aspect ratio kept; an image that fits is returned as it is.
pub fn downscale(image: RgbImage, max_side: u32) -> RgbImage {
    if image.width().max(image.height()) <= max_side {
        return image;
    }
    let (width, height) = fit(image.dimensions(), max_side);
    let pixels = resize_pixels(&image, width, height);
    RgbImage::from_raw(width, height, pixels).unwrap_or(image)
}

/// The largest width and height of the same aspect ratio within a square; at least one pixel each.
pub(crate) fn fit((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longer = u64::from(width.max(height).max(1));
    let scale = |length: u32| {
        let scaled = (u64::from(length) * u64::from(side) + longer / 2) / longer;
        (scaled as u32).clamp(1, side)
    };
    (scale(width), scale(height))
}

/// The part of an image from its top left corner to `width` and `height`, fractions of a pixel included, resampled to
/// whole numbers of pixels of the same aspect ratio: about as many, `min_longer_side` at least on the longer side.
pub(crate) fn resample_part(
    image: RgbImage,
    width: f64,
    height: f64,
    min_longer_side: u32,
) -> RgbImage {
    let part = (width.min(image.width().into()), height.min(image.height().into()));
    let whole = whole_sides(part, min_longer_side);
    // At about the same size, bilinear would blur.
    let pixels = resample(&image, part, whole, FilterType::Lanczos3);
    RgbImage::from_raw(whole.0, whole.1, pixels).unwrap_or(image)
}

/// Whole sides a little below the given ones, of the aspect ratio that is nearest: [`fit`] should give the same for
/// them.
fn whole_sides((width, height): (f64, f64), min_longer_side: u32) -> (u32, u32) {
    let (longer, shorter) = (width.max(height), width.min(height));
    let most = longer.round().max(1.0) as u32;
    let least = ((longer * (1.0 - TAKEN_OFF)) as u32).max(min_longer_side).clamp(1, most);
    let shorter_of = |side: u32| f64::from(side) * shorter / longer;
    let off = |side: u32| (shorter_of(side) - shorter_of(side).round()).abs();
    let longer_side = (least..=most).rev().min_by(|a, b| off(*a).total_cmp(&off(*b)));
    let longer_side = longer_side.unwrap_or(most);
    let shorter_side = shorter_of(longer_side).round().max(1.0) as u32;
    if width >= height { (longer_side, shorter_side) } else { (shorter_side, longer_side) }
}

/// [`resize`], as interleaved RGB.
pub(crate) fn resize_pixels(image: &RgbImage, width: u32, height: u32) -> Vec<u8> {
    let all = (image.width().into(), image.height().into());
    resample(image, all, (width, height), FilterType::Bilinear)
}

/// The part of an image that begins at its top left corner, at `width` x `height` pixels, as interleaved RGB.
fn resample(
    image: &RgbImage,
    part: (f64, f64),
    (width, height): (u32, u32),
    filter: FilterType,
) -> Vec<u8> {
    if image.dimensions() == (width, height) && part == (width.into(), height.into()) {
        return image.as_raw().clone();
    }
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3)
        .expect("an RgbImage holds three bytes a pixel");
    let mut resized = Image::new(width, height, PixelType::U8x3);
    // Convolution widens the filter's support when shrinking: antialiasing.
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    let options = options.crop(0.0, 0.0, part.0, part.1);
    Resizer::new()
        .resize(&source, &mut resized, &options)
        .expect("both images are RGB8 and not empty");
    resized.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aspect_ratio_is_kept_and_no_side_vanishes() {
        assert_eq!(fit((4000, 3000), 224), (224, 168));
        assert_eq!(fit((348, 464), 224), (168, 224));
        assert_eq!(fit((10, 5), 224), (224, 112));
        assert_eq!(fit((1, 60_000), 224), (1, 224));
    }

    #[test]
    fn whole_sides_have_the_same_aspect_ratio() {
        assert_eq!(whole_sides((500.0, 375.0), 336), (500, 375));
        assert_eq!(whole_sides((1.0, 0.1), 1), (1, 1));
        let (mut other, mut other_if_rounded) = (0, 0);
        for (width, height) in (1344..1500).flat_map(|w| (1000..1500).map(move |h| (w, h))) {
            let scaled = (f64::from(width) / 4.0, f64::from(height) / 4.0);
            let whole = whole_sides(scaled, 336);
            assert!(whole.0.max(whole.1) >= 336 && f64::from(whole.0) < scaled.0 + 1.0);
            let letterboxed = fit((width, height), 224);
            let rounded = (scaled.0.round() as u32, scaled.1.round() as u32);
            other += u32::from(fit(whole, 224) != letterboxed);
            other_if_rounded += u32::from(fit(rounded, 224) != letterboxed);
        }
        assert!(other * 4 < other_if_rounded, "{other} of {other_if_rounded} are left");
    }
}
