//! Props: furniture and clutter that the shop does not sell.

use std::f32::consts::FRAC_PI_2;

use super::{at, block, drum, legs};
use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::pattern::Pattern;
use crate::renderer::relief::Relief;
use crate::renderer::sdf::Shape;
use crate::renderer::vector::Rotation;
use crate::rng::Rng;

/// Height of [`bedstead`]'s slats and of [`bed`]'s top.
pub(crate) const BEDSTEAD_HEIGHT: f32 = 0.28;
/// Height of [`low_table`].
pub(crate) const LOW_TABLE_HEIGHT: f32 = 0.5;

const WOODS: [u32; 5] = [0xD8A868, 0xB98248, 0x7B4E2E, 0xE6CDA4, 0x4A3326];
const COLOURS: [u32; 12] = [
    0xC65D4A, 0xE0A93F, 0x5E8C6A, 0x3E6B8A, 0x8E6BA0, 0xD9C6A5, 0xEDE9E0, 0x4B4F57, 0xB7C7C9,
    0xDE9AA0, 0x7A8B4F, 0x9C5B3B,
];

fn a_wood(rng: &mut Rng) -> Material {
    Material::wood(rng.pick(&WOODS))
}

fn a_colour(rng: &mut Rng) -> Material {
    Material::plain(rng.pick(&COLOURS)).gloss(rng.between(0.0, 0.3))
}

/// A frame with slats and a headboard; a mattress lies on [`BEDSTEAD_HEIGHT`].
pub(crate) fn bedstead(rng: &mut Rng) -> Object {
    let wood = a_wood(rng);
    let mut parts = legs((0.68, 0.94), 0.2, 0.0, (0.03, 0.03), wood);
    parts.push(block((1.5, 0.1, 2.06), (0.0, BEDSTEAD_HEIGHT - 0.1, 0.0), 0.01, wood));
    parts.push(block((1.54, rng.between(0.75, 1.0), 0.05), (0.0, 0.1, -1.05), 0.02, wood));
    Object::new(parts)
}

/// A made bed without bedding, its top at 0.5.
pub(crate) fn bed(rng: &mut Rng) -> Object {
    let head = if rng.chance(0.5) { a_wood(rng) } else { Material::cloth(rng.pick(&COLOURS)) };
    let sheet = Material::plain(rng.pick(&[0xF2F0EB, 0xE4DED2, 0xD5DADF])).gloss(0.0);
    Object::new(vec![
        block((1.5, 0.24, 2.04), (0.0, 0.06, 0.0), 0.02, head),
        block((1.44, 0.22, 1.98), (0.0, 0.28, 0.0), 0.06, sheet.relief(Relief::Creases, 0.3, 0.3)),
        block((1.58, rng.between(0.95, 1.15), 0.09), (0.0, 0.0, -1.06), 0.03, head),
    ])
}

/// A table for lamps.
pub(crate) fn low_table(rng: &mut Rng) -> Object {
    let wood = if rng.chance(0.7) { a_wood(rng) } else { Material::plain(0xEFEDE8).gloss(0.3) };
    let mut parts = legs((0.24, 0.18), LOW_TABLE_HEIGHT - 0.03, 0.03, (0.014, 0.02), wood);
    parts.push(block((0.62, 0.03, 0.48), (0.0, LOW_TABLE_HEIGHT - 0.03, 0.0), 0.01, wood));
    if rng.chance(0.6) {
        parts.push(block((0.52, 0.1, 0.4), (0.0, LOW_TABLE_HEIGHT - 0.13, 0.0), 0.005, wood));
    }
    Object::new(parts)
}

pub(crate) fn plant(rng: &mut Rng) -> Object {
    let pot = a_colour(rng);
    let height = rng.between(0.35, 0.9);
    let shape = Shape::Cone { bottom: 0.09, top: 0.13, height: 0.22, wall: None };
    let mut parts = vec![Part::new(shape, at(0.0, 0.11, 0.0), pot)];
    let green = [0x3F6B3A, 0x5C8A4A, 0x2F5538, 0x7FA05A];
    let leaf = Material::plain(rng.pick(&green)).gloss(0.2);
    for number in 0..11 {
        let angle = number as f32 * 2.4 + rng.between(-0.3, 0.3);
        let lean = rng.between(0.25, 1.0);
        let length = height * rng.between(0.35, 0.6);
        let (s, c) = angle.sin_cos();
        let radii = at(0.05, length, 0.012);
        let middle =
            at(s * lean * length * 0.8, 0.2 + length * (1.2 - 0.5 * lean), c * lean * length * 0.8);
        let turn = Rotation::about_x(lean).then(&Rotation::about_y(angle));
        parts.push(Part::new(Shape::Ellipsoid { radii }, middle, leaf).rotated(turn));
    }
    Object::new(parts)
}

