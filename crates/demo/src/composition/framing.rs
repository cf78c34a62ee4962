//! Framing: finds a camera position and field of view so that a product covers a target fraction of the photo.

use std::f32::consts::TAU;

use crate::renderer::camera::Camera;
use crate::renderer::object::Object;
use crate::renderer::ray_tracer::render_segmentation;
use crate::renderer::scene::Scene;
use crate::renderer::vector::{Vec3, v};
use crate::rng::Rng;
use crate::shop::furniture::Placement;

/// A camera and the aspect of the photo: its width and height, of which the longer is 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Framing {
    pub(crate) camera: Camera,
    pub(crate) aspect: (f32, f32),
    /// The fraction of the photo that shows the product, at the resolution of a preview.
    coverage: f32,
    /// Field of view at the product, relative to the product's size.
    extent: f32,
}

const ASPECTS: [(f32, f32); 5] = [(1.0, 1.0), (0.75, 1.0), (1.0, 0.75), (0.75, 1.0), (0.5625, 1.0)];

/// Longer side of a preview in pixels.
const PREVIEW: f32 = 26.0;

/// The best of several framings of product `number` for `target_coverage`: the one that shows most of it, among
/// those near the target.
pub(super) fn frame(
    scene: &Scene,
    number: u16,
    placement: Placement,
    target_coverage: f32,
    rng: &mut Rng,
) -> Option<Framing> {
    let object = scene.objects.iter().find(|object| object.product == Some(number))?;
    let attempts: Vec<Framing> =
        (0..6).map(|_| attempt(scene, number, object, placement, target_coverage, rng)).collect();
    let miss = |framing: &Framing| ((framing.coverage - target_coverage).abs() - 0.06).max(0.0);
    let mut best = attempts.into_iter().min_by(|a, b| {
        let score = |framing: &Framing| miss(framing) * 6.0 - framing.extent.min(1.1);
        score(a).total_cmp(&score(b))
    })?;
    if target_coverage >= 0.5 {
        zoom_in(scene, number, &mut best);
    }
    Some(best)
}

/// Zooms in while the product covers less than half of a larger preview.
fn zoom_in(scene: &Scene, number: u16, framing: &mut Framing) {
    let size =
        ((framing.aspect.0 * PREVIEW * 2.5) as u32, (framing.aspect.1 * PREVIEW * 2.5) as u32);
    for _ in 0..4 {
        let coverage = render_segmentation(scene, &framing.camera, size.0, size.1).coverage(number);
        if coverage > 0.51 {
            break;
        }
        framing.camera.tan_half_fov *= 0.93;
    }
}

/// One framing, refined by previews.
fn attempt(
    scene: &Scene,
    number: u16,
    object: &Object,
    placement: Placement,
    target_coverage: f32,
    rng: &mut Rng,
) -> Framing {
    let aspect = rng.pick(&ASPECTS);
    let (low, high) = (object.low(), object.high());
    let (middle, radius) = ((low + high) * 0.5, (high - low).length() * 0.5);
    let mut tan_half_fov = rng.between(0.42, 0.62);
    let far = if target_coverage < 0.5 { rng.between(1.6, 2.4) } else { rng.between(0.95, 1.35) };
    let eye = camera_position(scene, middle, radius / tan_half_fov * far, placement, rng);
    let mut target = middle;
    let distance = (middle - eye).length();
    let roll = rng.bell() * 0.035;
    let size = ((aspect.0 * PREVIEW) as u32, (aspect.1 * PREVIEW) as u32);
    let mut coverage = 0.0;
    for turn in 0..9 {
        let camera = Camera { eye, target, roll, tan_half_fov };
        let preview = render_segmentation(scene, &camera, size.0, size.1);
        coverage = preview.coverage(number);
        if (coverage - target_coverage).abs() < 0.025
            || (turn > 3 && coverage > target_coverage && coverage < target_coverage + 0.08)
        {
            break;
        }
        let Some((x, y)) = preview.centroid(number) else {
            target = middle;
            tan_half_fov = (tan_half_fov * 1.4).min(0.9);
            continue;
        };
        if target_coverage < 0.5 && tan_half_fov >= 0.89 && coverage > target_coverage {
            // The field of view is at its limit: move the product partly out of the photo.
            let aside = (target - eye).cross(Vec3::UP).normalised();
            target = target + aside * (0.18 * distance);
            continue;
        }
        if target_coverage >= 0.5 {
            let (_, towards) =
                camera.rays(size.0, size.1).ray(x * size.0 as f32, y * size.1 as f32);
            target = target.lerp(eye + towards * distance, 0.7);
        }
        tan_half_fov = (tan_half_fov
            * (coverage.max(0.01) / target_coverage).sqrt().clamp(0.6, 1.5))
        .clamp(0.05, 0.9);
    }
    let camera = Camera { eye, target, roll, tan_half_fov };
    let blocked = scene.objects.iter().any(|object| object.bounds_contain(eye, 0.12));
    let coverage = if blocked { 0.0 } else { coverage };
    Framing { camera, aspect, coverage, extent: tan_half_fov * distance / radius }
}

