//! Models of the shop's products: tables and desks.

use super::{Placement, ProductSpec, at, block, drum, legs};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::pattern::Pattern;
use crate::renderer::sdf::Shape;
use crate::shop::Category;

pub(super) fn specs() -> Vec<ProductSpec> {
    let spec = |id, english, korean, list_price, parts| ProductSpec {
        id,
        english,
        korean,
        list_price,
        category: Category::Table,
        placement: Placement::Floor,
        model: Object::new(parts),
    };
    vec![
        spec("oak-dining-table", "Oak dining table", "참나무 4인 식탁", 289_000, dining()),
        spec("round-white-table", "Round white table", "화이트 원형 테이블", 179_000, pedestal()),
        spec("marble-side-table", "Marble side table", "대리석 사이드 테이블", 99_000, marble()),
        spec(
            "walnut-coffee-table",
            "Walnut coffee table",
            "호두나무 소파 테이블",
            139_000,
            coffee(),
        ),
        spec("white-desk", "White desk with drawers", "화이트 서랍 책상", 159_000, desk()),
    ]
}

fn dining() -> Vec<Part> {
    let oak = Material::wood(0xD6A364);
    let mut parts = legs((0.54, 0.3), 0.7, 0.03, (0.022, 0.034), oak);
    parts.push(block((1.3, 0.035, 0.76), (0.0, 0.7, 0.0), 0.012, oak));
    for z in [-0.3, 0.3] {
        parts.push(block((1.06, 0.07, 0.022), (0.0, 0.63, z), 0.004, oak));
    }
    for x in [-0.54, 0.54] {
        parts.push(block((0.022, 0.07, 0.58), (x, 0.63, 0.0), 0.004, oak));
    }
    parts
}

fn pedestal() -> Vec<Part> {
    let white = Material::plain(0xF0EEE9).gloss(0.35);
    let stem = Shape::Cone { bottom: 0.13, top: 0.04, height: 0.5, wall: None };
    vec![
        drum(0.45, 0.026, (0.0, 0.7, 0.0), 0.012, white),
        Part::new(stem, at(0.0, 0.27, 0.0), white),
        drum(0.04, 0.2, (0.0, 0.5, 0.0), 0.0, white),
        Part::new(Shape::Ellipsoid { radii: at(0.29, 0.035, 0.29) }, at(0.0, 0.02, 0.0), white),
    ]
}

fn marble() -> Vec<Part> {
    let stone =
        Material::plain(0xF1EFEC).pattern(Pattern::Marble, 0.28, 0x6E7076, 0xD9D6D2).gloss(0.6);
    let brass = Material::metal(0xC79F45);
    let mut parts = vec![drum(0.25, 0.022, (0.0, 0.5, 0.0), 0.006, stone)];
    for number in 0..3 {
        let (s, c) = (number as f32 * 2.0944).sin_cos();
        parts.push(Part::rod(
            at(s * 0.22, 0.012, c * 0.22),
            at(s * 0.1, 0.5, c * 0.1),
            (0.01, 0.01),
            brass,
        ));
    }
    parts.push(Part::new(Shape::Torus { radius: 0.215, thick: 0.009 }, at(0.0, 0.02, 0.0), brass));
    parts
}

fn coffee() -> Vec<Part> {
    let walnut = Material::wood(0x76482A);
    let mut parts = legs((0.45, 0.22), 0.38, 0.03, (0.014, 0.024), walnut);
    parts.push(block((1.05, 0.035, 0.56), (0.0, 0.38, 0.0), 0.015, walnut));
    parts.push(block((0.92, 0.02, 0.46), (0.0, 0.17, 0.0), 0.006, walnut));
    parts
}

fn desk() -> Vec<Part> {
    let white = Material::plain(0xF3F1ED).gloss(0.2);
    let oak = Material::wood(0xDDB27A);
    let steel = Material::metal(0x3A3C40);
    let mut parts = vec![
        block((1.2, 0.028, 0.6), (0.0, 0.72, 0.0), 0.004, oak),
        block((0.38, 0.66, 0.54), (0.38, 0.06, 0.0), 0.005, white),
    ];
    for y in [0.08, 0.3, 0.51] {
        parts.push(block((0.35, 0.19, 0.02), (0.38, y, 0.275), 0.006, white));
        parts.push(block((0.12, 0.016, 0.022), (0.38, y + 0.14, 0.29), 0.006, steel));
    }
    for z in [-0.26, 0.26] {
        parts.push(block((0.03, 0.72, 0.03), (-0.56, 0.0, z), 0.003, steel));
        parts.push(block((0.03, 0.06, 0.03), (0.54, 0.0, z), 0.003, steel));
    }
    parts.push(block((0.03, 0.03, 0.5), (-0.56, 0.0, 0.0), 0.003, steel));
    parts
}
