//! Models of the shop's products: table and floor lamps.

use super::{Placement, ProductSpec, at, drum};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::pattern::Pattern;
use crate::renderer::relief::Relief;
use crate::renderer::sdf::Shape;
use crate::shop::Category;

pub(super) fn specs() -> Vec<ProductSpec> {
    let spec = |id, english, korean, list_price, placement, parts| ProductSpec {
        id,
        english,
        korean,
        list_price,
        category: Category::Lamp,
        placement,
        model: Object::new(parts),
    };
    let white = Material::plain(0xF1ECE2).gloss(0.5);
    let blue = Material::plain(0x2F5F8F).gloss(0.6);
    vec![
        spec(
            "white-ceramic-lamp",
            "White ceramic table lamp",
            "화이트 도자기 스탠드",
            59_000,
            Placement::Table,
            ceramic(white),
        ),
        spec(
            "blue-ceramic-lamp",
            "Blue ceramic table lamp",
            "블루 도자기 스탠드",
            59_000,
            Placement::Table,
            ceramic(blue),
        ),
        spec(
            "mushroom-lamp",
            "Orange mushroom lamp",
            "오렌지 버섯 조명",
            79_000,
            Placement::Table,
            mushroom(),
        ),
        spec(
            "paper-lantern",
            "Paper lantern lamp",
            "한지 랜턴 조명",
            45_000,
            Placement::Table,
            lantern(),
        ),
        spec(
            "tripod-floor-lamp",
            "Tripod floor lamp",
            "삼각 장스탠드",
            129_000,
            Placement::Floor,
            tripod(),
        ),
    ]
}

/// Cloth lit from behind.
fn lampshade(hex: u32) -> Material {
    Material::cloth(hex).emission(0.8)
}

fn ceramic(glaze: Material) -> Vec<Part> {
    let brass = Material::metal(0xB8924A);
    let body = Shape::Blend {
        shapes: vec![
            (Shape::Ellipsoid { radii: at(0.1, 0.105, 0.1) }, at(0.0, -0.01, 0.0)),
            (Shape::Cylinder { radius: 0.06, height: 0.03, round: 0.01 }, at(0.0, -0.11, 0.0)),
            (Shape::Cylinder { radius: 0.026, height: 0.1, round: 0.01 }, at(0.0, 0.11, 0.0)),
        ],
        reach: 0.05,
    };
    let hood = Shape::Cone { bottom: 0.17, top: 0.115, height: 0.22, wall: Some(0.004) };
    vec![
        Part::new(body, at(0.0, 0.126, 0.0), glaze),
        drum(0.01, 0.14, (0.0, 0.27, 0.0), 0.0, brass),
        Part::new(
            Shape::Ellipsoid { radii: at(0.03, 0.04, 0.03) },
            at(0.0, 0.38, 0.0),
            Material::plain(0xFFF2D0).emission(2.5),
        ),
        Part::new(hood, at(0.0, 0.4, 0.0), lampshade(0xFFF0D2)),
    ]
}

fn mushroom() -> Vec<Part> {
    let glass = Material::plain(0xE8722A).gloss(0.6);
    let stem = Shape::Cone { bottom: 0.085, top: 0.045, height: 0.24, wall: None };
    vec![
        Part::new(stem, at(0.0, 0.12, 0.0), glass),
        Part::new(
            Shape::Dome { radius: 0.165, wall: 0.006 },
            at(0.0, 0.215, 0.0),
            glass.emission(0.5),
        ),
        Part::new(
            Shape::Ellipsoid { radii: at(0.04, 0.04, 0.04) },
            at(0.0, 0.27, 0.0),
            Material::plain(0xFFE2B0).emission(3.0),
        ),
    ]
}

fn lantern() -> Vec<Part> {
    let paper = Material::plain(0xF6EBD2)
        .pattern(Pattern::Pinstripes, 0.03, 0xC9B68C, 0xC9B68C)
        .rotated()
        .relief(Relief::Ribs, 0.03, 0.3)
        .emission(0.75);
    let wood = Material::wood(0x5B3A22);
    let mut parts = vec![
        Part::new(Shape::Ellipsoid { radii: at(0.15, 0.165, 0.15) }, at(0.0, 0.23, 0.0), paper),
        drum(0.07, 0.018, (0.0, 0.385, 0.0), 0.004, wood),
        drum(0.09, 0.018, (0.0, 0.05, 0.0), 0.004, wood),
    ];
    for number in 0..3 {
        let (s, c) = (number as f32 * 2.0944 + 0.5).sin_cos();
        parts.push(Part::rod(
            at(s * 0.12, 0.01, c * 0.12),
            at(s * 0.07, 0.07, c * 0.07),
            (0.009, 0.009),
            wood,
        ));
    }
    parts
}

fn tripod() -> Vec<Part> {
    let wood = Material::wood(0xC9955A);
    let hood = Shape::Cone { bottom: 0.25, top: 0.2, height: 0.3, wall: Some(0.005) };
    let mut parts = vec![
        Part::new(hood, at(0.0, 1.35, 0.0), lampshade(0xFFF3DC)),
        Part::new(
            Shape::Ellipsoid { radii: at(0.05, 0.06, 0.05) },
            at(0.0, 1.32, 0.0),
            Material::plain(0xFFF2D0).emission(2.5),
        ),
        drum(0.035, 0.06, (0.0, 1.1, 0.0), 0.01, Material::metal(0xB8924A)),
        drum(0.012, 0.2, (0.0, 1.12, 0.0), 0.0, Material::metal(0xB8924A)),
    ];
    for number in 0..3 {
        let (s, c) = (number as f32 * 2.0944 + 0.3).sin_cos();
        parts.push(Part::rod(
            at(s * 0.3, 0.015, c * 0.3),
            at(s * 0.02, 1.13, c * 0.02),
            (0.014, 0.018),
            wood,
        ));
    }
    parts
}
