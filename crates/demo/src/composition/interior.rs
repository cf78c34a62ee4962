//! Random interiors: floors, walls, windows and light; and the studio of catalogue pictures.

use crate::renderer::material::{Material, srgb};
use crate::renderer::pattern::Pattern;
use crate::renderer::relief::Relief;
use crate::renderer::room::{Room, Side, Window};
use crate::renderer::scene::{Light, Sun, tint};
use crate::renderer::vector::{Vec3, v};
use crate::rng::Rng;

/// A room and its lights.
pub(super) struct Interior {
    pub(crate) room: Room,
    pub(crate) key: Light,
    pub(crate) fill: Light,
    pub(crate) sun: Option<Sun>,
    pub(crate) ambient_above: Vec3,
    pub(crate) ambient_below: Vec3,
}

/// A random room by day or, lit by its lamp, in the evening; with a window in the back wall if `window_behind`.
pub(super) fn random_interior(rng: &mut Rng, window_behind: bool, evening: bool) -> Interior {
    let half_width = rng.between(1.9, 2.6);
    let low = v(-half_width, 0.0, rng.between(-2.2, -1.8));
    let high = v(half_width, rng.between(2.4, 2.65), rng.between(2.4, 3.2));
    let wall = wall(rng);
    let accent = if rng.chance(0.3) { feature_wall(rng) } else { wall };
    let side = if window_behind {
        Side::Back
    } else {
        rng.pick(&[Side::Left, Side::Right, Side::Left, Side::Right, Side::Front])
    };
    let window = Window {
        side,
        at: if window_behind { (0.0, 1.25) } else { (rng.between(-0.9, 0.9), 1.45) },
        half: if window_behind { (0.95, 0.85) } else { (rng.between(0.6, 0.95), 0.65) },
        frame: srgb(rng.pick(&[0xF4F2ED, 0xF4F2ED, 0x8A6A47, 0x35363A])),
        day: if evening {
            0.04
        } else if window_behind {
            1.15
        } else {
            1.5
        },
    };
    let skirting =
        rng.chance(0.8).then(|| srgb(rng.pick(&[0xF3F1EC, 0xF3F1EC, 0xE4DCCB, 0xA77B4C])));
    let ceiling = Material::plain(0xF4F2EE);
    let room = Room {
        low,
        high,
        floor: floor(rng),
        wall,
        accent,
        ceiling,
        skirting,
        window: Some(window),
        studio: false,
    };

    let lamp = Light {
        position: v(rng.between(-0.7, 0.7), high.y - 0.15, rng.between(-0.2, 1.4)),
        colour: tint(if evening { rng.between(0.3, 0.9) } else { rng.between(-0.1, 0.4) }),
        half_distance: 2.6,
        hardness: 5.0,
    };
    // A window behind a curtain does not light the product: daylight also comes from another one.
    let daylight_at = if window_behind {
        v(if rng.chance(0.5) { low.x } else { high.x } * 0.9, 1.7, 1.2)
    } else {
        room.window_centre().unwrap_or(lamp.position)
    };
    let day = Light {
        position: daylight_at,
        colour: tint(rng.between(-0.35, 0.25)),
        half_distance: 3.0,
        hardness: 4.5,
    };
    let scaled = |light: Light, by: f32| Light { colour: light.colour * by, ..light };
    let (key, fill) = if evening {
        (
            scaled(lamp, 0.85),
            scaled(Light { position: v(-lamp.position.x, 1.4, 1.8), ..lamp }, 0.12),
        )
    } else {
        (scaled(day, rng.between(0.75, 1.1)), scaled(lamp, rng.between(0.12, 0.4)))
    };
    let shines = !evening && !window_behind && rng.chance(0.45);
    let sun = shines.then(|| sun(side, rng));
    let walls = room.wall.mean().lerp(Vec3::splat(0.8), 0.5);
    let ambient_above = walls * rng.between(0.34, 0.46);
    let ambient_below = room.floor.mean().lerp(walls, 0.45) * rng.between(0.26, 0.36);
    Interior { room, key, fill, sun, ambient_above, ambient_below }
}

/// An infinite white background with soft light from the upper left.
pub(super) fn studio() -> Interior {
    let white = Material::plain(0xF2F2F2);
    let room = Room {
        low: v(-8.0, 0.0, -8.0),
        high: v(8.0, 8.0, 8.0),
        floor: white,
        wall: white,
        accent: white,
        ceiling: white,
        skirting: None,
        window: None,
        studio: true,
    };
    let key = Light {
        position: v(-2.4, 4.2, 3.6),
        colour: Vec3::splat(0.75),
        half_distance: 4.5,
        hardness: 3.0,
    };
    let fill = Light {
        position: v(3.5, 2.0, 3.5),
        colour: Vec3::splat(0.18),
        half_distance: 4.0,
        hardness: 3.0,
    };
    Interior {
        room,
        key,
        fill,
        sun: None,
        ambient_above: Vec3::splat(0.5),
        ambient_below: Vec3::splat(0.36),
    }
}

