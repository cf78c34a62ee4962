//! A scene, ray casting into it, and shading: direct light with soft shadows, hemispheric ambient light with ambient
//! occlusion, and a gloss term.

use crate::renderer::material::Surface;
use crate::renderer::object::Object;
use crate::renderer::room::{Room, Side};
use crate::renderer::vector::{Vec3, v};

/// A disc-shaped light: a lamp or a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Light {
    pub(crate) position: Vec3,
    pub(crate) colour: Vec3,
    /// Distance in metres at which half of it is left.
    pub(crate) half_distance: f32,
    /// Distance divided by size: large for hard shadows.
    pub(crate) hardness: f32,
}

/// The sun, a directional light through the window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sun {
    /// The direction towards it, of length 1.
    pub(crate) to: Vec3,
    pub(crate) colour: Vec3,
}

/// A room with objects and lights.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) room: Room,
    pub(crate) objects: Vec<Object>,
    /// The key light, with shadows.
    pub(crate) key: Light,
    /// The fill light, without shadows.
    pub(crate) fill: Light,
    pub(crate) sun: Option<Sun>,
    /// Hemispheric ambient light, from above and from below.
    pub(crate) ambient_above: Vec3,
    pub(crate) ambient_below: Vec3,
}

/// The first hit of a ray.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Hit {
    Room(Side),
    /// Positions of an object and of its part.
    Part(usize, usize),
}

impl Scene {
    /// The distance of the first hit of a ray, and what is hit.
    pub(crate) fn intersect(&self, origin: Vec3, direction: Vec3) -> (f32, Hit) {
        let (mut nearest, side) = self.room.intersect(origin, direction);
        let mut hit = Hit::Room(side);
        for (number, object) in self.objects.iter().enumerate() {
            if !object.ray_hits_bounds(origin, direction, nearest, 0.0) {
                continue;
            }
            for (part_number, part) in object.parts.iter().enumerate() {
                if let Some(t) = part.intersect(origin, direction, nearest) {
                    (nearest, hit) = (t, Hit::Part(number, part_number));
                }
            }
        }
        (nearest, hit)
    }

    /// The product that was hit, if any.
    pub(crate) fn product(&self, hit: Hit) -> Option<u16> {
        match hit {
            Hit::Part(object, _) => self.objects[object].product,
            Hit::Room(_) => None,
        }
    }

    /// The radiance along a ray from its hit at `t`, as a linear colour.
    pub(crate) fn colour(&self, origin: Vec3, direction: Vec3, t: f32, hit: Hit) -> Vec3 {
        let point = origin + direction * t;
        let surface = match hit {
            Hit::Room(side) => self.room.surface(point, side),
            Hit::Part(object, part) => self.objects[object].parts[part].surface(point),
        };
        let emitted = surface.colour * surface.emission;
        // The more it emits, the less incoming light counts.
        if surface.emission >= 1.0 {
            emitted
        } else {
            emitted + self.shade(point, direction, &surface) * (1.0 - surface.emission)
        }
    }

    /// The reflected light at a point.
    fn shade(&self, point: Vec3, direction: Vec3, surface: &Surface) -> Vec3 {
        let n = surface.normal;
        // A relief must not turn a surface away from the camera.
        let n = if n.dot(direction) > 0.0 {
            (n - direction * n.dot(direction)).normalised()
        } else {
            n
        };
        let start = point + n * 0.006;
        let visibility = self.ambient_visibility(point, n);
        let up = 0.5 + 0.5 * n.y;
        let from_key = 0.75 + 0.4 * n.dot((self.key.position - point).normalised());
        let mut light = self.ambient_below.lerp(self.ambient_above, up) * (visibility * from_key);
        let mut specular = Vec3::ZERO;
        for (light_source, shadows) in [(&self.key, true), (&self.fill, false)] {
            let to = light_source.position - start;
            let distance = to.length();
            let to = to * (1.0 / distance.max(1e-4));
            let facing = n.dot(to);
            if facing <= 0.0 {
                continue;
            }
            let relative = distance / light_source.half_distance;
            let mut incoming = light_source.colour * (2.0 / (1.0 + relative * relative));
            incoming = incoming
                * if shadows {
                    self.shadow(start, to, distance - 0.05, light_source.hardness)
                } else {
                    0.4 + 0.6 * visibility
                };
            light = light + incoming * facing;
            let half_vector = (to - direction).normalised();
            let power = 8.0 + 120.0 * surface.gloss;
            specular = specular
                + incoming * (n.dot(half_vector).max(0.0).powf(power) * surface.gloss * 0.5);
        }
        if let Some(sun) = self.sun.filter(|sun| n.dot(sun.to) > 0.0) {
            let (open, distance) = self.room.sunlit(start, sun.to);
            if open > 0.0 {
                let arrives = open * self.shadow(start, sun.to, distance, 30.0);
                light = light + sun.colour * (arrives * n.dot(sun.to));
            }
        }
        // A glossy surface reflects the ambient light, most at grazing angles (Fresnel).
        let fresnel = (1.0 + n.dot(direction)).clamp(0.0, 1.0).powi(4);
        let reflected = direction - n * (2.0 * n.dot(direction));
        let reflection =
            self.ambient_below.lerp(self.ambient_above, 0.5 + 0.5 * reflected.y) * visibility;
        surface.colour * light + specular + reflection * (surface.gloss * (0.12 + 0.6 * fresnel))
    }

    /// The fraction of a light that is not shadowed.
    fn shadow(&self, start: Vec3, to: Vec3, distance: f32, hardness: f32) -> f32 {
        let mut light: f32 = 1.0;
        for object in &self.objects {
            if !object.ray_hits_bounds(start, to, distance, 0.2) {
                continue;
            }
            for part in &object.parts {
                light = light.min(part.soft_shadow(start, to, distance, hardness));
                if light < 0.02 {
                    return 0.0;
                }
            }
        }
        light
    }

    /// Ambient occlusion: the fraction of ambient light that is not occluded, from distances along the normal (A. Evans,
    /// "Fast approximations for global illumination on dynamic scenes", 2006).
    fn ambient_visibility(&self, point: Vec3, n: Vec3) -> f32 {
        const STEPS: [(f32, f32); 4] = [(0.02, 0.20), (0.07, 0.25), (0.18, 0.30), (0.42, 0.25)];
        let mut occluded = 0.0;
        for (height, weight) in STEPS {
            let at = point + n * height;
            let mut nearest = self.room.distance(at).clamp(0.0, height);
            for object in &self.objects {
                if object.bounds_contain(at, nearest) {
                    for part in &object.parts {
                        nearest = nearest.min(part.distance(at, nearest));
                    }
                }
            }
            occluded += weight * (1.0 - nearest.max(0.0) / height);
        }
        (1.0 - occluded).clamp(0.0, 1.0)
    }
}

/// The colour of light relative to daylight at noon: 0 neutral, 1 warm, -1 cold.
pub(crate) fn tint(warmth: f32) -> Vec3 {
    v(1.0 + 0.25 * warmth, 1.0 + 0.02 * warmth, 1.0 - 0.35 * warmth)
}