fn books(rng: &mut Rng) -> Object {
    let mut parts = Vec::new();
    let mut y = 0.0;
    for _ in 0..2 + rng.below(4) {
        let thick = rng.between(0.018, 0.045);
        let book = block(
            (rng.between(0.16, 0.24), thick, rng.between(0.13, 0.18)),
            (0.0, y, 0.0),
            0.003,
            a_colour(rng),
        );
        parts.push(book.rotated(Rotation::about_y(rng.between(-0.3, 0.3))));
        y += thick;
    }
    Object::new(parts)
}

fn mug(rng: &mut Rng) -> Object {
    let glaze = a_colour(rng).gloss(0.5);
    let handle = Shape::Torus { radius: 0.027, thick: 0.006 };
    Object::new(vec![
        Part::new(
            Shape::Tub { radius: 0.042, height: 0.095, wall: 0.005 },
            at(0.0, 0.048, 0.0),
            glaze,
        ),
        Part::new(handle, at(0.05, 0.05, 0.0), glaze).rotated(Rotation::about_x(FRAC_PI_2)),
    ])
}

fn cushion(rng: &mut Rng) -> Object {
    let cloth = a_colour(rng).gloss(0.0);
    let cloth = match rng.below(4) {
        0 => cloth.pattern(Pattern::Stripes, 0.08, 0xF0EBE0, 0xF0EBE0),
        1 => cloth.pattern(Pattern::Chevron, 0.1, 0xF0EBE0, 0xF0EBE0),
        2 => cloth.pattern(Pattern::Waves, 0.11, 0xE8DCC5, 0xE8DCC5),
        _ => cloth.relief(Relief::Knit, 0.03, 0.6),
    };
    let shape = Shape::Pillow { half: at(0.22, 0.1, 0.22) };
    Object::new(vec![Part::new(shape, at(0.0, 0.09, 0.0), cloth)])
}

fn carton(rng: &mut Rng) -> Object {
    let card = Material::plain(0xB98F5E).gloss(0.0);
    let (w, h, d) = (rng.between(0.25, 0.45), rng.between(0.18, 0.36), rng.between(0.22, 0.36));
    Object::new(vec![
        block((w, h, d), (0.0, 0.0, 0.0), 0.004, card),
        block(
            (0.05, 0.004, d + 0.004),
            (0.0, h - 0.002, 0.0),
            0.001,
            Material::plain(0xD8C08C).gloss(0.4),
        ),
    ])
}

fn teddy(rng: &mut Rng) -> Object {
    let fur = Material::plain(rng.pick(&[0xA9743F, 0xD9B88A, 0x7D5A44, 0xC9C2B8]))
        .relief(Relief::Fleece, 0.015, 0.6)
        .gloss(0.0);
    let ball = |x: f32, y: f32, z: f32, r: f32| {
        (Shape::Ellipsoid { radii: at(r, r * 1.1, r) }, at(x, y, z))
    };
    let shapes = vec![
        ball(0.0, -0.05, 0.0, 0.11),
        ball(0.0, 0.11, 0.01, 0.085),
        ball(-0.065, 0.18, 0.0, 0.03),
        ball(0.065, 0.18, 0.0, 0.03),
        ball(-0.08, -0.14, 0.09, 0.045),
        ball(0.08, -0.14, 0.09, 0.045),
        ball(-0.12, 0.0, 0.05, 0.038),
        ball(0.12, 0.0, 0.05, 0.038),
        ball(0.0, 0.09, 0.08, 0.034),
    ];
    let dark = Material::plain(0x1C1714).gloss(0.6);
    let bead = |x: f32, y: f32, z: f32| {
        Part::new(Shape::Ellipsoid { radii: at(0.011, 0.011, 0.011) }, at(x, y, z), dark)
    };
    Object::new(vec![
        Part::new(Shape::Blend { shapes, reach: 0.03 }, at(0.0, 0.19, 0.0), fur),
        bead(-0.03, 0.325, 0.085),
        bead(0.03, 0.325, 0.085),
        bead(0.0, 0.292, 0.124),
    ])
}

