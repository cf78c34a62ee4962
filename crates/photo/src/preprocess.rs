//! Preprocessing: letterbox (resize with the aspect ratio kept, then pad) and normalisation, as a network expects its
//! input.

use image::RgbImage;

use crate::resize::{fit, resize_pixels};

/// Version of the definition, raised whenever the same photo would give another tensor. It is part of an index's
/// identity: an index built with another version is refused.
pub const PREPROCESS_VERSION: u32 = 2;

/// Order of the colour channels in a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red, green, blue: torchvision, timm, TensorFlow.
    Rgb,
    /// Blue, green, red: Caffe.
    Bgr,
}

/// Normalisation of each channel: `(value - mean) / std`, on values from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Order of the channels in the input.
    pub order: ChannelOrder,
    /// Mean of each channel, in RGB order.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, in RGB order.
    pub std: [f32; 3],
}

impl Normalisation {
    /// ImageNet statistics, for the networks of torchvision and timm
    /// (0.485/0.456/0.406 and 0.229/0.224/0.225, here on the scale of 0 to 255).
    pub const IMAGENET: Self = Self {
        order: ChannelOrder::Rgb,
        mean: [0.485 * 255.0, 0.456 * 255.0, 0.406 * 255.0],
        std: [0.229 * 255.0, 0.224 * 255.0, 0.225 * 255.0],
    };

    /// Maps 0..255 to about -1..1, for Google's MobileNet checkpoints:
    /// `(value - 128) * 0.0078740157`.
    pub const SYMMETRIC: Self =
        Self { order: ChannelOrder::Rgb, mean: [128.0; 3], std: [127.0; 3] };

    /// Maps 0..255 to -1..1, for EfficientNet-Lite and other networks that timm took from TensorFlow
    /// (0.5 and 0.5, here on the scale of 0 to 255).
    pub const INCEPTION: Self =
        Self { order: ChannelOrder::Rgb, mean: [127.5; 3], std: [127.5; 3] };

    /// Caffe's zero centring, for the original and Keras's VGG weights: BGR, minus the mean colour of ImageNet's
    /// training photos, not scaled.
    pub const CAFFE: Self =
        Self { order: ChannelOrder::Bgr, mean: [123.68, 116.779, 103.939], std: [1.0; 3] };
}

/// How an image becomes a network's input: letterboxed into a square and normalised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocess {
    size: u32,
    normalisation: Normalisation,
}

impl Preprocess {
    /// Letterbox into a square of `size` x `size` pixels, 1 to 4096.
    ///
    /// # Panics
    /// When `size` is outside that range.
    pub fn letterbox(size: u32, normalisation: Normalisation) -> Self {
        assert!((1..=4096).contains(&size), "letterbox of {size} pixels");
        Self { size, normalisation }
    }

    /// The same with another size, 1 to 4096.
    ///
    /// # Panics
    /// When `size` is outside that range.
    pub fn with_size(&self, size: u32) -> Self {
        Self::letterbox(size, self.normalisation)
    }

    /// Side of the square, in pixels.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// Pixels that a photo's longer side should have before preprocessing: what to pass to
    /// [`decode_scaled`](crate::decode_scaled). It is 1.5 times the size: embeddings of photos decoded at a fraction of
    /// their size then have a cosine similarity of 0.995 or more (0.999 on average) to those of the full photos, and
    /// find as many products (`benches/runs/2026-11-29-decode-epyc-2-cores`, `2026-12-01-decode-xeon-2-cores`).
    pub fn min_longer_side(&self) -> u32 {
        3 * self.size / 2
    }

    /// Elements of one tensor: `3 * size * size`.
    pub fn tensor_len(&self) -> usize {
        3 * self.size() * self.size()
    }

    /// All parameters as text, for the identity of an index.
    pub fn id(&self) -> String {
        let Normalisation { order, mean, std } = self.normalisation;
        let order = match order {
            ChannelOrder::Rgb => "",
            ChannelOrder::Bgr => " bgr",
        };
        let size = self.size;
        format!("v{PREPROCESS_VERSION} letterbox {size} bilinear{order} mean {mean:?} std {std:?}")
    }

    /// The input tensor of an image: `3 x size x size`, channels first (CHW).
    pub fn tensor(&self, image: &RgbImage) -> Vec<f32> {
        let mut tensor = vec![0.0; self.tensor_len()];
        self.write_tensor(image, &mut tensor);
        tensor
    }

    /// Writes [`Self::tensor`] into a slice, e.g. of a batch.
    ///
    /// The padding is exactly 0, the mean colour after normalisation.
    ///
    /// # Panics
    /// When `out` does not have [`Self::tensor_len`] elements.
    pub fn write_tensor(&self, image: &RgbImage, out: &mut [f32]) {
        assert_eq!(out.len(), self.tensor_len(), "room for one tensor");
        out.fill(0.0);
        let side = self.size();
        let (width, height) = fit(image.dimensions(), self.size);
        let resized = resize_pixels(image, width, height);
        let (left, top) = ((side - width as usize) / 2, (side - height as usize) / 2);
        for channel in 0..3 {
            let mean = self.normalisation.mean[channel];
            let scale = 1.0 / self.normalisation.std[channel];
            let plane = match self.normalisation.order {
                ChannelOrder::Rgb => channel,
                ChannelOrder::Bgr => 2 - channel,
            };
            let plane = &mut out[plane * side * side..][..side * side];
            for (y, row) in resized.chunks_exact(3 * width as usize).enumerate() {
                let line = &mut plane[(top + y) * side + left..][..width as usize];
                for (value, pixel) in line.iter_mut().zip(row.chunks_exact(3)) {
                    *value = (f32::from(pixel[channel]) - mean) * scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn padding_is_zero_and_the_picture_is_centred() {
        let image = RgbImage::from_pixel(100, 50, Rgb([255, 128, 0]));
        let tensor = Preprocess::letterbox(8, Normalisation::SYMMETRIC).tensor(&image);
        let rows = |channel: usize| tensor[channel * 64..][..64].chunks(8).collect::<Vec<_>>();
        for (y, row) in rows(0).iter().enumerate() {
            let expected = if (2..6).contains(&y) { 1.0 } else { 0.0 };
            assert!(row.iter().all(|v| (v - expected).abs() < 1e-6), "row {y}: {row:?}");
        }
        assert!(rows(1).concat().iter().all(|v| v.abs() < 1e-6), "128 is the middle");
        assert!((rows(2)[3][3] + 128.0 / 127.0).abs() < 1e-6, "channels stay in RGB order");
    }

    #[test]
    fn caffes_channels_are_bgr() {
        let image = RgbImage::from_pixel(8, 8, Rgb([255, 128, 0]));
        let tensor = Preprocess::letterbox(8, Normalisation::CAFFE).tensor(&image);
        let colour = [tensor[0], tensor[64], tensor[128]];
        assert_eq!(colour, [0.0 - 103.939, 128.0 - 116.779, 255.0 - 123.68]);
    }

    #[test]
    fn the_identity_has_every_parameter() {
        let a = Preprocess::letterbox(224, Normalisation::IMAGENET).id();
        assert_ne!(a, Preprocess::letterbox(224, Normalisation::SYMMETRIC).id());
        assert_ne!(a, Preprocess::letterbox(224, Normalisation::CAFFE).id());
        assert_ne!(a, Preprocess::letterbox(256, Normalisation::IMAGENET).id());
        assert!(a.contains("v2"), "{a}");
    }
}
