//! Rooms: floor, walls, ceiling and a window, seen from inside.

use crate::renderer::material::{Material, Surface};
use crate::renderer::noise::step;
use crate::renderer::sdf::UvMapping;
use crate::renderer::vector::{Vec3, v};

/// The sides of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Floor,
    Ceiling,
    Left,
    Right,
    Back,
    Front,
}

/// A window in a wall, with daylight behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) side: Side,
    /// Its middle: along the wall, and above the floor.
    pub(crate) at: (f32, f32),
    /// Half its width and height.
    pub(crate) half: (f32, f32),
    pub(crate) frame: Vec3,
    /// How bright the day is, against white paper in the room.
    pub(crate) day: f32,
}

/// The floor is at y = 0, the back wall at the lowest z.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) low: Vec3,
    pub(crate) high: Vec3,
    pub(crate) floor: Material,
    pub(crate) wall: Material,
    /// The back wall, where it differs.
    pub(crate) accent: Material,
    pub(crate) ceiling: Material,
    pub(crate) skirting: Option<Vec3>,
    pub(crate) window: Option<Window>,
    /// An infinite white background, for catalogue pictures.
    pub(crate) studio: bool,
}

impl Room {
    /// The distance to the side that a ray from inside hits, and that side.
    pub(crate) fn intersect(&self, origin: Vec3, d: Vec3) -> (f32, Side) {
        let axis = |o: f32, d: f32, low: f32, high: f32| {
            if d.abs() < 1e-9 {
                f32::INFINITY
            } else {
                ((if d > 0.0 { high } else { low }) - o) / d
            }
        };
        let x = axis(origin.x, d.x, self.low.x, self.high.x);
        let y = axis(origin.y, d.y, self.low.y, self.high.y);
        let z = axis(origin.z, d.z, self.low.z, self.high.z);
        if y <= x && y <= z {
            (y, if d.y > 0.0 { Side::Ceiling } else { Side::Floor })
        } else if x <= z {
            (x, if d.x > 0.0 { Side::Right } else { Side::Left })
        } else {
            (z, if d.z > 0.0 { Side::Front } else { Side::Back })
        }
    }

    /// The distance of a point inside from the nearest side.
    pub(crate) fn distance(&self, p: Vec3) -> f32 {
        if self.studio {
            return p.y;
        }
        let sides = (p - self.low).min(self.high - p);
        sides.x.min(sides.y).min(sides.z)
    }

    /// A point moved inside, `margin` from every side.
    pub(crate) fn inside(&self, p: Vec3, margin: f32) -> Vec3 {
        p.max(self.low + Vec3::splat(margin)).min(self.high - Vec3::splat(margin))
    }

    pub(crate) fn surface(&self, p: Vec3, side: Side) -> Surface {
        let (normal, material) = match side {
            Side::Floor => (Vec3::UP, &self.floor),
            Side::Ceiling => (-Vec3::UP, &self.ceiling),
            Side::Left => (v(1.0, 0.0, 0.0), &self.wall),
            Side::Right => (v(-1.0, 0.0, 0.0), &self.wall),
            Side::Back => (v(0.0, 0.0, 1.0), &self.accent),
            Side::Front => (v(0.0, 0.0, -1.0), &self.wall),
        };
        let plain = |colour: Vec3, emission: f32| Surface { colour, normal, gloss: 0.1, emission };
        if self.studio {
            let white = Vec3::splat(0.82);
            let far = step(1.2, 3.2, v(p.x, 0.0, p.z).length());
            return plain(white, if side == Side::Floor { far } else { 1.0 });
        }
        if let Some(window) = self.window.filter(|window| window.side == side)
            && let Some((colour, emission)) = window.colour_at(p)
        {
            return plain(colour, emission);
        }
        if let Some(paint) = self.skirting
            && !matches!(side, Side::Floor | Side::Ceiling)
            && p.y < 0.09
        {
            let edge = 1.0 - 0.5 * step(0.08, 0.086, p.y);
            return plain(paint * edge, 0.0);
        }
        material.sample(p, normal, Vec3::splat(3.0), UvMapping::Box)
    }

    /// The fraction of the sun in direction `to` that reaches a point through the window, 0 to 1, and the distance of the
    /// window.
    pub(crate) fn sunlit(&self, point: Vec3, to: Vec3) -> (f32, f32) {
        let (distance, side) = self.intersect(point, to);
        let open = match self.window {
            Some(window) if window.side == side => window.transmittance(point + to * distance),
            _ => 0.0,
        };
        (open, distance)
    }

    /// The middle of the window, slightly inside the room.
    pub(crate) fn window_centre(&self) -> Option<Vec3> {
        let window = self.window?;
        let (along, y) = window.at;
        Some(match window.side {
            Side::Left => v(self.low.x + 0.05, y, along),
            Side::Right => v(self.high.x - 0.05, y, along),
            Side::Front => v(along, y, self.high.z - 0.05),
            _ => v(along, y, self.low.z + 0.05),
        })
    }
}

impl Window {
    /// A point of its wall relative to its centre: along the wall, and up.
    fn within(&self, p: Vec3) -> (f32, f32) {
        let along = if matches!(self.side, Side::Left | Side::Right) { p.z } else { p.x };
        (along - self.at.0, p.y - self.at.1)
    }

    /// Transmittance: 1 in the panes, 0 at the frame and beside it, with soft edges.
    fn transmittance(&self, p: Vec3) -> f32 {
        let (x, y) = self.within(p);
        let out = (x.abs() - self.half.0).max(y.abs() - self.half.1);
        (1.0 - step(-0.03, 0.01, out)) * step(0.015, 0.045, x.abs())
    }

    /// Colour and emission of a point on its wall; `None` outside the window.
    fn colour_at(&self, p: Vec3) -> Option<(Vec3, f32)> {
        let (x, y) = self.within(p);
        let (out_x, out_y) = (x.abs() - self.half.0, y.abs() - self.half.1);
        let out = out_x.max(out_y);
        if out > 0.07 {
            return None;
        }
        let bar = x.abs() < 0.025 || (self.half.1 > 0.8 && (y - self.half.1 * 0.35).abs() < 0.02);
        if out > 0.0 || bar {
            // The edges of the frame are darker.
            let edge = if out > 0.06 || (0.0..0.008).contains(&out) { 0.6 } else { 0.95 };
            return Some((self.frame * edge, 0.12));
        }
        let height = y / self.half.1;
        let sky = v(0.80, 0.90, 1.0).lerp(v(0.62, 0.78, 1.0), (height * 0.5 + 0.5).clamp(0.0, 1.0));
        let trees = 0.12 * (x * 5.0).sin() + 0.07 * (x * 13.0 + 1.0).sin() - 0.45;
        let view = v(0.42, 0.52, 0.33).lerp(sky, step(trees - 0.15, trees + 0.15, height));
        Some((view, self.day))
    }
}
