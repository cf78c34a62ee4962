//! Models of the shop's products: chairs, stools and armchairs.

use super::{Placement, ProductSpec, at, block, drum, legs};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::pattern::Pattern;
use crate::renderer::relief::Relief;
use crate::renderer::sdf::Shape;
use crate::renderer::vector::Rotation;
use crate::shop::Category;

pub(super) fn specs() -> Vec<ProductSpec> {
    let oak = Material::wood(0xD9A766);
    let walnut = Material::wood(0x7A4A2B);
    let spec = |id, english, korean, list_price, parts| ProductSpec {
        id,
        english,
        korean,
        list_price,
        category: Category::Chair,
        placement: Placement::Floor,
        model: Object::new(parts),
    };
    vec![
        spec("oak-chair", "Oak chair", "참나무 의자", 89_000, spindle(oak)),
        spec("walnut-chair", "Walnut chair", "호두나무 의자", 99_000, spindle(walnut)),
        spec(
            "shell-chair",
            "White shell chair",
            "화이트 쉘 체어",
            69_000,
            shell(Material::plain(0xF2F0EA).gloss(0.35)),
        ),
        spec("grey-armchair", "Grey armchair", "그레이 패브릭 암체어", 249_000, armchair()),
        spec("velvet-tub-chair", "Green velvet tub chair", "그린 벨벳 라운지 체어", 189_000, tub()),
        spec("office-chair", "Office chair", "사무용 의자", 159_000, office()),
    ]
}

fn spindle(wood: Material) -> Vec<Part> {
    let mut parts = legs((0.17, 0.17), 0.43, 0.04, (0.014, 0.021), wood);
    parts.push(block((0.44, 0.04, 0.43), (0.0, 0.43, 0.0), 0.018, wood));
    for x in [-0.19, 0.19] {
        parts.push(Part::rod(at(x, 0.45, -0.18), at(x * 1.06, 0.84, -0.27), (0.018, 0.014), wood));
    }
    for x in [-0.114, -0.038, 0.038, 0.114] {
        parts.push(Part::rod(at(x, 0.46, -0.185), at(x, 0.79, -0.265), (0.009, 0.009), wood));
    }
    let rail = Shape::Box { half: at(0.225, 0.055, 0.012), round: 0.01 };
    parts.push(Part::new(rail, at(0.0, 0.82, -0.268), wood).rotated(Rotation::about_x(-0.2)));
    parts.push(Part::rod(at(-0.19, 0.2, 0.0), at(0.19, 0.2, 0.0), (0.009, 0.009), wood));
    for x in [-0.185, 0.185] {
        parts.push(Part::rod(at(x, 0.2, -0.19), at(x, 0.2, 0.19), (0.009, 0.009), wood));
    }
    parts
}

fn shell(seat: Material) -> Vec<Part> {
    let wood = Material::wood(0xE0B478);
    let mut parts = legs((0.13, 0.12), 0.4, 0.1, (0.012, 0.019), wood);
    let back = Shape::Arc { radius: 0.23, height: 0.34, wall: 0.012, reach: 1.25 };
    let bucket = Shape::Blend {
        shapes: vec![
            (Shape::Ellipsoid { radii: at(0.24, 0.035, 0.24) }, at(0.0, -0.17, 0.03)),
            (back, at(0.0, 0.03, 0.0)),
            (
                Shape::Arc { radius: 0.225, height: 0.12, wall: 0.014, reach: 2.0 },
                at(0.0, -0.09, 0.0),
            ),
        ],
        reach: 0.09,
    };
    parts.push(Part::new(bucket, at(0.0, 0.61, 0.0), seat).rotated(Rotation::about_x(-0.1)));
    let dark = Material::metal(0x2A2A2C);
    parts.push(Part::rod(at(-0.14, 0.3, -0.13), at(0.14, 0.3, 0.13), (0.006, 0.006), dark));
    parts.push(Part::rod(at(0.14, 0.3, -0.13), at(-0.14, 0.3, 0.13), (0.006, 0.006), dark));
    parts
}

