//! Patterns that are printed or woven on a surface, and reliefs that are pressed into it.
//!
//! Both are functions of (u, w), a place on the surface counted in the pattern's periods.

use std::f32::consts::{PI, TAU};

use crate::noise::{cell, fract, rough, smooth, step};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pattern {
    Plain,
    /// Grain along the longest side; the only pattern that depends on the whole place.
    Wood,
    Stripes,
    Pinstripes,
    /// Stripes of different widths and colours.
    Kilim,
    Checks,
    Gingham,
    Windowpane,
    Dots,
    Chevron,
    Diamonds,
    Flowers,
    Leaves,
    Waves,
    Terrazzo,
    Marble,
    Melange,
    Rattan,
    Planks,
    Herringbone,
    Tiles,
    Bricks,
    /// A border, a field of small flowers and a medallion, on a carpet with these half edges.
    Persian {
        half: (f32, f32),
    },
    /// Rings around the centre.
    Rings,
}

impl Pattern {
    /// The shares of the second and third colour, 0 to 1; the base colour has what is left.
    pub(crate) fn mix(self, u: f32, w: f32) -> (f32, f32) {
        match self {
            Self::Plain | Self::Wood => (0.0, 0.0),
            Self::Stripes => (band(u, 0.5), 0.0),
            Self::Pinstripes => (band(u, 0.12), 0.0),
            Self::Kilim => kilim(u, w),
            Self::Checks => {
                let (a, b) = (band(u, 0.5), band(w, 0.5));
                (a + b - 2.0 * a * b, 0.0)
            }
            Self::Gingham => (0.5 * (band(u, 0.5) + band(w, 0.5)), 0.0),
            Self::Windowpane => {
                (band(u, 0.08).max(band(w, 0.08)), band(u + 0.5, 0.03).max(band(w + 0.5, 0.03)))
            }
            Self::Dots => {
                let row = w.floor();
                let (x, y) = (fract(u + 0.5 * fract(row * 0.5) * 2.0) - 0.5, fract(w) - 0.5);
                (1.0 - step(0.24, 0.28, x.hypot(y)), 0.0)
            }
            Self::Chevron => (band(w + (fract(u) - 0.5).abs(), 0.5), 0.0),
            Self::Diamonds => {
                let d = (fract(u) - 0.5).abs() + (fract(w) - 0.5).abs();
                (step(0.33, 0.35, d) * (1.0 - step(0.43, 0.45, d)), 1.0 - step(0.13, 0.15, d))
            }
            Self::Flowers => flowers(u, w),
            Self::Leaves => leaves(u, w),
            Self::Waves => (band(w + 0.16 * (u * TAU).sin(), 0.4), 0.0),
            Self::Terrazzo => terrazzo(u, w),
            Self::Marble => {
                let bent = u + 0.9 * rough(u * 0.8, w * 0.8, 11) + 0.5 * w;
                let vein = 1.0 - (rough(bent * 0.9, w * 0.9, 5) - 0.5).abs() * 16.0;
                (vein.clamp(0.0, 1.0) * 0.8, rough(u * 0.5, w * 0.5, 17) * 0.3)
            }
            Self::Melange => {
                (smooth(u * 3.0, w * 0.7, 3) * 0.5 + smooth(u * 0.7, w * 3.0, 4) * 0.5, 0.0)
            }
            Self::Rattan => {
                let (a, b) = (fract(u), fract(w));
                let over = (u.floor() + w.floor()).rem_euclid(2.0) < 0.5;
                let (across, hole) = if over { (a, b) } else { (b, a) };
                let edge = step(0.36, 0.5, (across - 0.5).abs());
                (0.45 * step(0.1, 0.5, (hole - 0.5).abs()), edge * 0.9)
            }
            Self::Planks => planks(u, w),
            Self::Herringbone => herringbone(u, w),
            Self::Tiles => {
                let gap = step(0.482, 0.49, (fract(u) - 0.5).abs()).max(step(
                    0.482,
                    0.49,
                    (fract(w) - 0.5).abs(),
                ));
                (cell(u.floor() as i32, w.floor() as i32, 8) * 0.35, gap)
            }
            Self::Bricks => {
                let row = w.floor();
                let x = u * 0.5 + 0.5 * fract(row * 0.5) * 2.0 * 0.5;
                let gap = step(0.465, 0.48, (fract(x) - 0.5).abs()).max(step(
                    0.43,
                    0.46,
                    (fract(w) - 0.5).abs(),
                ));
                let tone =
                    cell(x.floor() as i32, row as i32, 9) * 0.7 + rough(u * 5.0, w * 5.0, 2) * 0.3;
                (tone, gap)
            }
            Self::Persian { half } => persian(u, w, half),
            Self::Rings => {
                let ring = u.hypot(w);
                (band(ring, 0.5) * 0.8, 0.2 * band(w.atan2(u) * 12.0 / PI + ring, 0.4))
            }
        }
    }
}

