//! Models of the shop's products: boxes, baskets and bins.

use std::f32::consts::FRAC_PI_2;

use super::{Placement, ProductSpec, at, block, drum};
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
        category: Category::StorageBox,
        placement: Placement::Floor,
        model: Object::new(parts),
    };
    let grey = Material::cloth(0x9A9DA0);
    let beige = Material::cloth(0xD3C2A4);
    vec![
        spec("rattan-basket", "Rattan basket", "라탄 바구니", 35_000, basket()),
        spec(
            "grey-fabric-box",
            "Grey fabric box with lid",
            "그레이 패브릭 리빙박스",
            19_900,
            lidded(grey),
        ),
        spec(
            "beige-fabric-box",
            "Beige fabric box with lid",
            "베이지 패브릭 리빙박스",
            19_900,
            lidded(beige),
        ),
        spec("drawer-box", "Three-drawer box", "3단 플라스틱 서랍장", 42_000, drawers()),
        spec("wooden-crate", "Wooden crate", "원목 수납 상자", 29_000, crate_of_wood()),
        spec("striped-toy-bin", "Striped toy bin", "스트라이프 장난감 수납함", 24_900, bin()),
    ]
}

fn basket() -> Vec<Part> {
    let rattan = Material::plain(0xC89A5B)
        .pattern(Pattern::Rattan, 0.045, 0xB08045, 0x6E4A22)
        .relief(Relief::Weave, 0.045, 0.9);
    let handle = Shape::Torus { radius: 0.075, thick: 0.013 };
    let mut parts = vec![
        Part::new(
            Shape::Tub { radius: 0.23, height: 0.32, wall: 0.016 },
            at(0.0, 0.16, 0.0),
            rattan,
        ),
        Part::new(Shape::Torus { radius: 0.222, thick: 0.016 }, at(0.0, 0.32, 0.0), rattan),
    ];
    for x in [-0.23, 0.23] {
        let upright = Part::new(handle.clone(), at(x, 0.34, 0.0), rattan)
            .rotated(Rotation::about_z(FRAC_PI_2));
        parts.push(upright);
    }
    parts
}

fn lidded(cloth: Material) -> Vec<Part> {
    let tape = Material::plain(0x5B5047);
    vec![
        block((0.5, 0.26, 0.36), (0.0, 0.0, 0.0), 0.018, cloth),
        block((0.516, 0.075, 0.376), (0.0, 0.245, 0.0), 0.018, cloth),
        block((0.13, 0.09, 0.008), (0.0, 0.11, 0.184), 0.003, Material::plain(0xEDEAE2)),
        block((0.03, 0.13, 0.012), (-0.17, 0.06, 0.182), 0.003, tape),
        block((0.03, 0.13, 0.012), (0.17, 0.06, 0.182), 0.003, tape),
    ]
}

fn drawers() -> Vec<Part> {
    let white = Material::plain(0xF4F4F1).gloss(0.35);
    let clear = Material::plain(0xCFE0E4).gloss(0.6);
    let mut parts = vec![block((0.4, 0.66, 0.4), (0.0, 0.02, 0.0), 0.015, white)];
    for number in 0..3 {
        let y = 0.045 + 0.208 * number as f32;
        parts.push(block((0.36, 0.19, 0.02), (0.0, y, 0.2), 0.012, clear));
        parts.push(block((0.15, 0.025, 0.022), (0.0, y + 0.14, 0.213), 0.008, white));
    }
    for x in [-0.16, 0.16] {
        for z in [-0.16, 0.16] {
            parts.push(drum(0.02, 0.03, (x, 0.0, z), 0.004, Material::plain(0x6A6A6C)));
        }
    }
    parts
}

fn crate_of_wood() -> Vec<Part> {
    let pine = Material::wood(0xE2BC82);
    let mut parts = vec![block((0.5, 0.015, 0.34), (0.0, 0.0, 0.0), 0.0, pine)];
    for x in [-0.235, 0.235] {
        for z in [-0.155, 0.155] {
            parts.push(block((0.03, 0.29, 0.03), (x, 0.0, z), 0.002, pine));
        }
    }
    for number in 0..3 {
        let y = 0.01 + 0.1 * number as f32;
        for z in [-0.177, 0.177] {
            parts.push(block((0.52, 0.08, 0.014), (0.0, y, z), 0.002, pine));
        }
        for x in [-0.257, 0.257] {
            parts.push(block((0.014, 0.08, 0.34), (x, y, 0.0), 0.002, pine));
        }
    }
    parts
}

fn bin() -> Vec<Part> {
    let canvas = Material::plain(0xF1E8D8)
        .pattern(Pattern::Stripes, 0.11, 0x3F6C8F, 0x3F6C8F)
        .rotated()
        .relief(Relief::Creases, 0.12, 0.3);
    let rope = Material::plain(0xB58B57).relief(Relief::Ribs, 0.012, 0.6);
    let handle = Shape::Torus { radius: 0.06, thick: 0.01 };
    vec![
        Part::new(Shape::Tub { radius: 0.21, height: 0.4, wall: 0.012 }, at(0.0, 0.2, 0.0), canvas),
        Part::new(
            Shape::Torus { radius: 0.207, thick: 0.011 },
            at(0.0, 0.4, 0.0),
            Material::plain(0x3F6C8F),
        ),
        Part::new(handle.clone(), at(0.0, 0.33, 0.21), rope).rotated(Rotation::about_x(1.4)),
        Part::new(handle, at(0.0, 0.33, -0.21), rope).rotated(Rotation::about_x(-1.4)),
    ]
}