fn armchair() -> Vec<Part> {
    let cloth = Material::cloth(0x8C9098).pattern(Pattern::Melange, 0.03, 0x6E737C, 0xA5A9B0);
    let wood = Material::wood(0x6B4428);
    let mut parts = legs((0.27, 0.26), 0.16, 0.04, (0.015, 0.024), wood);
    parts.push(block((0.74, 0.17, 0.7), (0.0, 0.15, 0.0), 0.05, cloth));
    parts.push(block((0.54, 0.16, 0.58), (0.0, 0.3, 0.06), 0.065, cloth));
    for x in [-0.32, 0.32] {
        parts.push(block((0.15, 0.42, 0.7), (x, 0.17, 0.0), 0.065, cloth));
    }
    let back = Shape::Box { half: at(0.37, 0.33, 0.085), round: 0.075 };
    parts.push(Part::new(back, at(0.0, 0.55, -0.3), cloth).rotated(Rotation::about_x(-0.14)));
    let cushion = Shape::Pillow { half: at(0.24, 0.1, 0.2) };
    parts.push(Part::new(cushion, at(0.0, 0.6, -0.15), cloth).rotated(Rotation::about_x(1.35)));
    parts
}

fn tub() -> Vec<Part> {
    let velvet = Material::plain(0x1F6B4F).relief(Relief::Fleece, 0.012, 0.25).gloss(0.12);
    let ribbed = velvet.relief(Relief::Ribs, 0.075, 0.75);
    let brass = Material::metal(0xC9A24B);
    let mut parts = legs((0.2, 0.2), 0.2, 0.05, (0.01, 0.014), brass);
    parts.push(drum(0.32, 0.14, (0.0, 0.18, 0.0), 0.04, velvet));
    parts.push(drum(0.28, 0.13, (0.0, 0.3, 0.03), 0.055, velvet));
    let back = Shape::Arc { radius: 0.31, height: 0.46, wall: 0.055, reach: 1.75 };
    parts.push(Part::new(back, at(0.0, 0.49, 0.0), ribbed));
    parts
}

fn office() -> Vec<Part> {
    let mesh = Material::plain(0x2B2D31).pattern(Pattern::Checks, 0.012, 0x17181A, 0x17181A);
    let black = Material::plain(0x1B1C1E).gloss(0.4);
    let seat = Material::cloth(0x33363C);
    let mut parts = vec![
        Part::rod(at(0.0, 0.09, 0.0), at(0.0, 0.42, 0.0), (0.03, 0.022), Material::metal(0x9A9DA3)),
        block((0.5, 0.08, 0.48), (0.0, 0.44, 0.02), 0.038, seat),
        block((0.05, 0.26, 0.03), (0.0, 0.42, -0.27), 0.012, black),
    ];
    for number in 0..5 {
        let (s, c) = (number as f32 * 1.2566).sin_cos();
        parts.push(Part::rod(
            at(0.0, 0.11, 0.0),
            at(s * 0.31, 0.08, c * 0.31),
            (0.024, 0.016),
            black,
        ));
        let wheel = Shape::Ellipsoid { radii: at(0.03, 0.03, 0.03) };
        parts.push(Part::new(wheel, at(s * 0.31, 0.03, c * 0.31), black));
    }
    let back = Shape::Box { half: at(0.235, 0.29, 0.02), round: 0.018 };
    parts.push(Part::new(back, at(0.0, 0.86, -0.27), mesh).rotated(Rotation::about_x(-0.1)));
    let rim = |y: f32, h: f32, z: f32| {
        let shape = Shape::Box { half: at(0.245, h, 0.026), round: 0.02 };
        Part::new(shape, at(0.0, y, z), black).rotated(Rotation::about_x(-0.1))
    };
    parts.extend([rim(1.135, 0.024, -0.298), rim(0.585, 0.024, -0.242)]);
    for x in [-0.28, 0.28] {
        parts.push(block((0.035, 0.2, 0.04), (x, 0.47, -0.04), 0.012, black));
        parts.push(block((0.075, 0.032, 0.26), (x, 0.66, 0.0), 0.014, black));
        parts.push(Part::rod(at(x, 0.47, -0.04), at(0.0, 0.45, -0.04), (0.014, 0.014), black));
    }
    parts
}
