//! Harder views of a catalogue's own photos. They stand in for photos that are not there yet: by another camera, in
//! another light, of a part of the product. How hard they are is chosen by how often a search for them fails.

use lookalike_base::random::splitmix64_at;
use lookalike_photo::{Augmentation, RgbImage, resize};
use serde::{Deserialize, Serialize};

/// Side of a view, in pixels, before it is shrunk.
const SIDE: u32 = 256;

/// How much harder than the photo a view of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hardness {
    /// The photo itself.
    Unchanged,
    /// A crop of 60 to 100 % of its area, turned by up to 20 degrees, mirrored, in another light, blurred or compressed.
    Light,
    /// A crop of 35 to 100 %, shrunk to 32 to 127 pixels.
    Hard,
    /// A crop of 15 to 100 %, shrunk to 24 to 95 pixels, a part of it hidden.
    Hardest,
}

impl Hardness {
    /// All of them, the easiest first.
    pub const ALL: [Self; 4] = [Self::Unchanged, Self::Light, Self::Hard, Self::Hardest];

    /// A view of an upright photo; the same for the same seed.
    pub(crate) fn apply(self, photo: RgbImage, seed: u64) -> RgbImage {
        let light = Augmentation {
            letterbox_probability: 0.0,
            min_crop_area: 0.6,
            flip: true,
            max_rotation: 20.0,
            colour_jitter: 0.3,
            blur_probability: 0.3,
            jpeg_probability: 0.5,
            erase_probability: 0.0,
        };
        let (augmentation, sides) = match self {
            Self::Unchanged => return photo,
            Self::Light => (light, None),
            Self::Hard => {
                (Augmentation { min_crop_area: 0.35, colour_jitter: 0.4, ..light }, Some(32..128))
            }
            Self::Hardest => (
                Augmentation {
                    min_crop_area: 0.15,
                    colour_jitter: 0.5,
                    erase_probability: 1.0,
                    ..light
                },
                Some(24..96),
            ),
        };
        let view = augmentation.apply(&photo, SIDE, seed);
        let Some(sides) = sides else { return view };
        let side = sides.start + (splitmix64_at(seed, 1) >> 32) as u32 % (sides.end - sides.start);
        resize(&view, side, side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_testkit::photos;

    #[test]
    fn views_follow_from_the_seed_and_get_smaller() {
        let photo = photos::pattern(3, 300, 200);
        assert_eq!(Hardness::Unchanged.apply(photo.clone(), 1), photo);
        for hardness in [Hardness::Light, Hardness::Hard, Hardness::Hardest] {
            let view = |seed| hardness.apply(photo.clone(), seed);
            assert_eq!(view(1), view(1));
            assert_ne!(view(1), view(2));
        }
        assert_eq!(Hardness::Light.apply(photo.clone(), 1).width(), SIDE);
        for seed in 0..50 {
            assert!((32..128).contains(&Hardness::Hard.apply(photo.clone(), seed).width()));
            assert!((24..96).contains(&Hardness::Hardest.apply(photo.clone(), seed).width()));
        }
    }
}
