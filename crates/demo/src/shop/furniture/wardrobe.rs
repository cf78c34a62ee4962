//! Models of the shop's products: wardrobes with doors.

use super::{Placement, ProductSpec, at, block};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::pattern::Pattern;
use crate::renderer::relief::Relief;
use crate::shop::Category;

pub(super) fn specs() -> Vec<ProductSpec> {
    let spec = |id, english, korean, list_price, parts| ProductSpec {
        id,
        english,
        korean,
        list_price,
        category: Category::Wardrobe,
        placement: Placement::Wall,
        model: Object::new(parts),
    };
    let white = Material::plain(0xF1EFEA).gloss(0.2);
    let oak = Material::wood(0xD3A468);
    let brass = Material::metal(0xC29B48);
    let black = Material::metal(0x242426);
    let navy = Material::plain(0x2C4166).gloss(0.15);
    let cane = Material::plain(0xE2C48F)
        .pattern(Pattern::Rattan, 0.035, 0xC7A468, 0x80633A)
        .relief(Relief::Weave, 0.035, 0.4);
    let mirror = Material::plain(0x9FB0B8).gloss(1.0);
    vec![
        spec(
            "white-wardrobe",
            "White two-door wardrobe",
            "화이트 2도어 옷장",
            329_000,
            doors(2, white, white, brass, false),
        ),
        spec(
            "oak-wardrobe",
            "Oak two-door wardrobe",
            "참나무 2도어 옷장",
            389_000,
            doors(2, oak, oak, black, false),
        ),
        spec(
            "navy-wardrobe",
            "Navy wardrobe with drawers",
            "네이비 서랍 옷장",
            419_000,
            doors(2, navy, navy, brass, true),
        ),
        spec(
            "rattan-wardrobe",
            "Rattan-door wardrobe",
            "라탄 도어 옷장",
            459_000,
            doors(2, oak, cane, black, false),
        ),
        spec(
            "mirror-wardrobe",
            "Mirror three-door wardrobe",
            "거울 3도어 옷장",
            559_000,
            doors(3, white, mirror, black, false),
        ),
    ]
}

/// Doors of `panel` in frames of `frame`.
fn doors(count: u32, frame: Material, panel: Material, knob: Material, drawers: bool) -> Vec<Part> {
    let (width, height, depth) = (0.5 * count as f32, 1.9, 0.56);
    let front = depth * 0.5;
    let mut parts = vec![
        block((width, height - 0.08, depth), (0.0, 0.08, 0.0), 0.006, frame),
        block((width - 0.06, 0.08, depth - 0.08), (0.0, 0.0, -0.02), 0.0, frame),
        block((width + 0.04, 0.035, depth + 0.04), (0.0, height, 0.01), 0.006, frame),
    ];
    let bottom = if drawers { 0.52 } else { 0.11 };
    let leaf = width / count as f32;
    let tall = height - bottom - 0.03;
    for number in 0..count {
        let x = (number as f32 - (count as f32 - 1.0) * 0.5) * leaf;
        parts.push(block((leaf - 0.012, tall, 0.02), (x, bottom, front + 0.008), 0.004, frame));
        // Mirrors and cane fill the door, painted doors have a panel set in.
        let (inset, deep) = if panel == frame { (0.16, 0.012) } else { (0.1, 0.004) };
        let size = (leaf - inset, tall - inset, deep);
        parts.push(block(size, (x, bottom + inset * 0.5, front + 0.02), 0.003, panel));
        let side = if number * 2 + 1 < count { 1.0 } else { -1.0 };
        let knob_at = (x + side * (leaf * 0.5 - 0.035), bottom + tall * 0.45, front + 0.035);
        parts.push(block((0.016, 0.16, 0.03), knob_at, 0.007, knob));
    }
    if drawers {
        for y in [0.11, 0.315] {
            parts.push(block((width - 0.014, 0.19, 0.02), (0.0, y, front + 0.008), 0.004, frame));
            for x in [-0.25, 0.25] {
                let (a, b) =
                    (at(x - 0.05, y + 0.1, front + 0.035), at(x + 0.05, y + 0.1, front + 0.035));
                parts.push(Part::rod(a, b, (0.009, 0.009), knob));
            }
        }
    }
    parts
}