/// 1 in the first `share` of each period, with soft edges.
fn band(x: f32, share: f32) -> f32 {
    let (f, soft) = (fract(x), 0.02);
    step(0.0, soft, f) * (1.0 - step(share, share + soft, f))
}

fn kilim(u: f32, w: f32) -> (f32, f32) {
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

fn flowers(u: f32, w: f32) -> (f32, f32) {
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

fn leaves(u: f32, w: f32) -> (f32, f32) {
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

fn terrazzo(u: f32, w: f32) -> (f32, f32) {
    let (i, j) = (u.floor(), w.floor());
    let salt = |n: u32| cell(i as i32, j as i32, n);
    let (x, y) = (u - i - 0.3 - 0.4 * salt(51), w - j - 0.3 - 0.4 * salt(52));
    let reach = 0.12 + 0.2 * salt(53);
    let chip =
        x.abs() * (0.6 + 0.4 * salt(54)) + y.abs() * (0.5 + 0.5 * salt(55)) + 0.2 * (x + y).abs();
    let chip = 1.0 - step(reach - 0.03, reach, chip);
    if salt(56) > 0.5 { (chip, 0.0) } else { (0.0, chip) }
}

fn planks(u: f32, w: f32) -> (f32, f32) {
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
fn herringbone(u: f32, w: f32) -> (f32, f32) {
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

fn persian(u: f32, w: f32, half: (f32, f32)) -> (f32, f32) {
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

/// What is pressed into a surface: seams, buttons, threads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Relief {
    Flat,
    /// Seams that cross, with the cloth swelling between them.
    Quilt,
    /// Buttons drawn deep into a soft surface.
    Tufts,
    Weave,
    Knit,
    Fleece,
    Ribs,
    Waffle,
    /// Soft creases of cloth.
    Creases,
    /// Panels with grooves between them.
    Grooves,
}

impl Relief {
    /// Height, 0 (deepest) to 1.
    pub(crate) fn height(self, u: f32, w: f32) -> f32 {
        match self {
            Self::Flat => 1.0,
            Self::Quilt => ((PI * (u + w)).sin() * (PI * (u - w)).sin()).abs().sqrt(),
            Self::Tufts => {
                let (x, y) = (fract(u) - 0.5, fract(w) - 0.5);
                step(0.0, 0.33, x.hypot(y)) * (0.85 + 0.15 * (0.5 - x.abs().max(y.abs())))
            }
            Self::Weave => {
                let (a, b) = ((PI * u).sin(), (PI * w).sin());
                if (u.floor() + w.floor()).rem_euclid(2.0) < 0.5 { a.abs() } else { b.abs() }
            }
            Self::Knit => {
                let slant = w + 0.45 * (fract(u) - 0.5).abs() * 2.0;
                (PI * u).sin().abs() * (0.4 + 0.6 * (PI * slant).sin().abs())
            }
            Self::Fleece => rough(u * 1.7, w * 1.7, 81),
            Self::Ribs => (PI * u).sin().abs().sqrt(),
            Self::Waffle => (PI * u).sin().abs().max((PI * w).sin().abs()).powi(3),
            Self::Creases => {
                let bend = u + 1.3 * smooth(u * 0.7, w * 0.7, 82);
                rough(bend * 0.6, w * 0.35 + bend * 0.2, 83)
            }
            Self::Grooves => step(0.0, 0.09, 0.5 - (fract(u) - 0.5).abs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_heights_stay_between_0_and_1() {
        use Pattern as P;
        let patterns = [
            P::Plain,
            P::Wood,
            P::Stripes,
            P::Pinstripes,
            P::Kilim,
            P::Checks,
            P::Gingham,
            P::Windowpane,
            P::Dots,
            P::Chevron,
            P::Diamonds,
            P::Flowers,
            P::Leaves,
            P::Waves,
            P::Terrazzo,
            P::Marble,
            P::Melange,
            P::Rattan,
            P::Planks,
            P::Herringbone,
            P::Tiles,
            P::Bricks,
            P::Persian { half: (0.8, 1.2) },
            P::Rings,
        ];
        use Relief as R;
        let reliefs = [
            R::Flat,
            R::Quilt,
            R::Tufts,
            R::Weave,
            R::Knit,
            R::Fleece,
            R::Ribs,
            R::Waffle,
            R::Creases,
            R::Grooves,
        ];
        for step in 0..4000 {
            let (u, w) = (step as f32 * 0.137 - 270.0, step as f32 * -0.071 + 99.0);
            let (u, w) = if step % 2 == 0 { (u, w) } else { (u * 0.003, w * 0.01) };
            for pattern in patterns {
                let (a, b) = pattern.mix(u, w);
                assert!(
                    (-1e-4..=1.2).contains(&a) && (-1e-4..=1.2).contains(&b),
                    "{pattern:?}: {a} {b}"
                );
            }
            for relief in reliefs {
                let height = relief.height(u, w);
                assert!((-1e-4..=1.0001).contains(&height), "{relief:?}: {height}");
            }
        }
    }
}
