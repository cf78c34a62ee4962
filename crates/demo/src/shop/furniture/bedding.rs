//! Models of the shop's products: bedding: a blanket and two pillows.

use super::{Placement, ProductSpec, at};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::pattern::Pattern;
use crate::renderer::relief::Relief;
use crate::renderer::sdf::Shape;
use crate::renderer::vector::Rotation;
use crate::shop::Category;

pub(super) fn specs() -> Vec<ProductSpec> {
    let spec = |id, english, korean, list_price, cloth, lining| ProductSpec {
        id,
        english,
        korean,
        list_price,
        category: Category::Bedding,
        placement: Placement::Bed,
        model: Object::new(set(cloth, Material::plain(lining))),
    };
    let cotton = |hex| Material::plain(hex).relief(Relief::Creases, 0.35, 0.45).gloss(0.0);
    let white = cotton(0xF4F2EE);
    let grey = white.pattern(Pattern::Stripes, 0.13, 0x8E949C, 0x8E949C);
    let blue = white.pattern(Pattern::Stripes, 0.13, 0x6C8FB5, 0x6C8FB5);
    let flowers = cotton(0xEFE8DA).pattern(Pattern::Flowers, 0.24, 0xC2566B, 0xD9A441);
    let dots = cotton(0x27385A).pattern(Pattern::Dots, 0.12, 0xE9E4D8, 0xE9E4D8);
    let sage = Material::plain(0x8FA387).relief(Relief::Waffle, 0.04, 0.5).gloss(0.0);
    vec![
        spec("white-bedding", "White cotton bedding", "화이트 순면 침구", 89_000, white, 0xF0EEE8),
        spec(
            "grey-striped-bedding",
            "Grey striped bedding",
            "그레이 스트라이프 침구",
            79_000,
            grey,
            0xB9BDC2,
        ),
        spec(
            "blue-striped-bedding",
            "Blue striped bedding",
            "블루 스트라이프 침구",
            79_000,
            blue,
            0xA9C0D8,
        ),
        spec("floral-bedding", "Floral bedding", "꽃무늬 침구", 75_000, flowers, 0xE4CDB4),
        spec(
            "navy-dotted-bedding",
            "Navy dotted bedding",
            "네이비 도트 침구",
            72_000,
            dots,
            0xE9E4D8,
        ),
        spec(
            "sage-waffle-bedding",
            "Sage waffle bedding",
            "세이지 와플 침구",
            95_000,
            sage,
            0xC8D0BE,
        ),
    ]
}

/// A blanket, folded back, and two pillows, for a bed of which the top is at 0.5.
fn set(cloth: Material, lining: Material) -> Vec<Part> {
    let lining = lining.relief(Relief::Creases, 0.35, 0.45).gloss(0.0);
    let blanket =
        Shape::Soft { half: at(0.8, 0.16, 0.74), round: 0.075, wrinkle: 0.011, phase: 0.7 };
    let fold =
        Shape::Soft { half: at(0.805, 0.055, 0.17), round: 0.05, wrinkle: 0.009, phase: 2.0 };
    let mut parts = vec![
        Part::new(blanket, at(0.0, 0.43, 0.29), cloth),
        Part::new(fold, at(0.0, 0.575, -0.36), lining),
    ];
    for x in [-0.37, 0.37] {
        let pillow = Shape::Pillow { half: at(0.34, 0.105, 0.23) };
        let lean = Rotation::about_x(0.42).then(&Rotation::about_y(x * 0.12));
        parts.push(Part::new(pillow, at(x, 0.61, -0.74), cloth).rotated(lean));
    }
    parts
}
