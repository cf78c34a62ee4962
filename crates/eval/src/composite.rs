//! Synthetic photos of several objects with exact annotations, composed of photos of one object each.

use lookalike_photo::{BBox, RgbImage, resize};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Sizes of canvases in pixels: 1:1, 4:3 and 3:4.
const CANVASES: [(u32, u32); 3] = [(1000, 1000), (1200, 900), (900, 1200)];
/// The longer side of a photo on a canvas, as a fraction of the canvas's shorter side.
const SCALES: std::ops::Range<f32> = 0.25..0.55;
/// Minimum gap between photos in pixels.
const MIN_GAP: u32 = 16;
/// Positions tried for a photo before it is left out.
const MAX_TRIES: usize = 60;

/// A synthetic photo of several objects.
#[derive(Debug, Clone)]
pub struct Composite {
    /// The photo.
    pub image: RgbImage,
    /// The objects in it: the position of the photo that it is composed of, and its bounding box.
    pub annotations: Vec<(usize, BBox)>,
}

/// Places photos on a canvas with a background, apart from each other, at random positions and scales. A photo without
/// room is left out; the first never is. Deterministic for a seed.
pub fn composite(photos: &[RgbImage], seed: u64) -> Composite {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (width, height) = CANVASES[rng.random_range(0..CANVASES.len())];
    let mut image = background(width, height, &mut rng);
    let mut placed: Vec<(usize, [u32; 4])> = Vec::new();
    for (number, photo) in photos.iter().enumerate() {
        for _ in 0..MAX_TRIES {
            let longest = photo.width().max(photo.height()).max(1) as f32;
            let scale = rng.random_range(SCALES) * width.min(height) as f32 / longest;
            let of = |length: u32| ((length as f32 * scale) as u32).max(1);
            let (across, down) = (of(photo.width()), of(photo.height()));
            let x = rng.random_range(0..=width - across);
            let y = rng.random_range(0..=height - down);
            let is_apart = |(_, [left, top, right, bottom]): &(usize, [u32; 4])| {
                x >= right + MIN_GAP
                    || x + across + MIN_GAP <= *left
                    || y >= bottom + MIN_GAP
                    || y + down + MIN_GAP <= *top
            };
            if placed.iter().all(is_apart) {
                paste(&mut image, &resize(photo, across, down), x, y);
                placed.push((number, [x, y, x + across, y + down]));
                break;
            }
        }
    }
    let bbox = |[left, top, right, bottom]: [u32; 4]| BBox {
        left: left as f32 / width as f32,
        top: top as f32 / height as f32,
        right: right as f32 / width as f32,
        bottom: bottom as f32 / height as f32,
    };
    let annotations = placed.into_iter().map(|(number, edges)| (number, bbox(edges))).collect();
    Composite { image, annotations }
}

fn paste(canvas: &mut RgbImage, photo: &RgbImage, left: u32, top: u32) {
    for (x, y, pixel) in photo.enumerate_pixels() {
        canvas.put_pixel(left + x, top + y, *pixel);
    }
}

/// A random background: blotches of two colours; planks, tiles or neither; and grain.
fn background(width: u32, height: u32, rng: &mut Xoshiro256PlusPlus) -> RgbImage {
    let base: [f32; 3] = std::array::from_fn(|_| rng.random_range(40.0..230.0));
    let other = base.map(|value| value + rng.random_range(-60.0..60.0));
    let mut blotches = RgbImage::new(rng.random_range(3..14), rng.random_range(3..14));
    for pixel in blotches.pixels_mut() {
        let weight: f32 = rng.random();
        pixel.0 = std::array::from_fn(|c| (base[c] + weight * (other[c] - base[c])) as u8);
    }
    let mut ground = resize(&blotches, width, height);
    let (across, down) = match rng.random_range(0..3) {
        0 => (Some(rng.random_range(40..160)), None),
        1 => (Some(rng.random_range(60..160)), Some(rng.random_range(60..160))),
        _ => (None, None),
    };
    let (depth, grain) = (rng.random_range(10.0..40.0), rng.random_range(0.0..8.0f32));
    for (x, y, pixel) in ground.enumerate_pixels_mut() {
        let is_seam = |at: u32, each: Option<u32>| each.is_some_and(|each: u32| at % each < 3);
        let seam: f32 = if is_seam(x, across) || is_seam(y, down) { depth } else { 0.0 };
        let grain = rng.random_range(-1.0..1.0) * grain;
        pixel.0 = pixel.0.map(|value| (f32::from(value) - seam + grain).clamp(0.0, 255.0) as u8);
    }
    ground
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_are_where_their_annotations_say_and_apart() {
        let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]];
        let photos = colours.map(|colour| RgbImage::from_pixel(30, 40, colour.into()));
        for seed in 0..20 {
            let made = composite(&photos, seed);
            let (width, height) = made.image.dimensions();
            assert!(
                made.annotations.len() >= 2,
                "there is room for two: {}",
                made.annotations.len()
            );
            for (at, (number, bbox)) in made.annotations.iter().enumerate() {
                let x = ((bbox.left + bbox.right) / 2.0 * width as f32) as u32;
                let y = ((bbox.top + bbox.bottom) / 2.0 * height as f32) as u32;
                assert_eq!(made.image.get_pixel(x, y).0, colours[*number]);
                let others = &made.annotations[at + 1..];
                assert!(others.iter().all(|(_, other)| bbox.intersection(other) == 0.0));
            }
        }
        assert_eq!(composite(&photos, 3).image, composite(&photos, 3).image);
        assert_ne!(composite(&photos, 3).image, composite(&photos, 4).image);
    }
}
