//! Models of the shop's products: carpets and rugs.

use std::f32::consts::FRAC_PI_2;

use super::{Placement, ProductSpec, at, block};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::pattern::Pattern;
use crate::renderer::relief::Relief;
use crate::renderer::sdf::Shape;
use crate::renderer::vector::Rotation;
use crate::shop::Category;

pub(super) fn specs() -> Vec<ProductSpec> {
    let spec = |id, english, korean, list_price, parts| ProductSpec {
        id,
        english,
        korean,
        list_price,
        category: Category::Carpet,
        placement: Placement::Flat,
        model: Object::new(parts),
    };
    let pile = |material: Material| material.relief(Relief::Fleece, 0.02, 0.35).gloss(0.0);
    let persian = Pattern::Persian { half: (1.0, 0.7) };
    let red = pile(Material::plain(0x8E2A2C).pattern(persian, 1.0, 0x22335C, 0xE2CBA0));
    let blue = pile(Material::plain(0x2A4170).pattern(persian, 1.0, 0x8A2F30, 0xE4D3AE));
    let shaggy = Material::plain(0xF3EADA).relief(Relief::Fleece, 0.03, 0.6).gloss(0.0);
    let diamonds =
        pile(Material::plain(0xEDE8DD).pattern(Pattern::Diamonds, 0.34, 0x33343A, 0x33343A));
    let kilim = pile(Material::plain(0xD9B98B).pattern(Pattern::Kilim, 0.17, 0xA6432F, 0x2F5C63));
    let jute = Material::plain(0xC9A874)
        .pattern(Pattern::Rings, 0.09, 0xA47F4C, 0x8A6636)
        .relief(Relief::Weave, 0.018, 0.7)
        .gloss(0.0);
    vec![
        spec(
            "red-persian-carpet",
            "Red Persian carpet",
            "레드 페르시안 카펫",
            189_000,
            oblong(red, Some(0xE0CDA8)),
        ),
        spec(
            "blue-persian-carpet",
            "Blue Persian carpet",
            "블루 페르시안 카펫",
            189_000,
            oblong(blue, Some(0xE0CDA8)),
        ),
        spec(
            "shaggy-carpet",
            "Cream shaggy carpet",
            "크림 샤기 카펫",
            99_000,
            oblong(shaggy, None),
        ),
        spec(
            "diamond-carpet",
            "Diamond carpet",
            "다이아 패턴 카펫",
            119_000,
            oblong(diamonds, None),
        ),
        spec("kilim-carpet", "Kilim carpet", "킬림 카펫", 139_000, oblong(kilim, Some(0xD9C7A5))),
        spec("round-jute-carpet", "Round jute carpet", "원형 황마 카펫", 79_000, round(jute)),
    ]
}

fn oblong(pile: Material, fringe: Option<u32>) -> Vec<Part> {
    let mut parts = vec![block((2.0, 0.018, 1.4), (0.0, 0.0, 0.0), 0.008, pile)];
    if let Some(hex) = fringe {
        let threads =
            Shape::Row { half: at(0.006, 0.004, 0.035), round: 0.003, count: 70, gap: 0.02 };
        for x in [-1.03, 1.03] {
            let turn = Rotation::about_y(FRAC_PI_2);
            parts.push(
                Part::new(threads.clone(), at(x, 0.006, 0.0), Material::plain(hex)).rotated(turn),
            );
        }
    }
    parts
}

fn round(pile: Material) -> Vec<Part> {
    let shape = Shape::Cylinder { radius: 0.8, height: 0.02, round: 0.008 };
    vec![Part::new(shape, at(0.0, 0.01, 0.0), pile)]
}
