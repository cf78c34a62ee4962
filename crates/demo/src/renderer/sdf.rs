//! Signed distance functions: the distance of a point from the surface of a shape, negative inside.
//!
//! Every shape is centred on the origin of its own frame, in metres, y up. Distances of boxes, cylinders, tori and rods
//! are exact outside; the others are bounds, and [`Shape::step_scale`] is the factor by which a step of sphere tracing
//! must be shortened (Hart, "Sphere tracing", 1996).

mod primitives;

use std::f32::consts::TAU;

use self::primitives::{axis_distance, cone, cylinder, ellipsoid, rounded_box, smooth_union};
use crate::renderer::vector::{Vec3, v};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// A box with half edges `half`, its edges rounded by `round`.
    Box {
        half: Vec3,
        round: f32,
    },
    /// `count` boxes in a row along x, `gap` from centre to centre.
    Row {
        half: Vec3,
        round: f32,
        count: u32,
        gap: f32,
    },
    /// Upright, with rounded edges.
    Cylinder {
        radius: f32,
        height: f32,
        round: f32,
    },
    /// A cylinder without its top.
    Tub {
        radius: f32,
        height: f32,
        wall: f32,
    },
    /// Upright, from radius `bottom` to radius `top`. With a `wall` it is a shade: open at both ends.
    Cone {
        bottom: f32,
        top: f32,
        height: f32,
        wall: Option<f32>,
    },
    /// An upright capsule of radius `bottom` to `top`.
    Rod {
        bottom: f32,
        top: f32,
        height: f32,
    },
    /// A ring that lies flat.
    Torus {
        radius: f32,
        thick: f32,
    },
    Ellipsoid {
        radii: Vec3,
    },
    /// The upper half of a hollow sphere.
    Dome {
        radius: f32,
        wall: f32,
    },
    /// Part of a tube's wall: `reach` radians to either side of its back (-z).
    Arc {
        radius: f32,
        height: f32,
        wall: f32,
        reach: f32,
    },
    /// Hanging cloth in folds: a wave along x, `depth` deep.
    Folds {
        half: Vec3,
        depth: f32,
        folds: f32,
        phase: f32,
    },
    /// A pillow, thickest in its middle.
    Pillow {
        half: Vec3,
    },
    /// A rounded box with soft, wrinkled faces.
    Soft {
        half: Vec3,
        round: f32,
        wrinkle: f32,
        phase: f32,
    },
    /// A smooth union of shapes, blended within `reach`.
    Blend {
        shapes: Vec<(Shape, Vec3)>,
        reach: f32,
    },
}

/// How texture coordinates are mapped to a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UvMapping {
    /// Box mapping: planar, on the side that a point faces.
    Box,
    /// Around the upright axis.
    Cylindrical,
    /// Planar, from the front.
    Planar,
}

impl Shape {
    /// Half edges of its bounding box.
    pub(crate) fn half(&self) -> Vec3 {
        match self {
            Self::Box { half, .. } | Self::Pillow { half } => *half,
            Self::Row { half, count, gap, .. } => {
                v(half.x + gap * (*count as f32 - 1.0).max(0.0) * 0.5, half.y, half.z)
            }
            Self::Cylinder { radius, height, .. } | Self::Tub { radius, height, .. } => {
                v(*radius, height * 0.5, *radius)
            }
            Self::Cone { bottom, top, height, wall } => {
                let wall = wall.unwrap_or(0.0);
                let radius = bottom.max(*top) + wall;
                v(radius, height * 0.5 + wall, radius)
            }
            Self::Rod { bottom, top, height } => {
                let radius = bottom.max(*top);
                v(radius, height * 0.5 + radius, radius)
            }
            Self::Torus { radius, thick } => v(radius + thick, *thick, radius + thick),
            Self::Ellipsoid { radii } => *radii,
            Self::Dome { radius, wall } => Vec3::splat(radius + wall),
            Self::Arc { radius, height, wall, .. } => v(radius + wall, height * 0.5, radius + wall),
            Self::Folds { half, depth, .. } => v(half.x, half.y, half.z + depth),
            Self::Soft { half, wrinkle, .. } => *half + Vec3::splat(*wrinkle),
            Self::Blend { shapes, reach } => shapes.iter().fold(Vec3::ZERO, |most, (shape, at)| {
                most.max(at.abs() + shape.half() + Vec3::splat(reach * 0.25))
            }),
        }
    }

