//! What can be photographed: a room, things, light; and the light that comes from a point of it.

use crate::material::Surface;
use crate::object::Object;
use crate::room::{Room, Side};
use crate::vector::{Vec3, v};

/// A lamp or a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Light {
    pub(crate) at: Vec3,
    /// At `reach` metres half of it is left.
    pub(crate) colour: Vec3,
    pub(crate) reach: f32,
    /// How many times nearer than wide it is: large for hard shadows.
    pub(crate) sharp: f32,
}

/// The sun, as it shines through the window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sun {
    /// Towards it, length 1.
    pub(crate) to: Vec3,
    pub(crate) colour: Vec3,
}

#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) room: Room,
    pub(crate) objects: Vec<Object>,
    /// The one with shadows.
    pub(crate) key: Light,
    pub(crate) fill: Light,
    pub(crate) sun: Option<Sun>,
    /// Light from everywhere: from above, and thrown back by the floor.
    pub(crate) above: Vec3,
    pub(crate) below: Vec3,
}

/// What a ray meets first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Met {
    Room(Side),
    /// Numbers of an object and of its part.
    Part(usize, usize),
}

impl Scene {
    pub(crate) fn meet(&self, origin: Vec3, direction: Vec3) -> (f32, Met) {
        let (mut nearest, side) = self.room.meet(origin, direction);
        let mut met = Met::Room(side);
        for (number, object) in self.objects.iter().enumerate() {
            if !object.is_near(origin, direction, nearest, 0.0) {
                continue;
            }
            for (part_number, part) in object.parts.iter().enumerate() {
                if let Some(t) = part.meet(origin, direction, nearest) {
                    (nearest, met) = (t, Met::Part(number, part_number));
                }
            }
        }
        (nearest, met)
    }

    /// The shop's product that was met, if any.
    pub(crate) fn product(&self, met: Met) -> Option<u16> {
        match met {
            Met::Part(object, _) => self.objects[object].product,
            Met::Room(_) => None,
        }
    }

    /// The linear colour seen along a ray, `t` from its origin.
    pub(crate) fn colour(&self, origin: Vec3, direction: Vec3, t: f32, met: Met) -> Vec3 {
        let point = origin + direction * t;
        let surface = match met {
            Met::Room(side) => self.room.surface(point, side),
            Met::Part(object, part) => self.objects[object].parts[part].surface(point),
        };
        let glow = surface.colour * surface.glow;
        // The more it shines by itself, the less it matters what shines on it.
        if surface.glow >= 1.0 {
            glow
        } else {
            glow + self.lit(point, direction, &surface) * (1.0 - surface.glow)
        }
    }

    fn lit(&self, point: Vec3, direction: Vec3, surface: &Surface) -> Vec3 {
        let n = surface.normal;
        // A relief must not turn a surface away from the eye.
        let n = if n.dot(direction) > 0.0 { (n - direction * n.dot(direction)).unit() } else { n };
        let start = point + n * 0.006;
        let open = self.openness(point, n);
        let up = 0.5 + 0.5 * n.y;
        let from_key = 0.75 + 0.4 * n.dot((self.key.at - point).unit());
        let mut light = self.below.mix(self.above, up) * (open * from_key);
        let mut shine = Vec3::ZERO;
        for (light_source, shadows) in [(&self.key, true), (&self.fill, false)] {
            let to = light_source.at - start;
            let distance = to.length();
            let to = to * (1.0 / distance.max(1e-4));
            let facing = n.dot(to);
            if facing <= 0.0 {
                continue;
            }
            let relative = distance / light_source.reach;
            let mut arrives = light_source.colour * (2.0 / (1.0 + relative * relative));
            arrives = arrives
                * if shadows {
                    self.shadow(start, to, distance - 0.05, light_source.sharp)
                } else {
                    0.4 + 0.6 * open
                };
            light = light + arrives * facing;
            let between = (to - direction).unit();
            let power = 8.0 + 120.0 * surface.gloss;
            shine = shine + arrives * (n.dot(between).max(0.0).powf(power) * surface.gloss * 0.5);
        }
        if let Some(sun) = self.sun.filter(|sun| n.dot(sun.to) > 0.0) {
            let (open, distance) = self.room.sunlit(start, sun.to);
            if open > 0.0 {
                let arrives = open * self.shadow(start, sun.to, distance, 30.0);
                light = light + sun.colour * (arrives * n.dot(sun.to));
            }
        }
        // A polished surface mirrors the room, most where it is seen from the side.
        let edge = (1.0 + n.dot(direction)).clamp(0.0, 1.0).powi(4);
        let mirrored = direction - n * (2.0 * n.dot(direction));
        let mirror = self.below.mix(self.above, 0.5 + 0.5 * mirrored.y) * open;
        surface.colour * light + shine + mirror * (surface.gloss * (0.12 + 0.6 * edge))
    }

    /// The share of the key light that arrives.
    fn shadow(&self, start: Vec3, to: Vec3, distance: f32, sharp: f32) -> f32 {
        let mut light: f32 = 1.0;
        for object in &self.objects {
            if !object.is_near(start, to, distance, 0.2) {
                continue;
            }
            for part in &object.parts {
                light = light.min(part.shade(start, to, distance, sharp));
                if light < 0.02 {
                    return 0.0;
                }
            }
        }
        light
    }

    /// How much of the sky above a surface is open, from distances along its normal (A. Evans,
    /// "Fast approximations for global illumination on dynamic scenes", 2006).
    fn openness(&self, point: Vec3, n: Vec3) -> f32 {
        const STEPS: [(f32, f32); 4] = [(0.02, 0.20), (0.07, 0.25), (0.18, 0.30), (0.42, 0.25)];
        let mut hidden = 0.0;
        for (height, weight) in STEPS {
            let at = point + n * height;
            let mut nearest = self.room.distance(at).clamp(0.0, height);
            for object in &self.objects {
                if object.is_around(at, nearest) {
                    for part in &object.parts {
                        nearest = nearest.min(part.distance(at, nearest));
                    }
                }
            }
            hidden += weight * (1.0 - nearest.max(0.0) / height);
        }
        (1.0 - hidden).clamp(0.0, 1.0)
    }
}

/// Light as a white balance of daylight at noon sees it: 0 neutral, 1 warm, -1 cold.
pub(crate) fn tint(warmth: f32) -> Vec3 {
    v(1.0 + 0.25 * warmth, 1.0 + 0.02 * warmth, 1.0 - 0.35 * warmth)
}
