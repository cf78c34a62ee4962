//! Models of the shop's products: curtains, in pairs on a rod.

use super::{Placement, ProductSpec, at};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::pattern::Pattern;
use crate::renderer::sdf::Shape;
use crate::shop::Category;

pub(super) fn specs() -> Vec<ProductSpec> {
    let spec = |id, english, korean, list_price, cloth, folds| ProductSpec {
        id,
        english,
        korean,
        list_price,
        category: Category::Curtain,
        placement: Placement::Window,
        model: Object::new(pair(cloth, folds)),
    };
    let cream = Material::cloth(0xEDE3D0);
    vec![
        spec(
            "beige-linen-curtain",
            "Beige linen curtain",
            "베이지 린넨 커튼",
            49_000,
            Material::cloth(0xD8C6A6),
            9.0,
        ),
        spec(
            "grey-blackout-curtain",
            "Grey blackout curtain",
            "그레이 암막 커튼",
            69_000,
            Material::cloth(0x7E838A),
            7.0,
        ),
        spec(
            "navy-blackout-curtain",
            "Navy blackout curtain",
            "네이비 암막 커튼",
            69_000,
            Material::cloth(0x2B3D63),
            7.0,
        ),
        spec(
            "leaf-curtain",
            "Leaf print curtain",
            "나뭇잎 무늬 커튼",
            59_000,
            cream.pattern(Pattern::Leaves, 0.24, 0x3F7148, 0x86A867),
            8.0,
        ),
        spec(
            "striped-curtain",
            "Striped curtain",
            "스트라이프 커튼",
            55_000,
            cream.pattern(Pattern::Stripes, 0.34, 0x6D94A8, 0x6D94A8),
            8.0,
        ),
        spec(
            "gingham-curtain",
            "Red gingham curtain",
            "레드 체크 커튼",
            39_000,
            Material::cloth(0xF5EEE6).pattern(Pattern::Gingham, 0.12, 0xB23A3A, 0xB23A3A),
            10.0,
        ),
    ]
}

/// Two curtains on a rod; the origin is on the floor below the middle of the window.
fn pair(cloth: Material, folds: f32) -> Vec<Part> {
    let rod = Material::metal(0x6F5A3C);
    let (high, half) = (2.2, at(0.52, 1.06, 0.006));
    let mut parts = vec![Part::rod(at(-1.2, high, 0.0), at(1.2, high, 0.0), (0.014, 0.014), rod)];
    for (x, phase) in [(-0.6, 0.4), (0.6, 2.1)] {
        let shape = Shape::Folds { half, depth: 0.038, folds, phase };
        parts.push(Part::new(shape, at(x, high - 1.04, 0.0), cloth.emission(0.12)));
        parts.push(Part::new(
            Shape::Ellipsoid { radii: at(0.03, 0.03, 0.03) },
            at(x * 2.03, high, 0.0),
            rod,
        ));
    }
    parts
}
