//! Models of the shop's products: mattresses and toppers.

use super::{Placement, ProductSpec, at, block};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::pattern::Pattern;
use crate::renderer::relief::Relief;
use crate::renderer::sdf::Shape;
use crate::shop::Category;

pub(super) fn specs() -> Vec<ProductSpec> {
    let spec = |id, english, korean, list_price, parts| ProductSpec {
        id,
        english,
        korean,
        list_price,
        category: Category::Mattress,
        placement: Placement::Frame,
        model: Object::new(parts),
    };
    let white = Material::plain(0xF8F7F4).gloss(0.0);
    let quilted = white.relief(Relief::Quilt, 0.2, 0.35);
    let tufted = white.pattern(Pattern::Pinstripes, 0.05, 0x9DB2C4, 0x9DB2C4).relief(
        Relief::Tufts,
        0.24,
        0.7,
    );
    let grey = Material::cloth(0x8A8F96);
    let blue = Material::cloth(0x4F6F96);
    let foam = Material::cloth(0x6F7A80).relief(Relief::Grooves, 0.12, 0.4);
    let flowered = Material::plain(0xF3EADB)
        .pattern(Pattern::Flowers, 0.2, 0xB9838A, 0x8FA07A)
        .relief(Relief::Quilt, 0.16, 0.5)
        .gloss(0.0);
    vec![
        spec(
            "grey-border-mattress",
            "Quilted mattress, grey border",
            "그레이 퀼팅 매트리스",
            299_000,
            spring(quilted, grey, 0.24),
        ),
        spec(
            "blue-border-mattress",
            "Quilted mattress, blue border",
            "블루 퀼팅 매트리스",
            299_000,
            spring(quilted, blue, 0.24),
        ),
        spec(
            "tufted-mattress",
            "Tufted striped mattress",
            "스트라이프 단추 매트리스",
            349_000,
            spring(tufted, white.pattern(Pattern::Pinstripes, 0.05, 0x9DB2C4, 0x9DB2C4), 0.28),
        ),
        spec(
            "folding-mattress",
            "Three-part folding mattress",
            "3단 접이식 매트리스",
            119_000,
            folding(foam),
        ),
        spec(
            "floral-topper",
            "Floral mattress topper",
            "꽃무늬 매트리스 토퍼",
            89_000,
            topper(flowered),
        ),
    ]
}

fn spring(top: Material, border: Material, height: f32) -> Vec<Part> {
    let piping = Material::plain(0xD9D4C8);
    let mut parts = vec![
        block((1.4, height - 0.05, 1.95), (0.0, 0.025, 0.0), 0.03, border),
        block((1.39, 0.07, 1.94), (0.0, height - 0.055, 0.0), 0.034, top),
        block((1.39, 0.05, 1.94), (0.0, 0.0, 0.0), 0.025, top),
    ];
    for y in [0.035, height - 0.035] {
        parts.push(block((1.412, 0.014, 1.962), (0.0, y - 0.007, 0.0), 0.007, piping));
    }
    parts
}

fn folding(foam: Material) -> Vec<Part> {
    let zip = Material::plain(0x3D454A);
    let mut parts = Vec::new();
    for number in 0..3 {
        let z = (number as f32 - 1.0) * 0.64;
        parts.push(block((1.1, 0.11, 0.63), (0.0, 0.0, z), 0.03, foam));
        parts.push(block((1.103, 0.012, 0.633), (0.0, 0.05, z), 0.005, zip));
    }
    parts
}

fn topper(cover: Material) -> Vec<Part> {
    let soft = Shape::Soft { half: at(0.7, 0.05, 0.98), round: 0.045, wrinkle: 0.006, phase: 0.2 };
    vec![Part::new(soft, at(0.0, 0.055, 0.0), cover)]
}
