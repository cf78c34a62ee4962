//! The patterns that take more than a line: figures, woods, tiles.

use std::f32::consts::TAU;

use crate::renderer::noise::{cell, fract, rough, step};

/// 1 in the first part, `width`, of each period, with soft edges.
pub(super) fn band(x: f32, width: f32) -> f32 {
    let (f, soft) = (fract(x), 0.02);
    step(0.0, soft, f) * (1.0 - step(width, width + soft, f))
}

pub(super) fn kilim(u: f32, w: f32) -> (f32, f32) {
    let number = w.floor() as i32;
    let kind = (cell(number, 0, 21) * 5.0) as u32;
    let f = fract(w);
    match kind {
        0 => (1.0, 0.0),
        1 => (0.0, band(u * 2.0, 0.5)),
        2 => {
            let tooth = (fract(u * 1.5) - 0.5).abs() * 2.0;
            let on = step(tooth - 0.05, tooth + 0.05, f);
            (on, 0.0)
        }
        3 => (band(f * 3.0, 0.5), 0.0),
        _ => (0.0, step(0.3, 0.32, f) * (1.0 - step(0.68, 0.7, f))),
    }
}

pub(super) fn flowers(u: f32, w: f32) -> (f32, f32) {
    let (i, j) = (u.floor(), w.floor());
    let salt = |n: u32| cell(i as i32, j as i32, n);
    let (x, y) = (u - i - 0.35 - 0.3 * salt(31), w - j - 0.35 - 0.3 * salt(32));
    let (r, angle) = (x.hypot(y), y.atan2(x) + salt(33) * TAU);
    let size = 0.2 + 0.14 * salt(34);
    let petal = 1.0 - step(0.0, 0.03, r - size * (0.72 + 0.28 * (5.0 * angle).cos()));
    let heart = 1.0 - step(size * 0.25, size * 0.3, r);
    // Leaves on a bent stalk, in the third colour.
    let (x, y) = (u - i - 0.8 * salt(35), w - j - 0.8 * salt(36));
    let leaf = 1.0 - step(0.06, 0.08, (x * 0.9 + y * 0.4).abs() + (y * 0.9 - x * 0.4).abs() * 0.35);
    let leaf = leaf * (1.0 - petal);
    ((petal - heart).max(0.0), heart.max(leaf))
}

pub(super) fn leaves(u: f32, w: f32) -> (f32, f32) {
    let (i, j) = (u.floor(), w.floor());
    let angle = cell(i as i32, j as i32, 41) * TAU;
    let (s, c) = angle.sin_cos();
    let (x, y) = (u - i - 0.5, w - j - 0.5);
    let (x, y) = (x * c + y * s, y * c - x * s);
    let rim = 0.19 * (1.0 - (x / 0.45) * (x / 0.45)).max(0.0);
    let leaf = (1.0 - step(rim - 0.02, rim + 0.01, y.abs())) * f32::from(x.abs() < 0.45);
    let rib = leaf
        * (1.0
            - step(0.012, 0.03, y.abs().min((fract(x * 9.0 + y.abs() * 5.0) - 0.5).abs() * 0.2)));
    let other = f32::from(cell(i as i32, j as i32, 42) > 0.55);
    ((leaf - rib) * (1.0 - other), (leaf - rib) * other)
}

pub(super) fn terrazzo(u: f32, w: f32) -> (f32, f32) {
    let (i, j) = (u.floor(), w.floor());
    let salt = |n: u32| cell(i as i32, j as i32, n);
    let (x, y) = (u - i - 0.3 - 0.4 * salt(51), w - j - 0.3 - 0.4 * salt(52));
    let reach = 0.12 + 0.2 * salt(53);
    let chip =
        x.abs() * (0.6 + 0.4 * salt(54)) + y.abs() * (0.5 + 0.5 * salt(55)) + 0.2 * (x + y).abs();
    let chip = 1.0 - step(reach - 0.03, reach, chip);
    if salt(56) > 0.5 { (chip, 0.0) } else { (0.0, chip) }
}

pub(super) fn planks(u: f32, w: f32) -> (f32, f32) {
    let row = w.floor();
    let x = u * 0.16 + cell(row as i32, 0, 61);
    let tone = cell(x.floor() as i32, row as i32, 62);
    let gap = step(0.475, 0.495, (fract(w) - 0.5).abs()).max(step(
        0.4965,
        0.4985,
        (fract(x) - 0.5).abs(),
    ));
    let grain =
        rough(u * 1.1 + 9.0 * tone, w * 11.0, 63) * 0.6 + rough(u * 0.5, w * 40.0, 64) * 0.4;
    (0.55 * tone + 0.5 * grain, gap * 0.8)
}

/// Blocks of 1 by 4, alternately along and across.
pub(super) fn herringbone(u: f32, w: f32) -> (f32, f32) {
    let (i, j) = (u.floor(), w.floor());
    let lane = (i - j).rem_euclid(8.0);
    let along = lane < 4.0;
    let (across, length) =
        if along { (fract(w), fract(u) + lane) } else { (fract(u), fract(w) + 7.0 - lane) };
    let (bi, bj) = if along { (i - lane, j) } else { (i, j - 7.0 + lane) };
    let tone = cell(bi as i32, bj as i32 + if along { 0 } else { 999 }, 71);
    let gap = step(0.45, 0.5, (across - 0.5).abs()).max(step(1.95, 2.0, (length - 2.0).abs()));
    let grain = rough(length * 0.8 + tone * 31.0, across * 7.0 + tone * 7.0, 72);
    (0.5 * tone + 0.5 * grain, gap * 0.7)
}

pub(super) fn persian(u: f32, w: f32, half: (f32, f32)) -> (f32, f32) {
    let inset = (half.0 - u.abs()).min(half.1 - w.abs());
    let (a, b) = flowers(u.abs() * 7.0, w.abs() * 7.0);
    if inset < 0.42 {
        // Three stripes of border, the middle one with flowers.
        return if inset < 0.07 || (0.34..0.42).contains(&inset) {
            (0.0, 1.0)
        } else {
            let (a, b) = flowers(u * 6.0, w * 6.0);
            (1.0 - a - b, a)
        };
    }
    let (x, y) = (u.abs() / (half.0 - 0.42), w.abs() / (half.1 - 0.42));
    let wobble = 0.05 * ((u.atan2(w)) * 16.0).cos();
    let medallion = x.hypot(y) + wobble;
    let corner = (1.0 - x).hypot(1.0 - y) + wobble;
    if medallion < 0.18 || (0.36..0.42).contains(&medallion) {
        (0.0, 1.0)
    } else if medallion < 0.42 || corner < 0.42 {
        ((1.0 - a - b) * 0.95, a)
    } else {
        (a * 0.8, b)
    }
}
