//! Models of the shop's products: open shelves and bookcases.

use super::{Placement, ProductSpec, at, block};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::sdf::Shape;
use crate::shop::Category;

pub(super) fn specs() -> Vec<ProductSpec> {
    let spec = |id, english, korean, list_price, parts| ProductSpec {
        id,
        english,
        korean,
        list_price,
        category: Category::Shelf,
        placement: Placement::Wall,
        model: Object::new(parts),
    };
    let white = Material::plain(0xF2F0EC).gloss(0.15);
    let walnut = Material::wood(0x7A4C2D);
    vec![
        spec("steel-shelf", "Oak and steel shelf", "참나무 스틸 선반", 119_000, steel()),
        spec("white-bookcase", "White bookcase", "화이트 책장", 129_000, bookcase(white, white, 5)),
        spec(
            "walnut-bookcase",
            "Walnut bookcase",
            "호두나무 책장",
            149_000,
            bookcase(walnut, walnut, 5),
        ),
        spec("cube-shelf", "Cube shelf with coloured backs", "컬러 큐브 선반", 99_000, cubes()),
    ]
}

fn steel() -> Vec<Part> {
    let oak = Material::wood(0xD0A063);
    let black = Material::metal(0x232325);
    let mut parts = Vec::new();
    for x in [-0.44, 0.44] {
        for z in [-0.16, 0.16] {
            parts.push(block((0.026, 1.5, 0.026), (x, 0.0, z), 0.003, black));
        }
        for y in [0.12, 1.47] {
            parts.push(block((0.02, 0.02, 0.32), (x, y, 0.0), 0.002, black));
        }
    }
    for y in [0.14, 0.56, 0.98, 1.4] {
        parts.push(block((0.9, 0.035, 0.36), (0.0, y, 0.0), 0.004, oak));
    }
    let (low, high) = (at(-0.43, 0.16, -0.17), at(0.43, 1.44, -0.17));
    parts.push(Part::rod(low, high, (0.006, 0.006), black));
    parts.push(Part::rod(at(0.43, 0.16, -0.17), at(-0.43, 1.44, -0.17), (0.006, 0.006), black));
    parts.extend(books(0.16 + 0.435, 0.9, 2));
    parts.extend(books(0.16 + 0.015, 0.9, 1));
    parts
}

fn bookcase(wood: Material, back: Material, shelves: u32) -> Vec<Part> {
    let (width, height, depth) = (0.8, 1.7, 0.28);
    let mut parts = vec![block((width, height, 0.012), (0.0, 0.0, -depth * 0.5), 0.0, back)];
    for x in [-1.0, 1.0] {
        parts.push(block(
            (0.022, height, depth),
            (x * (width - 0.022) * 0.5, 0.0, 0.0),
            0.002,
            wood,
        ));
    }
    for number in 0..=shelves {
        let y = 0.05 + number as f32 * (height - 0.072) / shelves as f32;
        parts.push(block((width - 0.02, 0.022, depth), (0.0, y, 0.0), 0.002, wood));
    }
    parts.push(block((width - 0.02, 0.05, 0.02), (0.0, 0.0, depth * 0.4), 0.0, wood));
    let gap = (height - 0.072) / shelves as f32;
    parts.extend(books(0.072 + gap, width, 0));
    parts.extend(books(0.072 + gap * 3.0, width, 3));
    parts
}

/// A few books and a vase on a board at `y`.
fn books(y: f32, width: f32, kind: u32) -> Vec<Part> {
    let colours = [0x7C3B34, 0x2F4D63, 0xC9B48A, 0x3E5B45, 0xA8683A];
    let pick = |n: u32| Material::plain(colours[((kind * 2 + n) % 5) as usize]);
    let mut parts = Vec::new();
    for number in 0..4 {
        let x =
            -width * 0.34 + 0.055 * number as f32 + if kind % 2 == 1 { width * 0.36 } else { 0.0 };
        let shape = Shape::Row {
            half: at(0.012, 0.1 - 0.006 * number as f32, 0.075),
            round: 0.002,
            count: 2,
            gap: 0.027,
        };
        let up = shape.half().y;
        parts.push(Part::new(shape, at(x, y + up, 0.0), pick(number)));
    }
    let vase = Shape::Blend {
        shapes: vec![
            (Shape::Ellipsoid { radii: at(0.055, 0.06, 0.055) }, at(0.0, -0.03, 0.0)),
            (Shape::Cylinder { radius: 0.022, height: 0.09, round: 0.005 }, at(0.0, 0.05, 0.0)),
        ],
        reach: 0.04,
    };
    let x = if kind % 2 == 1 { -width * 0.25 } else { width * 0.27 };
    parts.push(Part::new(vase, at(x, y + 0.085, 0.0), Material::plain(0xD8CFC2).gloss(0.4)));
    parts
}

fn cubes() -> Vec<Part> {
    let white = Material::plain(0xF2EFE9).gloss(0.15);
    let backs = [0xE3A33B, 0x7FA7A0, 0xD9765F, 0x7FA7A0, 0xE3A33B, 0xD9765F];
    let (cell, depth) = (0.38, 0.32);
    let mut parts = Vec::new();
    for (number, hex) in backs.into_iter().enumerate() {
        let x = (number % 2) as f32 * cell - cell * 0.5;
        let y = (number / 2) as f32 * cell;
        parts.push(block(
            (cell, cell, 0.015),
            (x, y + 0.02, -depth * 0.5),
            0.0,
            Material::plain(hex),
        ));
    }
    for column in 0..3 {
        let x = (column as f32 - 1.0) * cell;
        parts.push(block((0.03, cell * 3.0 + 0.03, depth), (x, 0.0, 0.0), 0.002, white));
    }
    for row in 0..4 {
        parts.push(block(
            (cell * 2.0 + 0.03, 0.03, depth),
            (0.0, row as f32 * cell, 0.0),
            0.002,
            white,
        ));
    }
    parts
}
