//! Photos with several things in them, made of photos with one, so that it is known what is where.

use lookalike_photo::{BBox, RgbImage, scaled};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Pixels of canvases: as wide as high, and 4 to 3 either way.
const CANVASES: [(u32, u32); 3] = [(1000, 1000), (1200, 900), (900, 1200)];
/// The longer side of a photo on a canvas, in shares of the canvas's shorter side.
const SCALES: std::ops::Range<f32> = 0.25..0.55;
/// Pixels between photos at the least.
const GAP: u32 = 16;
/// Places that are tried for a photo before it is left out.
const TRIES: usize = 60;

/// A made-up photo of several things.
#[derive(Debug, Clone)]
pub struct Composite {
    /// The photo.
    pub picture: RgbImage,
    /// Which of the photos it is made of are on it, by their numbers, and where.
    pub shown: Vec<(usize, BBox)>,
}

/// Lays photos on a canvas with a background, each somewhere else and at a scale of its own. One for which
/// there is no room is left out; the first never is. The same for a seed.
pub fn composite(photos: &[RgbImage], seed: u64) -> Composite {
    let mut rng = SmallRng::seed_from_u64(seed);
    let (width, height) = CANVASES[rng.random_range(0..CANVASES.len())];
    let mut picture = background(width, height, &mut rng);
    let mut places: Vec<(usize, [u32; 4])> = Vec::new();
    for (number, photo) in photos.iter().enumerate() {
        for _ in 0..TRIES {
            let longest = photo.width().max(photo.height()).max(1) as f32;
            let scale = rng.random_range(SCALES) * width.min(height) as f32 / longest;
            let of = |length: u32| ((length as f32 * scale) as u32).max(1);
            let (across, down) = (of(photo.width()), of(photo.height()));
            let x = rng.random_range(0..=width - across);
            let y = rng.random_range(0..=height - down);
            let is_apart = |(_, [left, top, right, bottom]): &(usize, [u32; 4])| {
                x >= right + GAP
                    || x + across + GAP <= *left
                    || y >= bottom + GAP
                    || y + down + GAP <= *top
            };
            if places.iter().all(is_apart) {
                lay(&mut picture, &scaled(photo, across, down), x, y);
                places.push((number, [x, y, x + across, y + down]));
                break;
            }
        }
    }
    let area = |[left, top, right, bottom]: [u32; 4]| BBox {
        left: left as f32 / width as f32,
        top: top as f32 / height as f32,
        right: right as f32 / width as f32,
        bottom: bottom as f32 / height as f32,
    };
    let shown = places.into_iter().map(|(number, place)| (number, area(place))).collect();
    Composite { picture, shown }
}

fn lay(canvas: &mut RgbImage, photo: &RgbImage, left: u32, top: u32) {
    for (x, y, pixel) in photo.enumerate_pixels() {
        canvas.put_pixel(left + x, top + y, *pixel);
    }
}

/// Blotches of two colours; on them planks or tiles, or neither; and grain.
fn background(width: u32, height: u32, rng: &mut SmallRng) -> RgbImage {
    let base: [f32; 3] = std::array::from_fn(|_| rng.random_range(40.0..230.0));
    let other = base.map(|value| value + rng.random_range(-60.0..60.0));
    let mut blotches = RgbImage::new(rng.random_range(3..14), rng.random_range(3..14));
    for pixel in blotches.pixels_mut() {
        let share: f32 = rng.random();
        pixel.0 = std::array::from_fn(|c| (base[c] + share * (other[c] - base[c])) as u8);
    }
    let mut ground = scaled(&blotches, width, height);
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
    fn photos_lie_where_it_says_and_apart() {
        let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]];
        let photos = colours.map(|colour| RgbImage::from_pixel(30, 40, colour.into()));
        for seed in 0..20 {
            let made = composite(&photos, seed);
            let (width, height) = made.picture.dimensions();
            assert!(made.shown.len() >= 2, "there is room for two: {}", made.shown.len());
            for (at, (number, area)) in made.shown.iter().enumerate() {
                let x = ((area.left + area.right) / 2.0 * width as f32) as u32;
                let y = ((area.top + area.bottom) / 2.0 * height as f32) as u32;
                assert_eq!(made.picture.get_pixel(x, y).0, colours[*number]);
                let others = &made.shown[at + 1..];
                assert!(others.iter().all(|(_, other)| area.intersection(other) == 0.0));
            }
        }
        assert_eq!(composite(&photos, 3).picture, composite(&photos, 3).picture);
        assert_ne!(composite(&photos, 3).picture, composite(&photos, 4).picture);
    }
}
