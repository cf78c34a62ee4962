//! Data augmentation for training: random crops, flips, rotations, colour jitter, blur, JPEG compression and erasing.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, Rgb, RgbImage, imageops};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::resize::{fit, resize_pixels};

/// Random changes to a training photo. Probabilities and fractions are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augmentation {
    /// Probability that the photo is letterboxed as in a search, 60 to 100 % of the square wide. Otherwise it is cropped
    /// at random.
    pub letterbox_probability: f32,
    /// Smallest fraction of the photo's area that a random crop keeps (torchvision's `scale`).
    pub min_crop_area: f32,
    /// Flip half of the photos horizontally.
    pub flip: bool,
    /// Largest rotation to either side, in degrees.
    pub max_rotation: f32,
    /// Colour jitter of brightness, contrast and saturation: 0.4 is a factor of 0.6 to 1.4.
    pub colour_jitter: f32,
    /// Probability of a blur.
    pub blur_probability: f32,
    /// Probability of JPEG compression, at a quality of 30 to 80.
    pub jpeg_probability: f32,
    /// Probability of random erasing.
    pub erase_probability: f32,
}

impl Augmentation {
    /// None: photos are letterboxed as in a search.
    pub const NONE: Self = Self {
        letterbox_probability: 1.0,
        min_crop_area: 1.0,
        flip: false,
        max_rotation: 0.0,
        colour_jitter: 0.0,
        blur_probability: 0.0,
        jpeg_probability: 0.0,
        erase_probability: 0.0,
    };

    /// For a few epochs: crops of half a photo or more, mild colour jitter.
    pub const LIGHT: Self = Self {
        letterbox_probability: 0.3,
        min_crop_area: 0.5,
        flip: true,
        max_rotation: 8.0,
        colour_jitter: 0.2,
        blur_probability: 0.05,
        jpeg_probability: 0.1,
        erase_probability: 0.0,
    };

    /// For many epochs, and for training photos from another domain than the searches.
    pub const STRONG: Self = Self {
        letterbox_probability: 0.3,
        min_crop_area: 0.25,
        flip: true,
        max_rotation: 20.0,
        colour_jitter: 0.4,
        blur_probability: 0.1,
        jpeg_probability: 0.2,
        erase_probability: 0.25,
    };

    /// A photo augmented to a square of `side` pixels; equal for equal seeds. What the photo does not cover is grey.
    ///
    /// # Panics
    /// When `side` or a side of the photo is 0.
    pub fn apply(&self, photo: &RgbImage, side: u32, seed: u64) -> RgbImage {
        if *self == Self::NONE {
            return letterbox(photo, side, side, (0.5, 0.5));
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut square = if rng.random::<f32>() < self.letterbox_probability {
            let inner = (side as f32 * rng.random_range(0.6..=1.0)).round().max(1.0) as u32;
            letterbox(photo, side, inner, (rng.random(), rng.random()))
        } else {
            self.random_crop(photo, side, &mut rng)
        };
        if self.flip && rng.random() {
            imageops::flip_horizontal_in_place(&mut square);
        }
        if self.max_rotation > 0.0 {
            let degrees = rng.random_range(-self.max_rotation..=self.max_rotation);
            square = rotate(&square, degrees.to_radians());
        }
        if self.colour_jitter > 0.0 {
            let mut factor =
                || rng.random_range(1.0 - self.colour_jitter..=1.0 + self.colour_jitter);
            adjust_colour(&mut square, factor(), factor(), factor());
        }
        if rng.random::<f32>() < self.blur_probability {
            square = imageops::fast_blur(&square, rng.random_range(0.4..1.6));
        }
        if rng.random::<f32>() < self.jpeg_probability {
            square = compress(square, rng.random_range(30..=80));
        }
        if rng.random::<f32>() < self.erase_probability {
            erase(&mut square, &mut rng);
        }
        square
    }

    /// A crop of random area and aspect ratio, resized to the square (Szegedy et al., "Going deeper with
    /// convolutions", 2015; torchvision's `RandomResizedCrop`).
    fn random_crop(&self, photo: &RgbImage, side: u32, rng: &mut Xoshiro256PlusPlus) -> RgbImage {
        let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
        let area = width * height * f64::from(rng.random_range(self.min_crop_area..=1.0));
        let aspect = rng.random_range((3.0f64 / 4.0).ln()..=(4.0f64 / 3.0).ln()).exp();
        let w = (area * aspect).sqrt().min(width).max(1.0);
        let h = (area / aspect).sqrt().min(height).max(1.0);
        // A little less than the whole margin, so that rounding cannot move the crop's edge outside.
        let mut offset = |margin: f64| rng.random::<f64>() * margin * (1.0 - 1e-9);
        let (left, top) = (offset(width - w), offset(height - h));
        let source = ImageRef::new(photo.width(), photo.height(), photo.as_raw(), PixelType::U8x3)
            .expect("an RgbImage holds three bytes a pixel");
        let mut square = Image::new(side, side, PixelType::U8x3);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(left, top, w, h);
        Resizer::new()
            .resize(&source, &mut square, &options)
            .expect("the crop lies within the photo");
        RgbImage::from_raw(side, side, square.into_vec()).expect("three bytes a pixel")
    }
}

/// Fill colour: near the mean colour that normalisation maps to 0.
const GREY: Rgb<u8> = Rgb([124, 120, 112]);

/// The photo resized to fit `inner` pixels, on a square of `side`; `at` is its position in the margins, 0 to 1.
fn letterbox(photo: &RgbImage, side: u32, inner: u32, at: (f32, f32)) -> RgbImage {
    let (width, height) = fit(photo.dimensions(), inner);
    let resized = RgbImage::from_raw(width, height, resize_pixels(photo, width, height))
        .expect("three bytes a pixel");
    let mut square = RgbImage::from_pixel(side, side, GREY);
    let offset = |at: f32, length: u32| (at * (side - length) as f32) as i64;
    imageops::replace(&mut square, &resized, offset(at.0, width), offset(at.1, height));
    square
}

fn rotate(square: &RgbImage, angle: f32) -> RgbImage {
    let (sin, cos) = angle.sin_cos();
    let centre = (square.width() as f32 - 1.0) / 2.0;
    RgbImage::from_fn(square.width(), square.height(), |x, y| {
        let (x, y) = (x as f32 - centre, y as f32 - centre);
        let (x, y) = (cos * x - sin * y + centre, sin * x + cos * y + centre);
        imageops::interpolate_bilinear(square, x, y).unwrap_or(GREY)
    })
}

fn adjust_colour(square: &mut RgbImage, brightness: f32, contrast: f32, saturation: f32) {
    let grey =
        |p: &Rgb<u8>| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]);
    let count = square.width() as f32 * square.height() as f32;
    let mean = square.pixels().map(grey).sum::<f32>() / count;
    for pixel in square.pixels_mut() {
        let level = grey(pixel);
        for value in &mut pixel.0 {
            let saturated = level + (f32::from(*value) - level) * saturation;
            *value = ((mean + (saturated - mean) * contrast) * brightness).clamp(0.0, 255.0) as u8;
        }
    }
}

