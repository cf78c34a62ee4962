//! Composes a photo: a room, the product in it, clutter, light, and a camera.

use std::f32::consts::TAU;

use super::framing::{catalogue_camera, frame};
use super::interior::{Interior, random_interior, studio};
use crate::photo_plan::{PhotoKind, PlannedPhoto};
use crate::renderer::camera::Camera;
use crate::renderer::object::Object;
use crate::renderer::post_process::PostProcessing;
use crate::renderer::scene::{Light, Scene, tint};
use crate::renderer::vector::{Rotation, Vec3, v};
use crate::rng::Rng;
use crate::shop::Category;
use crate::shop::furniture::{Placement, ProductSpec, props};

/// Everything that determines a photo.
pub(crate) struct Shot {
    pub(crate) scene: Scene,
    pub(crate) camera: Camera,
    pub(crate) post_processing: PostProcessing,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Composes a planned photo, of which the longer side has `side` pixels.
pub(crate) fn compose(
    specs: &[ProductSpec],
    planned: &PlannedPhoto,
    side: u32,
    rng: &mut Rng,
) -> Shot {
    let number = planned.product as u16;
    let spec = &specs[planned.product];
    // Lamps are often photographed in the evening.
    let evening = rng.chance(if spec.category == Category::Lamp { 0.5 } else { 0.15 });
    let mut scene = empty_scene(random_interior(rng, spec.placement == Placement::Window, evening));
    place_product(&mut scene, spec, number, rng);
    if spec.category == Category::Lamp {
        switch_on(&mut scene, number);
    }
    let mut second = None;
    if planned.kind == PhotoKind::TwoProducts {
        second = add_second(&mut scene, specs, planned.product, rng);
    }
    let clutter = match planned.kind {
        PhotoKind::Cluttered => 40 + rng.below(20),
        _ => 1 + rng.below(5),
    };
    scatter_props(&mut scene, spec.placement, clutter, planned.kind == PhotoKind::Cluttered, rng);

    let target_coverage = match planned.kind {
        PhotoKind::Small => rng.between(0.08, 0.32),
        PhotoKind::Cluttered => rng.between(0.34, 0.55),
        _ => rng.between(0.54, 0.74),
    };
    let framed = frame(&scene, number, spec.placement, target_coverage, rng);
    let (mut camera, mut aspect) = match framed {
        Some(framing) => (framing.camera, framing.aspect),
        None => (catalogue_camera(&spec.model, spec.placement), (1.0, 1.0)),
    };
    if let Some(second) = second {
        (camera, aspect) = (camera_on_two(&scene, number, second, rng), (1.0, 0.75));
    }
    let pixels = |fraction: f32| ((side as f32 * fraction).round() as u32).max(16);
    let (width, height) = (pixels(aspect.0), pixels(aspect.1));
    Shot { scene, camera, post_processing: post_processing(planned.kind, rng), width, height }
}

/// A product alone on white, on a bed if it needs one.
pub(crate) fn catalogue_shot(spec: &ProductSpec, number: u16, side: u32) -> Shot {
    let mut scene = empty_scene(studio());
    let model = spec.model.clone().with_product(number);
    if spec.placement == Placement::Bed {
        scene.objects.push(props::bed(&mut Rng::new(0, 0)));
    }
    let camera = catalogue_camera(&model, spec.placement);
    scene.objects.push(model);
    let post_processing = PostProcessing {
        exposure: 2.0,
        warmth: 0.0,
        noise: 0.0,
        blur: 0.0,
        motion_blur: (0.0, 0.0),
        vignette: 0.0,
        jpeg_quality: 92,
    };
    Shot { scene, camera, post_processing, width: side, height: side }
}

fn empty_scene(interior: Interior) -> Scene {
    let Interior { room, key, fill, sun, ambient_above, ambient_below } = interior;
    Scene { room, objects: Vec::new(), key, fill, sun, ambient_above, ambient_below }
}

/// Places the product by its placement, with the furniture under it.
fn place_product(scene: &mut Scene, spec: &ProductSpec, number: u16, rng: &mut Rng) {
    let model = spec.model.clone().with_product(number);
    let (back, depth) = (scene.room.low.z, model.high().z - model.low().z);
    let aside = rng.between(-0.4, 0.4);
    let mut put = |model: &Object, at: Vec3, yaw: f32| {
        scene.objects.push(model.transformed(at, &Rotation::about_y(yaw)));
    };
    match spec.placement {
        Placement::Floor => {
            let yaw = if rng.chance(0.88) { rng.between(-0.6, 0.6) } else { rng.between(0.0, TAU) };
            put(&model, v(aside, 0.0, rng.between(-0.9, 0.0)), yaw);
        }
        Placement::Wall => put(&model, v(aside, 0.0, back + depth * 0.5 + 0.03), 0.0),
        Placement::Table => {
            let at = v(aside, 0.0, back + rng.between(0.35, 1.2));
            put(&props::low_table(rng), at, 0.0);
            let on = v(at.x + rng.between(-0.06, 0.06), props::LOW_TABLE_HEIGHT, at.z);
            put(&model, on, rng.between(0.0, TAU));
            if rng.chance(0.6) {
                let way = if rng.chance(0.5) { 0.22 } else { -0.22 };
                let beside = v(at.x + way, props::LOW_TABLE_HEIGHT, at.z + rng.between(0.0, 0.14));
                put(&props::small(rng), beside, rng.between(-1.0, 1.0));
            }
        }
        Placement::Window => put(&model, v(0.0, 0.0, back + 0.13), 0.0),
        Placement::Flat => {
            put(&model, v(aside, 0.0, rng.between(-0.5, 0.3)), rng.between(-0.3, 0.3))
        }
        Placement::Frame => {
            let at = v(aside, 0.0, back + 1.12);
            if rng.chance(0.7) {
                put(&props::bedstead(rng), at, 0.0);
                put(&model, at + v(0.0, props::BEDSTEAD_HEIGHT, 0.02), 0.0);
            } else {
                put(&model, at, 0.0);
            }
        }
        Placement::Bed => {
            let at = v(aside, 0.0, back + 1.13);
            put(&props::bed(rng), at, 0.0);
            put(&model, at, 0.0);
        }
    }
}

/// Turns a lamp into the fill light.
fn switch_on(scene: &mut Scene, number: u16) {
    let lamp = scene.objects.iter().find(|object| object.product == Some(number));
    if let Some(lamp) = lamp {
        let (low, high) = (lamp.low(), lamp.high());
        let bulb = v((low.x + high.x) * 0.5, high.y - 0.12, (low.z + high.z) * 0.5);
        scene.fill =
            Light { position: bulb, colour: tint(0.9) * 0.55, half_distance: 0.5, hardness: 4.0 };
    }
}

/// Adds another product beside the first; returns its number.
fn add_second(
    scene: &mut Scene,
    specs: &[ProductSpec],
    first: usize,
    rng: &mut Rng,
) -> Option<u16> {
    let main = scene.objects.iter().find(|o| o.product == Some(first as u16))?.clone();
    let movable: Vec<usize> = (0..specs.len())
        .filter(|&number| number != first && specs[number].placement == Placement::Floor)
        .collect();
    let number = rng.pick(&movable);
    let model = specs[number].model.clone().with_product(number as u16);
    let way = if rng.chance(0.5) { 1.0 } else { -1.0 };
    let rotation = Rotation::about_y(rng.between(-0.5, 0.5));
    let own = model.transformed(Vec3::ZERO, &rotation);
    let half = (own.high().x - own.low().x) * 0.5;
    let middle = (main.low() + main.high()) * 0.5;
    let beside = (main.high().x - main.low().x) * 0.5 + half + 0.06;
    // On a carpet, or in front of a curtain or a bed, it may hide a part.
    let at = match specs[first].placement {
        Placement::Flat => v(middle.x + way * 0.4, 0.02, middle.z),
        Placement::Window => v(way * 0.5, 0.0, main.high().z + 0.5),
        Placement::Bed | Placement::Frame => {
            v(middle.x + way * 0.2, 0.0, main.high().z + half + 0.15)
        }
        _ => v(middle.x + way * beside, 0.0, middle.z + 0.1),
    };
    let margin = half.max(0.3) + 0.05;
    let at = v(scene.room.inside(at, margin).x, at.y, scene.room.inside(at, margin).z);
    scene.objects.push(model.transformed(at, &rotation));
    Some(number as u16)
}

/// A camera that shows two products.
fn camera_on_two(scene: &Scene, first: u16, second: u16, rng: &mut Rng) -> Camera {
    let of = |number: u16| scene.objects.iter().filter(move |o| o.product == Some(number));
    let (low, high) = of(first).chain(of(second)).fold(
        (Vec3::splat(f32::INFINITY), Vec3::splat(f32::NEG_INFINITY)),
        |(low, high), object| (low.min(object.low()), high.max(object.high())),
    );
    let (middle, radius) = ((low + high) * 0.5, (high - low).length() * 0.5);
    let (yaw, pitch) = (rng.between(-0.35, 0.35), rng.between(0.15, 0.5));
    let direction = v(yaw.sin() * pitch.cos(), pitch.sin(), yaw.cos() * pitch.cos());
    let (free, _) = scene.room.intersect(middle, direction);
    let distance = (radius / 0.5).min(free - 0.2).max(0.4);
    let tan_half_fov = (radius * rng.between(0.72, 0.9) / distance).clamp(0.2, 0.95);
    let eye = scene.room.inside(middle + direction * distance, 0.15);
    Camera { eye, target: middle, roll: rng.bell() * 0.03, tan_half_fov }
}

/// Scatters props where there is room: around the product and, if it is to be partly `occluded`, between it and the
/// camera.
fn scatter_props(
    scene: &mut Scene,
    placement: Placement,
    count: usize,
    occluded: bool,
    rng: &mut Rng,
) {
    let Some(product) = scene.objects.iter().find(|object| object.product.is_some()) else {
        return;
    };
    let (low, high) = (product.low(), product.high());
    let middle = (low + high) * 0.5;
    let reach = v(high.x - low.x, 0.0, high.z - low.z) * 0.5;
    let before = scene.objects.len();
    for _ in 0..count {
        let prop = props::on_floor(rng);
        let angle = if occluded { rng.between(-2.6, 2.6) } else { rng.between(0.9, TAU - 0.9) };
        let (sin, cos) = angle.sin_cos();
        let away = rng.between(0.05, 0.9);
        let flat = placement == Placement::Flat || placement == Placement::Bed;
        // Props lie on the edge of a carpet, and on a bed.
        let on_it = flat && rng.chance(0.5);
        let (x, z) = if on_it {
            (middle.x + reach.x * 0.8 * sin, middle.z + reach.z * 0.8 * cos)
        } else {
            (middle.x + sin * (reach.x + away), middle.z + cos * (reach.z + away))
        };
        let y = match placement {
            Placement::Flat if on_it => high.y,
            Placement::Bed if on_it => 0.585,
            _ => 0.0,
        };
        let prop = prop.transformed(v(x, y, z), &Rotation::about_y(rng.between(0.0, TAU)));
        let fits = scene.room.inside(prop.low(), 0.0).x == prop.low().x
            && scene.room.inside(prop.high(), 0.0).x == prop.high().x
            && prop.low().z > scene.room.low.z
            && prop.high().z < scene.room.high.z - 0.6;
        // A prop on a product touches it, and the bed below.
        let in_the_way = if on_it { &scene.objects[before..] } else { &scene.objects[..] };
        if fits && !in_the_way.iter().any(|other| overlap(other, &prop)) {
            scene.objects.push(prop);
        }
    }
    if !matches!(placement, Placement::Window | Placement::Wall) {
        for _ in 0..rng.below(3) {
            let picture = props::picture(rng);
            let at = v(rng.between(-1.3, 1.3), rng.between(1.4, 1.75), scene.room.low.z);
            let picture = picture.transformed(at, &Rotation::IDENTITY);
            if !scene.objects.iter().any(|other| overlap(other, &picture)) {
                scene.objects.push(picture);
            }
        }
    }
}

fn overlap(a: &Object, b: &Object) -> bool {
    (a.low() - b.high()).max(b.low() - a.high()).max_element() < 0.0
}

fn post_processing(kind: PhotoKind, rng: &mut Rng) -> PostProcessing {
    let exposure = match kind {
        PhotoKind::Dark => rng.between(0.05, 0.11),
        PhotoKind::Bright => rng.between(5.0, 9.0),
        _ => rng.between(0.78, 1.12),
    };
    let (mut blur, mut motion_blur) = (0.0, (0.0, 0.0));
    if kind == PhotoKind::Blurry {
        if rng.chance(0.5) {
            blur = rng.between(0.009, 0.024);
        } else {
            motion_blur = (rng.between(0.0, TAU), rng.between(0.045, 0.1));
        }
    }
    PostProcessing {
        exposure,
        warmth: rng.bell() * 0.45,
        noise: if kind == PhotoKind::Dark {
            rng.between(0.012, 0.03)
        } else {
            rng.between(0.002, 0.014)
        },
        blur,
        motion_blur,
        vignette: rng.between(0.0, 0.25),
        jpeg_quality: 74 + rng.below(20) as u8,
    }
}