fn ball(rng: &mut Rng) -> Object {
    let r = rng.between(0.07, 0.13);
    let rubber =
        a_colour(rng).pattern(Pattern::Stripes, r, 0xF2EEE4, 0xF2EEE4).rotated().gloss(0.4);
    Object::new(vec![Part::new(Shape::Ellipsoid { radii: at(r, r, r) }, at(0.0, r, 0.0), rubber)])
}

fn slippers(rng: &mut Rng) -> Object {
    let felt = a_colour(rng).gloss(0.0);
    let mut parts = Vec::new();
    for x in [-0.06, 0.065] {
        parts.push(block((0.09, 0.02, 0.25), (x, 0.0, 0.02 * x * 20.0), 0.009, felt));
        let toe = Shape::Ellipsoid { radii: at(0.046, 0.045, 0.075) };
        parts.push(Part::new(toe, at(x, 0.022, 0.05 + 0.02 * x * 20.0), felt));
    }
    Object::new(parts)
}

fn clothes(rng: &mut Rng) -> Object {
    let mut heap = Vec::new();
    for _ in 0..3 {
        let cloth = a_colour(rng).gloss(0.0).relief(Relief::Creases, 0.12, 0.8);
        let half = at(rng.between(0.13, 0.24), rng.between(0.04, 0.07), rng.between(0.1, 0.17));
        let shape = Shape::Soft { half, round: 0.04, wrinkle: 0.012, phase: rng.between(0.0, 6.0) };
        let position = at(rng.between(-0.1, 0.1), half.y, rng.between(-0.1, 0.1));
        heap.push(
            Part::new(shape, position, cloth).rotated(Rotation::about_y(rng.between(0.0, 3.0))),
        );
    }
    Object::new(heap)
}

fn stool(rng: &mut Rng) -> Object {
    let wood = a_wood(rng);
    let mut parts = legs((0.1, 0.1), 0.42, 0.05, (0.013, 0.017), wood);
    parts.push(drum(
        0.17,
        0.04,
        (0.0, 0.42, 0.0),
        0.015,
        if rng.chance(0.5) { wood } else { a_colour(rng) },
    ));
    Object::new(parts)
}

/// A random prop for the floor.
pub(crate) fn on_floor(rng: &mut Rng) -> Object {
    match rng.below(10) {
        0 | 1 => plant(rng),
        2 => books(rng),
        3 => cushion(rng),
        4 => carton(rng),
        5 => teddy(rng),
        6 => ball(rng),
        7 => slippers(rng),
        8 => clothes(rng),
        _ => stool(rng),
    }
}

/// A random small prop, for a table or a bed.
pub(crate) fn small(rng: &mut Rng) -> Object {
    match rng.below(3) {
        0 => books(rng),
        1 => mug(rng),
        _ => teddy(rng),
    }
}

/// A picture for a wall; its middle is the origin, its back at z = 0.
pub(crate) fn picture(rng: &mut Rng) -> Object {
    let (w, h) = (rng.between(0.3, 0.6), rng.between(0.35, 0.7));
    let patterns =
        [Pattern::Waves, Pattern::Leaves, Pattern::Flowers, Pattern::Diamonds, Pattern::Rings];
    let print = Material::plain(rng.pick(&COLOURS)).pattern(
        rng.pick(&patterns),
        rng.between(0.12, 0.3),
        rng.pick(&COLOURS),
        rng.pick(&COLOURS),
    );
    Object::new(vec![
        block((w + 0.05, h + 0.05, 0.03), (0.0, -h * 0.5 - 0.025, 0.015), 0.004, a_wood(rng)),
        block((w, h, 0.004), (0.0, -h * 0.5, 0.031), 0.0, Material::plain(0xF4F1EA)),
        block((w * 0.74, h * 0.74, 0.004), (0.0, -h * 0.37, 0.033), 0.0, print),
    ])
}
