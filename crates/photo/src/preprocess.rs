//! The one definition of how a picture becomes a network's input.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// Raised whenever the same photo would give other numbers. It is part of an index's identity, so
/// that an index built with an older definition is refused instead of silently searched wrong.
pub const PREPROCESS_VERSION: u32 = 2;

/// The order of a picture's colours in a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red first, as nearly everywhere.
    Rgb,
    /// Blue first, as Caffe read pictures.
    Bgr,
}

/// Zero centring: `(value - mean) / std` a channel, on values from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Which colour comes first in the input.
    pub order: ChannelOrder,
    /// Subtracted, in RGB order.
    pub mean: [f32; 3],
    /// Divided by, in RGB order.
    pub std: [f32; 3],
}

impl Normalisation {
    /// The ImageNet statistics that torchvision's and timm's networks were trained with
    /// (0.485/0.456/0.406 and 0.229/0.224/0.225, here on the scale of 0 to 255).
    pub const IMAGENET: Self = Self {
        order: ChannelOrder::Rgb,
        mean: [0.485 * 255.0, 0.456 * 255.0, 0.406 * 255.0],
        std: [0.229 * 255.0, 0.224 * 255.0, 0.225 * 255.0],
    };

    /// Values from 0 to 255 onto about -1 to 1, as Google's MobileNet checkpoints expect:
    /// `(value - 128) * 0.0078740157`.
    pub const SYMMETRIC: Self =
        Self { order: ChannelOrder::Rgb, mean: [128.0; 3], std: [127.0; 3] };

    /// The zero centring of VGG's authors and of Keras's VGG weights: blue first, minus the mean
    /// colour of ImageNet's training photos, not scaled.
    pub const CAFFE: Self =
        Self { order: ChannelOrder::Bgr, mean: [123.68, 116.779, 103.939], std: [1.0; 3] };
}

/// How a picture becomes the input of a network: scaled to fit a square with its aspect ratio kept,
/// centred, padded (letterbox), zero-centred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocess {
    size: u32,
    normalisation: Normalisation,
}

impl Preprocess {
    /// Letterbox into a square of `size` pixels (1 to 4096) a side.
    ///
    /// # Panics
    /// When `size` is outside that range.
    pub fn letterbox(size: u32, normalisation: Normalisation) -> Self {
        assert!((1..=4096).contains(&size), "letterbox of {size} pixels");
        Self { size, normalisation }
    }

    /// The same with a square of another size (1 to 4096).
    ///
    /// # Panics
    /// When `size` is outside that range.
    pub fn resized(&self, size: u32) -> Self {
        Self::letterbox(size, self.normalisation)
    }

    /// Side of the square, in pixels.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// Pixels that a photo's longest side should have: [`decode_at_least`](crate::decode_at_least) so many. With half
    /// as many again as the square has, the embedding of a photo at a fraction of its size is that of the whole
    /// photo to a cosine of 0.996 or more, 0.999 on average, and as many products are found by it
    /// (`benches/runs/2026-11-29-decode-epyc-2-cores`).
    pub fn longest(&self) -> u32 {
        3 * self.size / 2
    }

    /// Numbers in one tensor: `3 * size * size`.
    pub fn len(&self) -> usize {
        3 * self.size() * self.size()
    }

    /// Never true: a letterbox has at least one pixel.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Says everything that decides the numbers, for the identity of an index.
    pub fn id(&self) -> String {
        let Normalisation { order, mean, std } = self.normalisation;
        let order = match order {
            ChannelOrder::Rgb => "",
            ChannelOrder::Bgr => " bgr",
        };
        let size = self.size;
        format!("v{PREPROCESS_VERSION} letterbox {size} bilinear{order} mean {mean:?} std {std:?}")
    }

    /// The input tensor of a picture: channel first, `3 x size x size`.
    pub fn tensor(&self, picture: &RgbImage) -> Vec<f32> {
        let mut tensor = vec![0.0; self.len()];
        self.write_tensor(picture, &mut tensor);
        tensor
    }

