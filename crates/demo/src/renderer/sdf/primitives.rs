//! Signed distances of primitives (I. Quilez, "3D signed distance functions").

use crate::renderer::vector::{Vec3, v};

/// Distance from the y axis.
pub(super) fn axis_distance(p: Vec3) -> f32 {
    p.x.hypot(p.z)
}

/// A box with rounded edges.
pub(super) fn rounded_box(p: Vec3, half: Vec3, round: f32) -> f32 {
    let q = p.abs() - half + Vec3::splat(round);
    q.max(Vec3::ZERO).length() + q.max_element().min(0.0) - round
}

/// An upright cylinder with rounded edges.
pub(super) fn cylinder(p: Vec3, radius: f32, half: f32, round: f32) -> f32 {
    let (a, b) = (axis_distance(p) - radius + round, p.y.abs() - half + round);
    a.max(0.0).hypot(b.max(0.0)) + a.max(b).min(0.0) - round
}

/// An upright truncated cone: in the plane of the axis a trapezium, outside of which its nearest edge counts.
pub(super) fn cone(p: Vec3, bottom: f32, top: f32, half: f32, wall: Option<f32>) -> f32 {
    let (r, y) = (axis_distance(p), p.y);
    let (dr, dy) = (top - bottom, 2.0 * half);
    let square = dr * dr + dy * dy;
    let along = (((r - bottom) * dr + (y + half) * dy) / square).clamp(0.0, 1.0);
    let slant = (r - bottom - along * dr).hypot(y + half - along * dy);
    if let Some(wall) = wall {
        return slant - wall;
    }
    let side = ((r - bottom) * dy - (y + half) * dr) / square.sqrt();
    let ends = y.abs() - half;
    if side <= 0.0 && ends <= 0.0 {
        return side.max(ends);
    }
    let cap = |radius: f32, y: f32| (r - radius).max(0.0).hypot(y);
    slant.min(cap(bottom, y + half)).min(cap(top, y - half))
}

/// An ellipsoid to first order: exact on the surface.
pub(super) fn ellipsoid(p: Vec3, radii: Vec3) -> f32 {
    let a = v(p.x / radii.x, p.y / radii.y, p.z / radii.z);
    let b = v(a.x / radii.x, a.y / radii.y, a.z / radii.z);
    let (level, slope) = (a.length(), b.length());
    if slope < 1e-9 { -radii.x.min(radii.y).min(radii.z) } else { level * (level - 1.0) / slope }
}

/// The smooth minimum of two distances, where they differ by less than `reach` (quadratic).
pub(super) fn smooth_union(a: f32, b: f32, reach: f32) -> f32 {
    if a.is_infinite() {
        return b;
    }
    let overlap = (reach - (a - b).abs()).max(0.0) / reach;
    a.min(b) - overlap * overlap * reach * 0.25
}
