//! Objects: parts put together, each a signed distance function with one material.

use crate::renderer::material::{Material, Surface};
use crate::renderer::sdf::Shape;
use crate::renderer::vector::{Rotation, Vec3};

/// A shape with a position, a rotation and a material.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    shape: Shape,
    material: Material,
    position: Vec3,
    rotation: Rotation,
    half: Vec3,
    step_scale: f32,
}

impl Part {
    pub(crate) fn new(shape: Shape, position: Vec3, material: Material) -> Self {
        let (half, step_scale) = (shape.half(), shape.step_scale());
        Self { shape, material, position, rotation: Rotation::IDENTITY, half, step_scale }
    }

    /// A round bar from `a` to `b` with these radii.
    pub(crate) fn rod(a: Vec3, b: Vec3, radii: (f32, f32), material: Material) -> Self {
        let shape = Shape::Rod { bottom: radii.0, top: radii.1, height: (b - a).length() };
        Self::new(shape, (a + b) * 0.5, material).rotated(Rotation::y_axis_to(b - a))
    }

    /// Rotated about its own centre.
    pub(crate) fn rotated(self, rotation: Rotation) -> Self {
        Self { rotation: self.rotation.then(&rotation), ..self }
    }

    /// A copy, rotated about the origin and then moved.
    pub(crate) fn transformed(&self, translation: Vec3, rotation: &Rotation) -> Self {
        Self {
            position: rotation.apply(self.position) + translation,
            rotation: self.rotation.then(rotation),
            ..self.clone()
        }
    }

    /// The lowest and highest corner of its axis-aligned bounding box.
    pub(crate) fn bounds(&self) -> (Vec3, Vec3) {
        let axis = |axis: Vec3| self.rotation.apply_inverse(axis).abs().dot(self.half);
        let reach = Vec3 {
            x: axis(Vec3 { x: 1.0, y: 0.0, z: 0.0 }),
            y: axis(Vec3::UP),
            z: axis(Vec3 { x: 0.0, y: 0.0, z: 1.0 }),
        };
        (self.position - reach, self.position + reach)
    }

    /// The distance along a ray at which it is hit, up to `limit`; `direction` has length 1. By sphere tracing.
    pub(crate) fn intersect(&self, origin: Vec3, direction: Vec3, limit: f32) -> Option<f32> {
        let (o, d) = (
            self.rotation.apply_inverse(origin - self.position),
            self.rotation.apply_inverse(direction),
        );
        let (enter, leave) = intersect_box(o, d, self.half)?;
        let (mut t, end) = (enter.max(0.0), leave.min(limit));
        for _ in 0..64 {
            if t > end {
                return None;
            }
            let distance = self.shape.distance(o + d * t);
            if distance < 4e-4 + 2e-4 * t {
                return Some(t);
            }
            t += distance * self.step_scale;
        }
        None
    }

    /// The fraction of a light's disc that it does not hide, 0 to 1. `hardness` is the distance of the light divided by
    /// its size (from the nearest miss of the ray, as in I. Quilez, "Soft shadows").
    pub(crate) fn soft_shadow(
        &self,
        origin: Vec3,
        direction: Vec3,
        limit: f32,
        hardness: f32,
    ) -> f32 {
        let (o, d) = (
            self.rotation.apply_inverse(origin - self.position),
            self.rotation.apply_inverse(direction),
        );
        let margin = (limit / hardness).min(0.25);
        let Some((enter, leave)) = intersect_box(o, d, self.half + Vec3::splat(margin)) else {
            return 1.0;
        };
        let (mut t, end) = (enter.max(0.0), leave.min(limit));
        let mut light: f32 = 1.0;
        for _ in 0..40 {
            if t > end || light < 0.02 {
                break;
            }
            let distance = self.shape.distance(o + d * t);
            light = light.min(0.5 + 0.5 * hardness * distance / t.max(0.02));
            t += (distance * self.step_scale).max(0.008 + 0.01 * t);
        }
        let light = light.clamp(0.0, 1.0);
        light * light * (3.0 - 2.0 * light)
    }

    /// The distance of a point from it, at most `most`.
    pub(crate) fn distance(&self, point: Vec3, most: f32) -> f32 {
        let p = self.rotation.apply_inverse(point - self.position);
        if (p.abs() - self.half).max_element() > most {
            return most;
        }
        self.shape.distance(p).min(most)
    }

    /// Its surface at a point that a ray hit.
    pub(crate) fn surface(&self, point: Vec3) -> Surface {
        let p = self.rotation.apply_inverse(point - self.position);
        let surface =
            self.material.sample(p, self.shape.normal(p), self.half, self.shape.uv_mapping());
        Surface { normal: self.rotation.apply(surface.normal), ..surface }
    }
}

/// Parts that form one object. The origin of a model is the middle of its base (or of what it hangs on), and it faces
/// +z.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub(crate) parts: Vec<Part>,
    low: Vec3,
    high: Vec3,
    /// Number of the shop's product that it is, from 0; none of props.
    pub(crate) product: Option<u16>,
}

impl Object {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        let (mut low, mut high) = (Vec3::splat(f32::INFINITY), Vec3::splat(f32::NEG_INFINITY));
        for (a, b) in parts.iter().map(Part::bounds) {
            (low, high) = (low.min(a), high.max(b));
        }
        if parts.is_empty() {
            (low, high) = (Vec3::ZERO, Vec3::ZERO);
        }
        Self { parts, low, high, product: None }
    }

    /// The model of a product.
    pub(crate) fn with_product(self, number: u16) -> Self {
        Self { product: Some(number), ..self }
    }

    /// A copy, rotated about the origin and then moved.
    pub(crate) fn transformed(&self, translation: Vec3, rotation: &Rotation) -> Self {
        let parts = self.parts.iter().map(|part| part.transformed(translation, rotation)).collect();
        Self { product: self.product, ..Self::new(parts) }
    }

    pub(crate) fn low(&self) -> Vec3 {
        self.low
    }

    pub(crate) fn high(&self) -> Vec3 {
        self.high
    }

    /// Whether a ray passes within `margin` of its bounding box before `limit`.
    pub(crate) fn ray_hits_bounds(
        &self,
        origin: Vec3,
        direction: Vec3,
        limit: f32,
        margin: f32,
    ) -> bool {
        let (centre, half) = ((self.low + self.high) * 0.5, (self.high - self.low) * 0.5);
        let range = intersect_box(origin - centre, direction, half + Vec3::splat(margin));
        range.is_some_and(|(enter, leave)| leave > 0.0 && enter < limit)
    }

    /// Whether a point is within `margin` of its bounding box.
    pub(crate) fn bounds_contain(&self, point: Vec3, margin: f32) -> bool {
        (self.low - point).max(point - self.high).max_element() < margin
    }
}

/// The distances at which a ray enters and leaves a box around the origin; `None` if it misses (slab method).
fn intersect_box(o: Vec3, d: Vec3, half: Vec3) -> Option<(f32, f32)> {
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