    /// [`Self::tensor`] into a place in a batch.
    ///
    /// The padding is exactly zero, which is the mean colour after zero centring: it tells the
    /// network nothing.
    ///
    /// # Panics
    /// When `out` does not have [`Self::len`] numbers.
    pub fn write_tensor(&self, picture: &RgbImage, out: &mut [f32]) {
        assert_eq!(out.len(), self.len(), "a place for one tensor");
        out.fill(0.0);
        let side = self.size();
        let (width, height) = fit(picture.dimensions(), self.size);
        let scaled = resize(picture, width, height);
        let (left, top) = ((side - width as usize) / 2, (side - height as usize) / 2);
        for channel in 0..3 {
            let mean = self.normalisation.mean[channel];
            let scale = 1.0 / self.normalisation.std[channel];
            let place = match self.normalisation.order {
                ChannelOrder::Rgb => channel,
                ChannelOrder::Bgr => 2 - channel,
            };
            let plane = &mut out[place * side * side..][..side * side];
            for (y, row) in scaled.chunks_exact(3 * width as usize).enumerate() {
                let line = &mut plane[(top + y) * side + left..][..width as usize];
                for (value, pixel) in line.iter_mut().zip(row.chunks_exact(3)) {
                    *value = (f32::from(pixel[channel]) - mean) * scale;
                }
            }
        }
    }
}

/// The largest width and height of the same shape within a square; at least one pixel each.
pub(crate) fn fit((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height).max(1));
    let scale = |length: u32| {
        let scaled = (u64::from(length) * u64::from(side) + longest / 2) / longest;
        (scaled as u32).clamp(1, side)
    };
    (scale(width), scale(height))
}

/// Bilinear with the support widened when shrinking (antialiased), as Pillow and torchvision do.
pub(crate) fn resize(picture: &RgbImage, width: u32, height: u32) -> Vec<u8> {
    if picture.dimensions() == (width, height) {
        return picture.as_raw().clone();
    }
    let source =
        ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
            .expect("an RgbImage holds three bytes a pixel");
    let mut scaled = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize(&source, &mut scaled, &options)
        .expect("both pictures are RGB8 and not empty");
    scaled.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn the_aspect_ratio_is_kept_and_no_side_vanishes() {
        assert_eq!(fit((4000, 3000), 224), (224, 168));
        assert_eq!(fit((348, 464), 224), (168, 224));
        assert_eq!(fit((10, 5), 224), (224, 112));
        assert_eq!(fit((1, 60_000), 224), (1, 224));
    }

    #[test]
    fn padding_is_zero_and_the_picture_is_centred() {
        let picture = RgbImage::from_pixel(100, 50, Rgb([255, 128, 0]));
        let tensor = Preprocess::letterbox(8, Normalisation::SYMMETRIC).tensor(&picture);
        let rows = |channel: usize| tensor[channel * 64..][..64].chunks(8).collect::<Vec<_>>();
        for (y, row) in rows(0).iter().enumerate() {
            let expected = if (2..6).contains(&y) { 1.0 } else { 0.0 };
            assert!(row.iter().all(|v| (v - expected).abs() < 1e-6), "row {y}: {row:?}");
        }
        assert!(rows(1).concat().iter().all(|v| v.abs() < 1e-6), "128 is the middle");
        assert!((rows(2)[3][3] + 128.0 / 127.0).abs() < 1e-6, "channels stay in RGB order");
    }

    #[test]
    fn caffes_networks_see_blue_first() {
        let picture = RgbImage::from_pixel(8, 8, Rgb([255, 128, 0]));
        let tensor = Preprocess::letterbox(8, Normalisation::CAFFE).tensor(&picture);
        let colour = [tensor[0], tensor[64], tensor[128]];
        assert_eq!(colour, [0.0 - 103.939, 128.0 - 116.779, 255.0 - 123.68]);
    }

    #[test]
    fn the_identity_names_every_number() {
        let a = Preprocess::letterbox(224, Normalisation::IMAGENET).id();
        assert_ne!(a, Preprocess::letterbox(224, Normalisation::SYMMETRIC).id());
        assert_ne!(a, Preprocess::letterbox(224, Normalisation::CAFFE).id());
        assert_ne!(a, Preprocess::letterbox(256, Normalisation::IMAGENET).id());
        assert!(a.contains("v2"), "{a}");
    }
}
