//! Setting the stage for a photo: a room, the product in it, other things, light, a camera.

use std::f32::consts::TAU;

use crate::camera::Camera;
use crate::decor::{Decor, decorate, studio};
use crate::develop::Development;
use crate::frame::{frame, whole};
use crate::furniture::{Item, Place, props};
use crate::object::Object;
use crate::plan::{Kind, Planned};
use crate::rng::Rng;
use crate::scene::{Light, Scene, tint};
use crate::shop::Category;
use crate::vector::{Turn, Vec3, v};

/// Everything that a photo follows from.
pub(crate) struct Shot {
    pub(crate) scene: Scene,
    pub(crate) camera: Camera,
    pub(crate) development: Development,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// The stage of a planned photo, of which the longer side has `side` pixels.
pub(crate) fn set(items: &[Item], planned: &Planned, side: u32, rng: &mut Rng) -> Shot {
    let number = planned.product as u16;
    let item = &items[planned.product];
    // Lamps are photographed when they are needed.
    let evening = rng.chance(if item.category == Category::Lamp { 0.5 } else { 0.15 });
    let mut scene = empty(decorate(rng, item.place == Place::Window, evening));
    furnish(&mut scene, item, number, rng);
    if item.category == Category::Lamp {
        switch_on(&mut scene, number);
    }
    let mut second = None;
    if planned.kind == Kind::Two {
        second = add_second(&mut scene, items, planned.product, rng);
    }
    let things = match planned.kind {
        Kind::Cluttered => 40 + rng.below(20),
        _ => 1 + rng.below(5),
    };
    scatter(&mut scene, item.place, things, planned.kind == Kind::Cluttered, rng);

    let wanted = match planned.kind {
        Kind::Small => rng.between(0.08, 0.32),
        Kind::Cluttered => rng.between(0.34, 0.55),
        _ => rng.between(0.54, 0.74),
    };
    let framed = frame(&scene, number, item.place, wanted, rng);
    let (mut camera, shape) = match framed {
        Some(framed) => (framed.camera, framed.shape),
        None => (whole(&item.model, item.place), (1.0, 1.0)),
    };
    let mut shape = shape;
    if let Some(second) = second {
        (camera, shape) = (both(&scene, number, second, rng), (1.0, 0.75));
    }
    let pixels = |share: f32| ((side as f32 * share).round() as u32).max(16);
    let (width, height) = (pixels(shape.0), pixels(shape.1));
    Shot { scene, camera, development: development(planned.kind, rng), width, height }
}

/// A product alone on white; on its bed, if it needs one.
pub(crate) fn catalogue(item: &Item, number: u16, side: u32) -> Shot {
    let mut scene = empty(studio());
    let model = item.model.clone().of_product(number);
    if item.place == Place::Bed {
        scene.objects.push(props::bed(&mut Rng::new(0, 0)));
    }
    let camera = whole(&model, item.place);
    scene.objects.push(model);
    let development = Development {
        exposure: 2.0,
        warmth: 0.0,
        noise: 0.0,
        blur: 0.0,
        shake: (0.0, 0.0),
        vignette: 0.0,
        quality: 92,
    };
    Shot { scene, camera, development, width: side, height: side }
}

fn empty(decor: Decor) -> Scene {
    let Decor { room, key, fill, sun, above, below } = decor;
    Scene { room, objects: Vec::new(), key, fill, sun, above, below }
}

/// Puts the product where such things are, with what belongs under it.
fn furnish(scene: &mut Scene, item: &Item, number: u16, rng: &mut Rng) {
    let model = item.model.clone().of_product(number);
    let (back, depth) = (scene.room.low.z, model.high().z - model.low().z);
    let aside = rng.between(-0.4, 0.4);
    let mut put = |model: &Object, at: Vec3, yaw: f32| {
        scene.objects.push(model.placed(at, &Turn::about_y(yaw)));
    };
    match item.place {
        Place::Floor => {
            let yaw = if rng.chance(0.88) { rng.between(-0.6, 0.6) } else { rng.between(0.0, TAU) };
            put(&model, v(aside, 0.0, rng.between(-0.9, 0.0)), yaw);
        }
        Place::Wall => put(&model, v(aside, 0.0, back + depth * 0.5 + 0.03), 0.0),
        Place::Table => {
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
        Place::Window => put(&model, v(0.0, 0.0, back + 0.13), 0.0),
        Place::Flat => put(&model, v(aside, 0.0, rng.between(-0.5, 0.3)), rng.between(-0.3, 0.3)),
        Place::Frame => {
            let at = v(aside, 0.0, back + 1.12);
            if rng.chance(0.7) {
                put(&props::bedstead(rng), at, 0.0);
                put(&model, at + v(0.0, props::BEDSTEAD_HEIGHT, 0.02), 0.0);
            } else {
                put(&model, at, 0.0);
            }
        }
        Place::Bed => {
            let at = v(aside, 0.0, back + 1.13);
            put(&props::bed(rng), at, 0.0);
            put(&model, at, 0.0);
        }
    }
}

/// A lamp lights what is near it.
fn switch_on(scene: &mut Scene, number: u16) {
    let lamp = scene.objects.iter().find(|object| object.product == Some(number));
    if let Some(lamp) = lamp {
        let (low, high) = (lamp.low(), lamp.high());
        let bulb = v((low.x + high.x) * 0.5, high.y - 0.12, (low.z + high.z) * 0.5);
        scene.fill = Light { at: bulb, colour: tint(0.9) * 0.55, reach: 0.5, sharp: 4.0 };
    }
}

/// Another product beside the first; its number.
fn add_second(scene: &mut Scene, items: &[Item], first: usize, rng: &mut Rng) -> Option<u16> {
    let main = scene.objects.iter().find(|o| o.product == Some(first as u16))?.clone();
    let movable: Vec<usize> = (0..items.len())
        .filter(|&number| number != first && items[number].place == Place::Floor)
        .collect();
    let number = rng.pick(&movable);
    let model = items[number].model.clone().of_product(number as u16);
    let way = if rng.chance(0.5) { 1.0 } else { -1.0 };
    let turn = Turn::about_y(rng.between(-0.5, 0.5));
    let own = model.placed(Vec3::ZERO, &turn);
    let half = (own.high().x - own.low().x) * 0.5;
    let middle = (main.low() + main.high()) * 0.5;
    let beside = (main.high().x - main.low().x) * 0.5 + half + 0.06;
    // On a carpet, before a curtain or a bed, it may stand in front.
    let at = match items[first].place {
        Place::Flat => v(middle.x + way * 0.4, 0.02, middle.z),
        Place::Window => v(way * 0.5, 0.0, main.high().z + 0.5),
        Place::Bed | Place::Frame => v(middle.x + way * 0.2, 0.0, main.high().z + half + 0.15),
        _ => v(middle.x + way * beside, 0.0, middle.z + 0.1),
    };
    let margin = half.max(0.3) + 0.05;
    let at = v(scene.room.inside(at, margin).x, at.y, scene.room.inside(at, margin).z);
    scene.objects.push(model.placed(at, &turn));
    Some(number as u16)
}

/// A view of two products.
fn both(scene: &Scene, first: u16, second: u16, rng: &mut Rng) -> Camera {
    let of = |number: u16| scene.objects.iter().filter(move |o| o.product == Some(number));
    let (low, high) = of(first)
        .chain(of(second))
        .fold((Vec3::all(f32::INFINITY), Vec3::all(f32::NEG_INFINITY)), |(low, high), object| {
            (low.min(object.low()), high.max(object.high()))
        });
    let (middle, radius) = ((low + high) * 0.5, (high - low).length() * 0.5);
    let (yaw, pitch) = (rng.between(-0.35, 0.35), rng.between(0.15, 0.5));
    let direction = v(yaw.sin() * pitch.cos(), pitch.sin(), yaw.cos() * pitch.cos());
    let (free, _) = scene.room.meet(middle, direction);
    let distance = (radius / 0.5).min(free - 0.2).max(0.4);
    let wide = (radius * rng.between(0.72, 0.9) / distance).clamp(0.2, 0.95);
    let eye = scene.room.inside(middle + direction * distance, 0.15);
    Camera { eye, target: middle, roll: rng.bell() * 0.03, wide }
}

/// Other things, where there is room: around the product, and between it and the camera if it is
/// to be `hidden` in part.
fn scatter(scene: &mut Scene, place: Place, count: usize, hidden: bool, rng: &mut Rng) {
    let Some(product) = scene.objects.iter().find(|object| object.product.is_some()) else {
        return;
    };
    let (low, high) = (product.low(), product.high());
    let middle = (low + high) * 0.5;
    let reach = v(high.x - low.x, 0.0, high.z - low.z) * 0.5;
    let before = scene.objects.len();
    for _ in 0..count {
        let thing = props::on_floor(rng);
        let angle = if hidden { rng.between(-2.6, 2.6) } else { rng.between(0.9, TAU - 0.9) };
        let (sin, cos) = angle.sin_cos();
        let away = rng.between(0.05, 0.9);
        let flat = place == Place::Flat || place == Place::Bed;
        // Things lie on the edge of a carpet, and on a bed.
        let on_it = flat && rng.chance(0.5);
        let (x, z) = if on_it {
            (middle.x + reach.x * 0.8 * sin, middle.z + reach.z * 0.8 * cos)
        } else {
            (middle.x + sin * (reach.x + away), middle.z + cos * (reach.z + away))
        };
        let y = match place {
            Place::Flat if on_it => high.y,
            Place::Bed if on_it => 0.585,
            _ => 0.0,
        };
        let thing = thing.placed(v(x, y, z), &Turn::about_y(rng.between(0.0, TAU)));
        let fits = scene.room.inside(thing.low(), 0.0).x == thing.low().x
            && scene.room.inside(thing.high(), 0.0).x == thing.high().x
            && thing.low().z > scene.room.low.z
            && thing.high().z < scene.room.high.z - 0.6;
        // What lies on a product touches it, and the bed below.
        let in_the_way = if on_it { &scene.objects[before..] } else { &scene.objects[..] };
        if fits && !in_the_way.iter().any(|other| overlap(other, &thing)) {
            scene.objects.push(thing);
        }
    }
    if !matches!(place, Place::Window | Place::Wall) {
        for _ in 0..rng.below(3) {
            let picture = props::picture(rng);
            let at = v(rng.between(-1.3, 1.3), rng.between(1.4, 1.75), scene.room.low.z);
            let picture = picture.placed(at, &Turn::NONE);
            if !scene.objects.iter().any(|other| overlap(other, &picture)) {
                scene.objects.push(picture);
            }
        }
    }
}

fn overlap(a: &Object, b: &Object) -> bool {
    (a.low() - b.high()).max(b.low() - a.high()).largest() < 0.0
}

fn development(kind: Kind, rng: &mut Rng) -> Development {
    let exposure = match kind {
        Kind::Dark => rng.between(0.05, 0.11),
        Kind::Bright => rng.between(5.0, 9.0),
        _ => rng.between(0.78, 1.12),
    };
    let (mut blur, mut shake) = (0.0, (0.0, 0.0));
    if kind == Kind::Blurred {
        if rng.chance(0.5) {
            blur = rng.between(0.009, 0.024);
        } else {
            shake = (rng.between(0.0, TAU), rng.between(0.045, 0.1));
        }
    }
    Development {
        exposure,
        warmth: rng.bell() * 0.45,
        noise: if kind == Kind::Dark {
            rng.between(0.012, 0.03)
        } else {
            rng.between(0.002, 0.014)
        },
        blur,
        shake,
        vignette: rng.between(0.0, 0.25),
        quality: 74 + rng.below(20) as u8,
    }
}