    /// The fraction of a distance that is a safe step.
    pub(crate) fn step_scale(&self) -> f32 {
        match self {
            Self::Pillow { .. } | Self::Ellipsoid { .. } => 0.75,
            Self::Soft { .. } | Self::Folds { .. } => 0.8,
            Self::Blend { shapes, .. } => {
                shapes.iter().map(|(shape, _)| shape.step_scale()).fold(0.9, f32::min)
            }
            _ => 1.0,
        }
    }

    pub(crate) fn uv_mapping(&self) -> UvMapping {
        match self {
            Self::Cylinder { .. }
            | Self::Tub { .. }
            | Self::Cone { .. }
            | Self::Rod { .. }
            | Self::Arc { .. }
            | Self::Dome { .. }
            | Self::Ellipsoid { .. } => UvMapping::Cylindrical,
            Self::Folds { .. } => UvMapping::Planar,
            _ => UvMapping::Box,
        }
    }

    /// The signed distance of a point.
    pub(crate) fn distance(&self, p: Vec3) -> f32 {
        match self {
            Self::Box { half, round } => rounded_box(p, *half, *round),
            Self::Row { half, round, count, gap } => {
                let last = (*count as f32 - 1.0).max(0.0);
                let number = (p.x / gap + last * 0.5).round().clamp(0.0, last);
                rounded_box(v(p.x - (number - last * 0.5) * gap, p.y, p.z), *half, *round)
            }
            Self::Cylinder { radius, height, round } => cylinder(p, *radius, height * 0.5, *round),
            Self::Tub { radius, height, wall } => {
                let hollow = cylinder(p - v(0.0, *wall, 0.0), radius - wall, height * 0.5, 0.0);
                cylinder(p, *radius, height * 0.5, wall * 0.4).max(-hollow)
            }
            Self::Cone { bottom, top, height, wall } => cone(p, *bottom, *top, height * 0.5, *wall),
            Self::Rod { bottom, top, height } => {
                let half = height * 0.5;
                let y = p.y.clamp(-half, half);
                let radius = bottom + (top - bottom) * ((y + half) / height.max(1e-6));
                v(p.x, p.y - y, p.z).length() - radius
            }
            Self::Torus { radius, thick } => (axis_distance(p) - radius).hypot(p.y) - thick,
            Self::Ellipsoid { radii } => ellipsoid(p, *radii),
            Self::Dome { radius, wall } => ((p.length() - radius).abs() - wall).max(-p.y),
            Self::Arc { radius, height, wall, reach } => {
                let (s, c) = reach.sin_cos();
                let (x, z) = (p.x.abs(), -p.z);
                // Beyond its end, the nearest point is the end itself.
                let beside = if x * c > z * s {
                    (x - radius * s).hypot(z - radius * c)
                } else {
                    (x.hypot(z) - radius).abs()
                };
                let round = wall * 0.5;
                let (a, b) = (beside - wall + round, p.y.abs() - height * 0.5 + round);
                a.max(0.0).hypot(b.max(0.0)) + a.max(b).min(0.0) - round
            }
            Self::Folds { half, depth, folds, phase } => {
                let turns = TAU * folds / (2.0 * half.x);
                let bend = p.x * turns + phase + 0.8 * (p.x * turns * 0.31 + phase).sin();
                // Gathered at the top, wider towards the hem.
                let depth = depth * (0.75 - 0.25 * p.y / half.y);
                let steep = depth * turns * 1.25;
                let face =
                    ((p.z - depth * bend.sin()).abs() - half.z) / (1.0 + steep * steep).sqrt();
                let (x, y) = (p.x.abs() - half.x, p.y.abs() - half.y);
                face.max(x).max(y)
            }
            Self::Pillow { half } => {
                let (x, z) = ((p.x / half.x).abs().min(1.0), (p.z / half.z).abs().min(1.0));
                let thick = half.y * ((1.0 - x * x * x) * (1.0 - z * z * z)).sqrt();
                let side = (p.x.abs() - half.x).max(p.z.abs() - half.z);
                ((p.y.abs() - thick) * 0.7).max(side)
            }
            Self::Soft { half, round, wrinkle, phase } => {
                let waves = (p.x * 9.0 + phase + 2.0 * (p.z * 4.0).sin()).sin()
                    * (p.z * 7.0 + phase * 1.7 + p.y * 5.0).sin()
                    + 0.5 * (p.x * 21.0 - p.z * 13.0 + p.y * 17.0 + phase * 2.3).sin();
                rounded_box(p, *half, *round) - wrinkle * 0.66 * waves
            }
            Self::Blend { shapes, reach } => {
                shapes.iter().fold(f32::INFINITY, |nearest, (shape, at)| {
                    smooth_union(nearest, shape.distance(p - *at), *reach)
                })
            }
        }
    }

