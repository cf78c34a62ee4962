//! Quantised DCT coefficients of a seeded picture.

use std::f64::consts::PI;

use super::JpegKind;
use crate::Noise;

/// Quantisation steps in zigzag order, of the first component and of the others.
pub(super) const QUANTISATION: [[u8; 64]; 2] = [steps(4, 5), steps(6, 3)];

/// Position in a block, row by row, of each coefficient in zigzag order.
pub(super) const ZIGZAG: [usize; 64] = zigzag();

const fn steps(first: u8, per: u8) -> [u8; 64] {
    let mut steps = [0; 64];
    let mut at = 0;
    while at < 64 {
        steps[at] = first + at as u8 / per;
        at += 1;
    }
    steps
}

const fn zigzag() -> [usize; 64] {
    let mut order = [0; 64];
    let (mut x, mut y, mut at) = (0usize, 0usize, 0);
    while at < 64 {
        order[at] = y * 8 + x;
        if (x + y) % 2 == 0 {
            if x == 7 {
                y += 1;
            } else if y == 0 {
                x += 1;
            } else {
                x += 1;
                y -= 1;
            }
        } else if y == 7 {
            x += 1;
        } else if x == 0 {
            y += 1;
        } else {
            x -= 1;
            y += 1;
        }
        at += 1;
    }
    order
}

/// One component.
pub(super) struct Plane {
    pub(super) sampling: (usize, usize),
    /// Blocks across and down, to whole MCUs.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Blocks that hold pixels of the image.
    pub(super) own_across: usize,
    pub(super) own_down: usize,
    /// Quantised coefficients in zigzag order.
    pub(super) blocks: Vec<[i32; 64]>,
}

pub(super) fn quantised_planes(kind: &JpegKind) -> Vec<Plane> {
    // T.81, A.2.2: a single component is not interleaved, whatever its factors.
    let sampling: Vec<(usize, usize)> =
        kind.sampling.iter().map(|&(h, v)| (usize::from(h), usize::from(v))).collect();
    let h_max = sampling.iter().map(|s| s.0).max().expect("a component");
    let v_max = sampling.iter().map(|s| s.1).max().expect("a component");
    let (width, height) = (usize::from(kind.width), usize::from(kind.height));
    let mcus = (width.div_ceil(8 * h_max), height.div_ceil(8 * v_max));
    let plane = |(component, &(h, v)): (usize, &(usize, usize))| {
        let own = ((width * h).div_ceil(h_max), (height * v).div_ceil(v_max));
        let (across, down) = (mcus.0 * h, mcus.1 * v);
        let scale = (h_max as f64 / h as f64, v_max as f64 / v as f64);
        let sample = |x: usize, y: usize| {
            let (x, y) = (x.min(own.0 - 1) as f64 + 0.5, y.min(own.1 - 1) as f64 + 0.5);
            value(kind.seed, component, x * scale.0, y * scale.1) - 128.0
        };
        let blocks = (0..across * down)
            .map(|block| {
                let (left, top) = (block % across * 8, block / across * 8);
                quantised(component, |x, y| sample(left + x, top + y))
            })
            .collect();
        let (own_across, own_down) = (own.0.div_ceil(8), own.1.div_ceil(8));
        Plane { sampling: (h, v), across, down, own_across, own_down, blocks }
    };
    sampling.iter().enumerate().map(plane).collect()
}

/// The picture: soft waves, so that ways of upsampling hardly differ, with some grain in the first component.
fn value(seed: u64, component: usize, x: f64, y: f64) -> f64 {
    let noise = Noise::named(&format!("{seed} {component}"));
    let wave = |at: usize, along: f64| {
        let length = 40.0 + 60.0 * (noise.at(at) + 0.5);
        (along / length * 2.0 * PI + noise.at(at + 1) * 6.0).sin()
    };
    let grain =
        if component == 0 { noise.at((x as usize) * 7919 + y as usize + 9) * 12.0 } else { 0.0 };
    (128.0 + noise.at(8) * 90.0 + 38.0 * wave(0, x) + 30.0 * wave(4, y) + grain).clamp(0.0, 255.0)
}

fn quantised(component: usize, sample: impl Fn(usize, usize) -> f64) -> [i32; 64] {
    let basis = |k: usize, n: usize| {
        let scale = if k == 0 { (0.125f64).sqrt() } else { 0.5 };
        scale * ((2 * n + 1) as f64 * k as f64 * PI / 16.0).cos()
    };
    let samples: Vec<f64> = (0..64).map(|at| sample(at % 8, at / 8)).collect();
    // Rows, then columns.
    let rows: Vec<f64> = (0..64)
        .map(|at| (0..8).map(|n| samples[at / 8 * 8 + n] * basis(at % 8, n)).sum())
        .collect();
    let steps = &QUANTISATION[usize::from(component > 0)];
    std::array::from_fn(|at| {
        let (u, v) = (ZIGZAG[at] % 8, ZIGZAG[at] / 8);
        let coefficient: f64 = (0..8).map(|n| rows[n * 8 + u] * basis(v, n)).sum();
        (coefficient / f64::from(steps[at])).round() as i32
    })
}
