//! Resizing: bilinear with antialiasing, as Pillow and torchvision do it.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

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

/// [`resize`], as interleaved RGB.
pub(crate) fn resize_pixels(image: &RgbImage, width: u32, height: u32) -> Vec<u8> {
    if image.dimensions() == (width, height) {
        return image.as_raw().clone();
    }
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3)
        .expect("an RgbImage holds three bytes a pixel");
    let mut resized = Image::new(width, height, PixelType::U8x3);
    // Convolution widens the filter's support when shrinking: antialiasing.
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
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
}
