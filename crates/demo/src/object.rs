//! Things: parts put together, each a shape of one material.

use crate::material::{Material, Surface};
use crate::shapes::Shape;
use crate::vector::{Turn, Vec3};

/// A shape somewhere, turned somehow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    shape: Shape,
    material: Material,
    at: Vec3,
    turn: Turn,
    half: Vec3,
    pace: f32,
}

impl Part {
    pub(crate) fn new(shape: Shape, at: Vec3, material: Material) -> Self {
        let (half, pace) = (shape.half(), shape.pace());
        Self { shape, material, at, turn: Turn::NONE, half, pace }
    }

    /// A round bar from `a` to `b`, of these radii.
    pub(crate) fn rod(a: Vec3, b: Vec3, radii: (f32, f32), material: Material) -> Self {
        let shape = Shape::Rod { bottom: radii.0, top: radii.1, height: (b - a).length() };
        Self::new(shape, (a + b) * 0.5, material).turned(Turn::y_to(b - a))
    }

    /// Turned about its own centre.
    pub(crate) fn turned(self, turn: Turn) -> Self {
        Self { turn: self.turn.then(&turn), ..self }
    }

    /// Moved with everything that it belongs to.
    pub(crate) fn placed(&self, at: Vec3, turn: &Turn) -> Self {
        Self { at: turn.apply(self.at) + at, turn: self.turn.then(turn), ..self.clone() }
    }

    /// The box around it: lowest and highest corner.
    pub(crate) fn bounds(&self) -> (Vec3, Vec3) {
        let axis = |axis: Vec3| self.turn.back(axis).abs().dot(self.half);
        let reach = Vec3 {
            x: axis(Vec3 { x: 1.0, y: 0.0, z: 0.0 }),
            y: axis(Vec3::UP),
            z: axis(Vec3 { x: 0.0, y: 0.0, z: 1.0 }),
        };
        (self.at - reach, self.at + reach)
    }

    /// Where a ray meets it, before `limit`; `direction` has length 1.
    pub(crate) fn meet(&self, origin: Vec3, direction: Vec3, limit: f32) -> Option<f32> {
        let (o, d) = (self.turn.back(origin - self.at), self.turn.back(direction));
        let (enter, leave) = slab(o, d, self.half)?;
        let (mut t, end) = (enter.max(0.0), leave.min(limit));
        for _ in 0..64 {
            if t > end {
                return None;
            }
            let distance = self.shape.distance(o + d * t);
            if distance < 4e-4 + 2e-4 * t {
                return Some(t);
            }
            t += distance * self.pace;
        }
        None
    }

    /// The share of a light's disc that is not hidden by it: 0 dark to 1. `sharp` is how many times
    /// nearer than wide the light is (the nearest miss of the ray, as in I. Quilez, "Soft shadows").
    pub(crate) fn shade(&self, origin: Vec3, direction: Vec3, limit: f32, sharp: f32) -> f32 {
        let (o, d) = (self.turn.back(origin - self.at), self.turn.back(direction));
        let margin = (limit / sharp).min(0.25);
        let Some((enter, leave)) = slab(o, d, self.half + Vec3::all(margin)) else { return 1.0 };
        let (mut t, end) = (enter.max(0.0), leave.min(limit));
        let mut light: f32 = 1.0;
        for _ in 0..40 {
            if t > end || light < 0.02 {
                break;
            }
            let distance = self.shape.distance(o + d * t);
            light = light.min(0.5 + 0.5 * sharp * distance / t.max(0.02));
            t += (distance * self.pace).max(0.008 + 0.01 * t);
        }
        let light = light.clamp(0.0, 1.0);
        light * light * (3.0 - 2.0 * light)
    }

    /// Distance of a point from it; `most`, if it is farther than that.
    pub(crate) fn distance(&self, point: Vec3, most: f32) -> f32 {
        let p = self.turn.back(point - self.at);
        if (p.abs() - self.half).largest() > most {
            return most;
        }
        self.shape.distance(p).min(most)
    }

    /// Its surface at a point that a ray met.
    pub(crate) fn surface(&self, point: Vec3) -> Surface {
        let p = self.turn.back(point - self.at);
        let surface = self.material.at(p, self.shape.normal(p), self.half, self.shape.cover());
        Surface { normal: self.turn.apply(surface.normal), ..surface }
    }
}

/// Parts that stand together. As a model, its origin is the middle of what it stands on (or of what
/// it hangs on), and it faces +z.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub(crate) parts: Vec<Part>,
    low: Vec3,
    high: Vec3,
    /// Number of the shop's product that it is, counted from 0.
    pub(crate) product: Option<u16>,
}

impl Object {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        let (mut low, mut high) = (Vec3::all(f32::INFINITY), Vec3::all(f32::NEG_INFINITY));
        for (a, b) in parts.iter().map(Part::bounds) {
            (low, high) = (low.min(a), high.max(b));
        }
        if parts.is_empty() {
            (low, high) = (Vec3::ZERO, Vec3::ZERO);
        }
        Self { parts, low, high, product: None }
    }

    pub(crate) fn of_product(self, number: u16) -> Self {
        Self { product: Some(number), ..self }
    }

    /// A copy, turned and then moved.
    pub(crate) fn placed(&self, at: Vec3, turn: &Turn) -> Self {
        let parts = self.parts.iter().map(|part| part.placed(at, turn)).collect();
        Self { product: self.product, ..Self::new(parts) }
    }

    pub(crate) fn low(&self) -> Vec3 {
        self.low
    }

    pub(crate) fn high(&self) -> Vec3 {
        self.high
    }

    /// Whether a ray comes within `margin` of its box before `limit`.
    pub(crate) fn is_near(&self, origin: Vec3, direction: Vec3, limit: f32, margin: f32) -> bool {
        let (centre, half) = ((self.low + self.high) * 0.5, (self.high - self.low) * 0.5);
        let range = slab(origin - centre, direction, half + Vec3::all(margin));
        range.is_some_and(|(enter, leave)| leave > 0.0 && enter < limit)
    }

    /// Whether a point is within `margin` of its box.
    pub(crate) fn is_around(&self, point: Vec3, margin: f32) -> bool {
        (self.low - point).max(point - self.high).largest() < margin
    }
}

/// Where a ray goes into a box around the origin and out of it; `None` if it misses.
fn slab(o: Vec3, d: Vec3, half: Vec3) -> Option<(f32, f32)> {
    let axis = |o: f32, d: f32, half: f32| {
        if d.abs() < 1e-9 {
            return if o.abs() <= half {
                (f32::NEG_INFINITY, f32::INFINITY)
            } else {
                (f32::INFINITY, f32::NEG_INFINITY)
            };
        }
        let (a, b) = ((-half - o) / d, (half - o) / d);
        (a.min(b), a.max(b))
    };
    let (x, y, z) = (axis(o.x, d.x, half.x), axis(o.y, d.y, half.y), axis(o.z, d.z, half.z));
    let (enter, leave) = (x.0.max(y.0).max(z.0), x.1.min(y.1).min(z.1));
    (enter <= leave && leave >= 0.0).then_some((enter, leave))
}