/// A sun that shines through a window in this side.
fn sun(side: Side, rng: &mut Rng) -> Sun {
    let (height, aslant) = (rng.between(0.45, 0.85), rng.between(-0.6, 0.6));
    let to = match side {
        Side::Left => v(-1.0, height, aslant),
        Side::Right => v(1.0, height, aslant),
        _ => v(aslant, height, 1.0),
    };
    Sun { to: to.normalised(), colour: tint(rng.between(0.1, 0.6)) * rng.between(1.0, 2.0) }
}

fn floor(rng: &mut Rng) -> Material {
    let tones = [
        (0xC99A63, 0x9C6C3C),
        (0xE0C49A, 0xBE9A68),
        (0x8A5A36, 0x5E3A20),
        (0xA98B6C, 0x7B624A),
        (0xD8D0C4, 0xB0A594),
    ];
    let (light, dark) = rng.pick(&tones);
    match rng.below(10) {
        0..=4 => {
            let planks = Material::plain(light)
                .pattern(Pattern::Planks, rng.between(0.1, 0.18), dark, 0x3A2818)
                .gloss(rng.between(0.1, 0.35));
            if rng.chance(0.5) { planks.rotated() } else { planks }
        }
        5 => Material::plain(light).pattern(Pattern::Herringbone, 0.11, dark, 0x3A2818).gloss(0.2),
        6 => Material::plain(rng.pick(&[0xDAD6CE, 0xB9B6B0, 0xE8E2D6]))
            .pattern(Pattern::Tiles, rng.between(0.3, 0.6), 0xC9C2B6, 0x8C867C)
            .gloss(0.4),
        7 => Material::plain(0xE6E1D8)
            .pattern(Pattern::Terrazzo, 0.05, 0xA7826A, 0x5F6A6C)
            .gloss(0.35),
        8 => Material::plain(rng.pick(&[0xB9AFA0, 0x8F9597, 0xA79C8C]))
            .relief(Relief::Fleece, 0.02, 0.4)
            .gloss(0.0),
        _ => {
            Material::plain(0xA8A49D).pattern(Pattern::Melange, 0.5, 0x8E8A84, 0x8E8A84).gloss(0.2)
        }
    }
}

fn wall(rng: &mut Rng) -> Material {
    let paints = [
        0xF1EDE4, 0xEDE6D8, 0xE5E3DE, 0xF4F2EE, 0xDCE3E0, 0xE7DDD2, 0xD5DBE0, 0xEADFCB, 0xCBD3C4,
        0xE3CFC4, 0xB9C6C0, 0xC9B8A6, 0xA9B7C4, 0xE6CFA6, 0xD9B9AE, 0x9DAA96, 0xBFB5C4, 0x8796A1,
    ];
    Material::plain(rng.pick(&paints)).gloss(0.0)
}

fn feature_wall(rng: &mut Rng) -> Material {
    match rng.below(7) {
        0 => {
            Material::plain(0xE9E4DA).pattern(Pattern::Bricks, 0.13, 0xD6CFC2, 0xC9C3B8).gloss(0.0)
        }
        1 => {
            Material::plain(0xB0664A).pattern(Pattern::Bricks, 0.13, 0x8A4A35, 0xCFC5B6).gloss(0.0)
        }
        2 => {
            Material::plain(0xEFE9DC).pattern(Pattern::Stripes, 0.24, 0xE0D6C2, 0xE0D6C2).gloss(0.0)
        }
        3 => {
            Material::plain(0xEDE7DB).pattern(Pattern::Leaves, 0.35, 0xC9D2BD, 0xD8D9C4).gloss(0.0)
        }
        4 => Material::plain(rng.pick(&[0xC8D0C0, 0xD9C2B0, 0xAFC0CA])).relief(
            Relief::Grooves,
            0.12,
            0.5,
        ),
        5 => Material::plain(rng.pick(&[0x5C7466, 0x40566B, 0xA8604A, 0x6E6A7E, 0xC99A4B]))
            .gloss(0.0),
        _ => Material::plain(0xF2EDE4)
            .pattern(Pattern::Windowpane, 0.4, 0xE2DACB, 0xE8E2D6)
            .gloss(0.0),
    }
}