/// A camera position inside the room that suits the placement.
fn camera_position(
    scene: &Scene,
    middle: Vec3,
    distance: f32,
    placement: Placement,
    rng: &mut Rng,
) -> Vec3 {
    let (yaw, pitch) = match placement {
        Placement::Floor => (rng.between(-1.0, 1.0), rng.between(0.12, 0.75)),
        Placement::Table => (rng.between(-0.9, 0.9), rng.between(0.0, 0.5)),
        Placement::Wall => (rng.between(-0.65, 0.65), rng.between(-0.05, 0.25)),
        Placement::Window => (rng.between(-0.6, 0.6), rng.between(-0.1, 0.2)),
        Placement::Flat => (rng.between(-TAU / 2.0, TAU / 2.0), rng.between(0.45, 1.25)),
        Placement::Frame | Placement::Bed => (rng.between(-0.8, 0.8), rng.between(0.3, 0.95)),
    };
    let (sin, cos) = yaw.sin_cos();
    let direction = v(sin * pitch.cos(), pitch.sin(), cos * pitch.cos());
    // Where a wall is nearer, shorten the distance.
    let (room, _) = scene.room.intersect(middle, direction);
    let eye = middle + direction * distance.min(room - 0.2).max(0.4);
    scene.room.inside(eye, 0.15)
}

/// A camera for a catalogue picture: the whole product and nothing else.
pub(super) fn catalogue_camera(object: &Object, placement: Placement) -> Camera {
    let (low, high) = (object.low(), object.high());
    let (middle, half) = ((low + high) * 0.5, (high - low) * 0.5);
    let (yaw, pitch): (f32, f32) = match placement {
        Placement::Flat => (0.0, 0.95),
        Placement::Frame | Placement::Bed => (0.55, 0.5),
        Placement::Window => (0.0, 0.0),
        Placement::Wall => (0.4, 0.08),
        _ => (0.5, 0.25),
    };
    let (sin, cos) = yaw.sin_cos();
    let direction = v(sin * pitch.cos(), pitch.sin(), cos * pitch.cos());
    let distance = half.length() * 4.2;
    let mut camera = Camera {
        eye: middle + direction * distance,
        target: middle,
        roll: 0.0,
        tan_half_fov: 0.25,
    };
    // As wide as the farthest corner of its bounding box needs.
    let rays = camera.rays(2, 2);
    let (eye, forward) = rays.ray(1.0, 1.0);
    let (right, down) = rays.right_and_down();
    let mut most: f32 = 0.0;
    for corner in 0..8 {
        let sign = |bit: u32| if corner >> bit & 1 == 0 { -1.0 } else { 1.0 };
        let to = middle + v(half.x * sign(0), half.y * sign(1), half.z * sign(2)) - eye;
        let depth = to.dot(forward).max(0.1);
        most = most.max((to.dot(right) / depth).abs()).max((to.dot(down) / depth).abs());
    }
    camera.tan_half_fov = most * 1.08;
    camera
}
