//! Training photos as a camera might also have taken them.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, Rgb, RgbImage, imageops};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::preprocess::{fit, resize};

/// What may happen to a training photo. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augmentation {
    /// Share of photos that are shown whole, letterboxed as in a search, 60 to 100 % of the square
    /// wide. The others are cropped at random.
    pub whole: f32,
    /// Smallest share of a photo's area that a crop keeps.
    pub least_area: f32,
    /// Mirror half of the photos.
    pub flip: bool,
    /// Largest rotation to either side, in degrees.
    pub rotation: f32,
    /// How far brightness, contrast and saturation change: 0.4 is a factor of 0.6 to 1.4.
    pub colour: f32,
    /// Share of photos that are blurred.
    pub blur: f32,
    /// Share of photos that are compressed once more, as JPEG of a quality from 30 to 80.
    pub jpeg: f32,
    /// Share of photos of which a rectangle is painted over.
    pub erase: f32,
}

impl Augmentation {
    /// None at all: photos are letterboxed as in a search.
    pub const NONE: Self = Self {
        whole: 1.0,
        least_area: 1.0,
        flip: false,
        rotation: 0.0,
        colour: 0.0,
        blur: 0.0,
        jpeg: 0.0,
        erase: 0.0,
    };

    /// For a few epochs: crops of half a photo and more, mild colours.
    pub const LIGHT: Self = Self {
        whole: 0.3,
        least_area: 0.5,
        flip: true,
        rotation: 8.0,
        colour: 0.2,
        blur: 0.05,
        jpeg: 0.1,
        erase: 0.0,
    };

    /// For many epochs, and photos that come from elsewhere than those that will be searched for.
    pub const STRONG: Self = Self {
        whole: 0.3,
        least_area: 0.25,
        flip: true,
        rotation: 20.0,
        colour: 0.4,
        blur: 0.1,
        jpeg: 0.2,
        erase: 0.25,
    };

    /// A square of `side` pixels made of a photo; the same one for the same seed. What no photo covers
    /// is grey.
    ///
    /// # Panics
    /// When `side` or a side of the photo is 0.
    pub fn apply(&self, photo: &RgbImage, side: u32, seed: u64) -> RgbImage {
        if *self == Self::NONE {
            return letterboxed(photo, side, side, (0.5, 0.5));
        }
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut square = if rng.random::<f32>() < self.whole {
            let inner = (side as f32 * rng.random_range(0.6..=1.0)).round().max(1.0) as u32;
            letterboxed(photo, side, inner, (rng.random(), rng.random()))
        } else {
            self.cropped(photo, side, &mut rng)
        };
        if self.flip && rng.random() {
            imageops::flip_horizontal_in_place(&mut square);
        }
        if self.rotation > 0.0 {
            let degrees = rng.random_range(-self.rotation..=self.rotation);
            square = rotated(&square, degrees.to_radians());
        }
        if self.colour > 0.0 {
            let mut factor = || rng.random_range(1.0 - self.colour..=1.0 + self.colour);
            recolour(&mut square, factor(), factor(), factor());
        }
        if rng.random::<f32>() < self.blur {
            square = imageops::fast_blur(&square, rng.random_range(0.4..1.6));
        }
        if rng.random::<f32>() < self.jpeg {
            square = compressed(square, rng.random_range(30..=80));
        }
        if rng.random::<f32>() < self.erase {
            erase(&mut square, &mut rng);
        }
        square
    }

    /// A part of the photo, of a random size and shape (Szegedy et al., 2015), filling the square.
    fn cropped(&self, photo: &RgbImage, side: u32, rng: &mut SmallRng) -> RgbImage {
        let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
        let area = width * height * f64::from(rng.random_range(self.least_area..=1.0));
        let aspect = rng.random_range((3.0f64 / 4.0).ln()..=(4.0f64 / 3.0).ln()).exp();
        let w = (area * aspect).sqrt().min(width).max(1.0);
        let h = (area / aspect).sqrt().min(height).max(1.0);
        // A hair less than all the room, so that rounding cannot put the crop's edge outside.
        let mut within = |room: f64| rng.random::<f64>() * room * (1.0 - 1e-9);
        let (left, top) = (within(width - w), within(height - h));
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

/// What surrounds a photo: close to the mean colour that networks are centred on.
const GREY: Rgb<u8> = Rgb([124, 120, 112]);

/// The whole photo within `inner` pixels, somewhere on a square of `side`.
fn letterboxed(photo: &RgbImage, side: u32, inner: u32, at: (f32, f32)) -> RgbImage {
    let (width, height) = fit(photo.dimensions(), inner);
    let scaled = RgbImage::from_raw(width, height, resize(photo, width, height))
        .expect("three bytes a pixel");
    let mut square = RgbImage::from_pixel(side, side, GREY);
    let place = |share: f32, length: u32| (share * (side - length) as f32) as i64;
    imageops::replace(&mut square, &scaled, place(at.0, width), place(at.1, height));
    square
}

fn rotated(square: &RgbImage, angle: f32) -> RgbImage {
    let (sin, cos) = angle.sin_cos();
    let centre = (square.width() as f32 - 1.0) / 2.0;
    RgbImage::from_fn(square.width(), square.height(), |x, y| {
        let (x, y) = (x as f32 - centre, y as f32 - centre);
        let (x, y) = (cos * x - sin * y + centre, sin * x + cos * y + centre);
        imageops::interpolate_bilinear(square, x, y).unwrap_or(GREY)
    })
}

fn recolour(square: &mut RgbImage, brightness: f32, contrast: f32, saturation: f32) {
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

/// Through JPEG and back; as it was, should that fail.
fn compressed(square: RgbImage, quality: u8) -> RgbImage {
    let (width, height) = square.dimensions();
    let mut jpeg = Vec::new();
    let encoded = JpegEncoder::new_with_quality(&mut jpeg, quality).encode(
        &square,
        width,
        height,
        ExtendedColorType::Rgb8,
    );
    match encoded.and_then(|()| image::load_from_memory(&jpeg)) {
        Ok(picture) => picture.into_rgb8(),
        Err(_) => square,
    }
}

/// Paints over a rectangle of 2 to 25 % of the area (Zhong et al., "Random erasing", 2017).
fn erase(square: &mut RgbImage, rng: &mut SmallRng) {
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

    /// Without augmentation, training sees what a search sees.
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
    fn tiny_and_long_photos_are_taken_too() {
        for (width, height) in [(1, 1), (2, 300), (500, 3)] {
            let photo = RgbImage::new(width, height);
            for seed in 0..20 {
                assert_eq!(Augmentation::STRONG.apply(&photo, 32, seed).dimensions(), (32, 32));
            }
        }
    }

    #[test]
    fn a_turn_moves_pixels_around_the_centre() {
        let mut square = RgbImage::new(65, 65);
        square.put_pixel(62, 32, Rgb([255, 255, 255]));
        let turned = rotated(&square, std::f32::consts::FRAC_PI_2);
        assert_eq!((turned.get_pixel(32, 2)[0], turned.get_pixel(62, 32)[0]), (255, 0));
    }
}