/// Encodes as JPEG and decodes again; unchanged if that fails.
fn compress(square: RgbImage, quality: u8) -> RgbImage {
    let (width, height) = square.dimensions();
    let mut jpeg = Vec::new();
    let encoded = JpegEncoder::new_with_quality(&mut jpeg, quality).encode(
        &square,
        width,
        height,
        ExtendedColorType::Rgb8,
    );
    match encoded.and_then(|()| image::load_from_memory(&jpeg)) {
        Ok(image) => image.into_rgb8(),
        Err(_) => square,
    }
}

/// Fills a rectangle of 2 to 25 % of the area with a random colour (Zhong et al., "Random erasing data augmentation",
/// 2017).
fn erase(square: &mut RgbImage, rng: &mut Xoshiro256PlusPlus) {
    let side = square.width() as f32;
    let area = side * side * rng.random_range(0.02f32..0.25);
    let aspect = rng.random_range(0.4f32..2.5);
    let width = (area * aspect).sqrt().clamp(1.0, side) as u32;
    let height = (area / aspect).sqrt().clamp(1.0, side) as u32;
    let left = rng.random_range(0..=square.width() - width);
    let top = rng.random_range(0..=square.height() - height);
    let colour = Rgb(rng.random::<[u8; 3]>());
    for y in top..top + height {
        for x in left..left + width {
            square.put_pixel(x, y, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Normalisation, Preprocess};

    fn photo() -> RgbImage {
        RgbImage::from_fn(120, 80, |x, y| {
            Rgb([(x * 2) as u8, (y * 3) as u8, ((x + y) % 256) as u8])
        })
    }

    #[test]
    fn the_same_seed_gives_the_same_square_and_another_another() {
        for augmentation in [Augmentation::LIGHT, Augmentation::STRONG] {
            let once = augmentation.apply(&photo(), 64, 5);
            assert_eq!(once.dimensions(), (64, 64));
            assert_eq!(once, augmentation.apply(&photo(), 64, 5));
            assert_ne!(once, augmentation.apply(&photo(), 64, 6));
        }
    }

    /// Without augmentation, training has the same inputs as search.
    #[test]
    fn none_is_the_letterbox_of_a_search() {
        let preprocess = Preprocess::letterbox(64, Normalisation::SYMMETRIC);
        let square = Augmentation::NONE.apply(&photo(), 64, 1);
        let (trained, searched) = (preprocess.tensor(&square), preprocess.tensor(&photo()));
        let covered = 64 * 11..64 * 53;
        assert_eq!(trained[covered.clone()], searched[covered]);
        assert!(trained.iter().zip(&searched).all(|(a, b)| (a - b).abs() < 0.13));
    }

    #[test]
    fn tiny_and_long_photos_are_augmented() {
        for (width, height) in [(1, 1), (2, 300), (500, 3)] {
            let photo = RgbImage::new(width, height);
            for seed in 0..20 {
                assert_eq!(Augmentation::STRONG.apply(&photo, 32, seed).dimensions(), (32, 32));
            }
        }
    }

    #[test]
    fn a_rotation_is_around_the_centre() {
        let mut square = RgbImage::new(65, 65);
        square.put_pixel(62, 32, Rgb([255, 255, 255]));
        let turned = rotate(&square, std::f32::consts::FRAC_PI_2);
        assert_eq!((turned.get_pixel(32, 2)[0], turned.get_pixel(62, 32)[0]), (255, 0));
    }
}
