//! Distance functions: how far a point is from the surface of a shape, negative inside.
//!
//! Every shape is centred on the origin of its own frame, in metres, y up. Distances of boxes,
//! cylinders, tori and rods are exact outside; the others are bounds, and [`Shape::pace`] says how
//! much of such a distance may be walked at once. The method is sphere tracing (Hart, "Sphere
//! tracing", 1996).

use std::f32::consts::TAU;

use crate::vector::{Vec3, v};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// A box of which `half` are the half edges, with edges rounded by `round`.
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
    /// Upright and round, `bottom` and `top` thick, with half spheres at its ends.
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
    /// Cloth that hangs in folds: a wave along x, `depth` deep.
    Folds {
        half: Vec3,
        depth: f32,
        folds: f32,
        phase: f32,
    },
    /// A filled bag, thickest in its middle.
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
    /// Several shapes that flow into each other within `reach`.
    Blend {
        shapes: Vec<(Shape, Vec3)>,
        reach: f32,
    },
}

/// How a pattern lies on a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover {
    /// Flat on the side that a place faces.
    Sides,
    /// Around the upright axis.
    Around,
    /// As seen from the front, wherever a place faces.
    Front,
}

impl Shape {
    /// Half edges of the box around it.
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
            Self::Dome { radius, wall } => Vec3::all(radius + wall),
            Self::Arc { radius, height, wall, .. } => v(radius + wall, height * 0.5, radius + wall),
            Self::Folds { half, depth, .. } => v(half.x, half.y, half.z + depth),
            Self::Soft { half, wrinkle, .. } => *half + Vec3::all(*wrinkle),
            Self::Blend { shapes, reach } => shapes.iter().fold(Vec3::ZERO, |most, (shape, at)| {
                most.max(at.abs() + shape.half() + Vec3::all(reach * 0.25))
            }),
        }
    }

    /// The share of a distance that is safe to walk at once.
    pub(crate) fn pace(&self) -> f32 {
        match self {
            Self::Pillow { .. } | Self::Ellipsoid { .. } => 0.75,
            Self::Soft { .. } | Self::Folds { .. } => 0.8,
            Self::Blend { shapes, .. } => {
                shapes.iter().map(|(shape, _)| shape.pace()).fold(0.9, f32::min)
            }
            _ => 1.0,
        }
    }

    pub(crate) fn cover(&self) -> Cover {
        match self {
            Self::Cylinder { .. }
            | Self::Tub { .. }
            | Self::Cone { .. }
            | Self::Rod { .. }
            | Self::Arc { .. }
            | Self::Dome { .. }
            | Self::Ellipsoid { .. } => Cover::Around,
            Self::Folds { .. } => Cover::Front,
            _ => Cover::Sides,
        }
    }

    pub(crate) fn distance(&self, p: Vec3) -> f32 {
        match self {
            Self::Box { half, round } => boxed(p, *half, *round),
            Self::Row { half, round, count, gap } => {
                let last = (*count as f32 - 1.0).max(0.0);
                let number = (p.x / gap + last * 0.5).round().clamp(0.0, last);
                boxed(v(p.x - (number - last * 0.5) * gap, p.y, p.z), *half, *round)
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
            Self::Torus { radius, thick } => (across(p) - radius).hypot(p.y) - thick,
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
                boxed(p, *half, *round) - wrinkle * 0.66 * waves
            }
            Self::Blend { shapes, reach } => {
                shapes.iter().fold(f32::INFINITY, |nearest, (shape, at)| {
                    smooth_union(nearest, shape.distance(p - *at), *reach)
                })
            }
        }
    }

    /// Outward, length 1: the slope of the distance at four corners of a tetrahedron.
    pub(crate) fn normal(&self, p: Vec3) -> Vec3 {
        const E: f32 = 6e-4;
        let corners = [v(1.0, -1.0, -1.0), v(-1.0, -1.0, 1.0), v(-1.0, 1.0, -1.0), Vec3::all(1.0)];
        let sum = corners
            .iter()
            .fold(Vec3::ZERO, |sum, &corner| sum + corner * self.distance(p + corner * E));
        sum.unit()
    }
}

fn across(p: Vec3) -> f32 {
    p.x.hypot(p.z)
}

fn boxed(p: Vec3, half: Vec3, round: f32) -> f32 {
    let q = p.abs() - half + Vec3::all(round);
    q.max(Vec3::ZERO).length() + q.largest().min(0.0) - round
}

fn cylinder(p: Vec3, radius: f32, half: f32, round: f32) -> f32 {
    let (a, b) = (across(p) - radius + round, p.y.abs() - half + round);
    a.max(0.0).hypot(b.max(0.0)) + a.max(b).min(0.0) - round
}

/// In the plane of the axis, a cone is a trapezium: outside, its nearest edge counts.
fn cone(p: Vec3, bottom: f32, top: f32, half: f32, wall: Option<f32>) -> f32 {
    let (r, y) = (across(p), p.y);
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

/// To first order: exact on the surface.
fn ellipsoid(p: Vec3, radii: Vec3) -> f32 {
    let a = v(p.x / radii.x, p.y / radii.y, p.z / radii.z);
    let b = v(a.x / radii.x, a.y / radii.y, a.z / radii.z);
    let (level, slope) = (a.length(), b.length());
    if slope < 1e-9 { -radii.x.min(radii.y).min(radii.z) } else { level * (level - 1.0) / slope }
}

/// The smaller of two distances, rounded where they differ by less than `reach` (quadratic).
fn smooth_union(a: f32, b: f32, reach: f32) -> f32 {
    if a.is_infinite() {
        return b;
    }
    let overlap = (reach - (a - b).abs()).max(0.0) / reach;
    a.min(b) - overlap * overlap * reach * 0.25
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
    fn nothing_of_a_shape_is_outside_its_box() {
        let mut rng = Rng::new(3, 0);
        for shape in shapes() {
            let half = shape.half();
            let mut inside = 0;
            for _ in 0..4000 {
                let at = v(rng.between(-1.3, 1.3), rng.between(-1.3, 1.3), rng.between(-1.3, 1.3));
                let p = at * half;
                if shape.distance(p) < 0.0 {
                    inside += 1;
                    assert!(at.abs().largest() <= 1.001, "{shape:?} at {p:?}");
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
                    let step = a * shape.pace();
                    assert!(
                        step <= (q - p).length() * 1.05 + 1e-4,
                        "{shape:?}: {p:?} {q:?} {step}"
                    );
                }
            }
        }
    }
}
