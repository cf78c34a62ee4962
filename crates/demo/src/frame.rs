//! Finding a view: where to stand and how far to zoom so that a product fills what it should.

use std::f32::consts::TAU;

use crate::camera::Camera;
use crate::furniture::Place;
use crate::object::Object;
use crate::render::glance;
use crate::rng::Rng;
use crate::scene::Scene;
use crate::vector::{Vec3, v};

/// A camera and the shape of the picture: the width and height, 0 to 1, the longer being 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Framed {
    pub(crate) camera: Camera,
    pub(crate) shape: (f32, f32),
    /// The share of the picture that shows the product, as far as a glance can tell.
    share: f32,
    /// How much of the product's surroundings is in view, against the product's size.
    extent: f32,
}

const SHAPES: [(f32, f32); 5] = [(1.0, 1.0), (0.75, 1.0), (1.0, 0.75), (0.75, 1.0), (0.5625, 1.0)];

/// Pixels of the longer side of a glance.
const GLANCE: f32 = 26.0;

/// The best of several views of product `number` for a share of `wanted`: the one that shows most of
/// it, among those that come near to that share.
pub(crate) fn frame(
    scene: &Scene,
    number: u16,
    place: Place,
    wanted: f32,
    rng: &mut Rng,
) -> Option<Framed> {
    let object = scene.objects.iter().find(|object| object.product == Some(number))?;
    let tries: Vec<Framed> =
        (0..6).map(|_| attempt(scene, number, object, place, wanted, rng)).collect();
    let miss = |framed: &Framed| ((framed.share - wanted).abs() - 0.06).max(0.0);
    let mut best = tries.into_iter().min_by(|a, b| {
        let score = |framed: &Framed| miss(framed) * 6.0 - framed.extent.min(1.1);
        score(a).total_cmp(&score(b))
    })?;
    if wanted >= 0.5 {
        fill(scene, number, &mut best);
    }
    Some(best)
}

/// A quick glance may be mistaken: looks closer, and nearer still if that is less than half.
fn fill(scene: &Scene, number: u16, framed: &mut Framed) {
    let size = ((framed.shape.0 * GLANCE * 2.5) as u32, (framed.shape.1 * GLANCE * 2.5) as u32);
    for _ in 0..4 {
        let share = glance(scene, &framed.camera, size.0, size.1).share(number);
        if share > 0.51 {
            break;
        }
        framed.camera.wide *= 0.93;
    }
}

fn attempt(
    scene: &Scene,
    number: u16,
    object: &Object,
    place: Place,
    wanted: f32,
    rng: &mut Rng,
) -> Framed {
    let shape = rng.pick(&SHAPES);
    let (low, high) = (object.low(), object.high());
    let (middle, radius) = ((low + high) * 0.5, (high - low).length() * 0.5);
    let mut wide = rng.between(0.42, 0.62);
    let far = if wanted < 0.5 { rng.between(1.6, 2.4) } else { rng.between(0.95, 1.35) };
    let eye = stand(scene, middle, radius / wide * far, place, rng);
    let mut target = middle;
    let distance = (middle - eye).length();
    let roll = rng.bell() * 0.035;
    let size = ((shape.0 * GLANCE) as u32, (shape.1 * GLANCE) as u32);
    let mut share = 0.0;
    for turn in 0..9 {
        let camera = Camera { eye, target, roll, wide };
        let shown = glance(scene, &camera, size.0, size.1);
        share = shown.share(number);
        if (share - wanted).abs() < 0.025 || (turn > 3 && share > wanted && share < wanted + 0.08) {
            break;
        }
        let Some((x, y)) = shown.middle(number) else {
            target = middle;
            wide = (wide * 1.4).min(0.9);
            continue;
        };
        if wanted < 0.5 && wide >= 0.89 && share > wanted {
            // It is too large even so: let it run out of the picture.
            let aside = (target - eye).cross(Vec3::UP).unit();
            target = target + aside * (0.18 * distance);
            continue;
        }
        if wanted >= 0.5 {
            let (_, towards) =
                camera.view(size.0, size.1).ray(x * size.0 as f32, y * size.1 as f32);
            target = target.mix(eye + towards * distance, 0.7);
        }
        wide = (wide * (share.max(0.01) / wanted).sqrt().clamp(0.6, 1.5)).clamp(0.05, 0.9);
    }
    let camera = Camera { eye, target, roll, wide };
    let blocked = scene.objects.iter().any(|object| object.is_around(eye, 0.12));
    let share = if blocked { 0.0 } else { share };
    Framed { camera, shape, share, extent: wide * distance / radius }
}

/// A place to stand that suits what is photographed, inside the room.
fn stand(scene: &Scene, middle: Vec3, distance: f32, place: Place, rng: &mut Rng) -> Vec3 {
    let (yaw, pitch) = match place {
        Place::Floor => (rng.between(-1.0, 1.0), rng.between(0.12, 0.75)),
        Place::Table => (rng.between(-0.9, 0.9), rng.between(0.0, 0.5)),
        Place::Wall => (rng.between(-0.65, 0.65), rng.between(-0.05, 0.25)),
        Place::Window => (rng.between(-0.6, 0.6), rng.between(-0.1, 0.2)),
        Place::Flat => (rng.between(-TAU / 2.0, TAU / 2.0), rng.between(0.45, 1.25)),
        Place::Frame | Place::Bed => (rng.between(-0.8, 0.8), rng.between(0.3, 0.95)),
    };
    let (sin, cos) = yaw.sin_cos();
    let direction = v(sin * pitch.cos(), pitch.sin(), cos * pitch.cos());
    // Walls are reached before the distance is: shorten it rather than slide along them.
    let (room, _) = scene.room.meet(middle, direction);
    let eye = middle + direction * distance.min(room - 0.2).max(0.4);
    scene.room.inside(eye, 0.15)
}

/// The whole of a product, nothing else: for the catalogue.
pub(crate) fn whole(object: &Object, place: Place) -> Camera {
    let (low, high) = (object.low(), object.high());
    let (middle, half) = ((low + high) * 0.5, (high - low) * 0.5);
    let (yaw, pitch): (f32, f32) = match place {
        Place::Flat => (0.0, 0.95),
        Place::Frame | Place::Bed => (0.55, 0.5),
        Place::Window => (0.0, 0.0),
        Place::Wall => (0.4, 0.08),
        _ => (0.5, 0.25),
    };
    let (sin, cos) = yaw.sin_cos();
    let direction = v(sin * pitch.cos(), pitch.sin(), cos * pitch.cos());
    let distance = half.length() * 4.2;
    let mut camera =
        Camera { eye: middle + direction * distance, target: middle, roll: 0.0, wide: 0.25 };
    // The corners of its box as the camera sees them: as wide as the farthest one needs.
    let view = camera.view(2, 2);
    let (eye, forward) = view.ray(1.0, 1.0);
    let (right, down) = view.across();
    let mut most: f32 = 0.0;
    for corner in 0..8 {
        let sign = |bit: u32| if corner >> bit & 1 == 0 { -1.0 } else { 1.0 };
        let to = middle + v(half.x * sign(0), half.y * sign(1), half.z * sign(2)) - eye;
        let depth = to.dot(forward).max(0.1);
        most = most.max((to.dot(right) / depth).abs()).max((to.dot(down) / depth).abs());
    }
    camera.wide = most * 1.08;
    camera
}