    /// The outward normal, of length 1: the gradient of the distance by four corners of a tetrahedron.
    pub(crate) fn normal(&self, p: Vec3) -> Vec3 {
        const E: f32 = 6e-4;
        let corners =
            [v(1.0, -1.0, -1.0), v(-1.0, -1.0, 1.0), v(-1.0, 1.0, -1.0), Vec3::splat(1.0)];
        let sum = corners
            .iter()
            .fold(Vec3::ZERO, |sum, &corner| sum + corner * self.distance(p + corner * E));
        sum.normalised()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn shapes() -> Vec<Shape> {
        let half = v(0.4, 0.3, 0.2);
        vec![
            Shape::Box { half, round: 0.05 },
            Shape::Row { half: v(0.02, 0.3, 0.02), round: 0.01, count: 5, gap: 0.1 },
            Shape::Cylinder { radius: 0.3, height: 0.5, round: 0.02 },
            Shape::Tub { radius: 0.3, height: 0.5, wall: 0.03 },
            Shape::Cone { bottom: 0.4, top: 0.1, height: 0.6, wall: None },
            Shape::Cone { bottom: 0.4, top: 0.1, height: 0.6, wall: Some(0.02) },
            Shape::Rod { bottom: 0.1, top: 0.05, height: 0.6 },
            Shape::Torus { radius: 0.4, thick: 0.1 },
            Shape::Ellipsoid { radii: half },
            Shape::Dome { radius: 0.4, wall: 0.02 },
            Shape::Arc { radius: 0.4, height: 0.5, wall: 0.04, reach: 1.4 },
            Shape::Folds { half: v(0.5, 0.8, 0.01), depth: 0.05, folds: 6.0, phase: 0.3 },
            Shape::Pillow { half },
            Shape::Soft { half, round: 0.1, wrinkle: 0.01, phase: 1.0 },
            Shape::Blend {
                shapes: vec![
                    (Shape::Ellipsoid { radii: half }, Vec3::ZERO),
                    (Shape::Ellipsoid { radii: half }, v(0.3, 0.2, 0.0)),
                ],
                reach: 0.1,
            },
        ]
    }

    #[test]
    fn no_shape_exceeds_its_bounding_box() {
        let mut rng = Rng::new(3, 0);
        for shape in shapes() {
            let half = shape.half();
            let mut inside = 0;
            for _ in 0..4000 {
                let at = v(rng.between(-1.3, 1.3), rng.between(-1.3, 1.3), rng.between(-1.3, 1.3));
                let p = at * half;
                if shape.distance(p) < 0.0 {
                    inside += 1;
                    assert!(at.abs().max_element() <= 1.001, "{shape:?} at {p:?}");
                }
            }
            assert!(inside > 0, "{shape:?}");
        }
    }

    #[test]
    fn a_step_never_goes_through_a_surface() {
        let mut rng = Rng::new(4, 0);
        for shape in shapes() {
            let half = shape.half();
            for _ in 0..2000 {
                let mut point = || {
                    v(rng.between(-1.2, 1.2), rng.between(-1.2, 1.2), rng.between(-1.2, 1.2)) * half
                };
                let (p, q) = (point(), point());
                let (a, b) = (shape.distance(p), shape.distance(q));
                if a > 0.0 && b < 0.0 {
                    let step = a * shape.step_scale();
                    assert!(
                        step <= (q - p).length() * 1.05 + 1e-4,
                        "{shape:?}: {p:?} {q:?} {step}"
                    );
                }
            }
        }
    }
}
