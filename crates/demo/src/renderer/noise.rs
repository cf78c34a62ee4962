//! Value noise for procedural textures, a function of position alone, and interpolation helpers.

/// A hash of a grid cell, 0 to 1.
pub(crate) fn cell(x: i32, y: i32, salt: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1)
        ^ (y as u32).wrapping_mul(0x85EB_CA77)
        ^ salt.wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    (h ^ (h >> 15)) as f32 / u32::MAX as f32
}

/// Value noise, 0 to 1, with a period of about 1: hashes of grid points, interpolated.
pub(crate) fn smooth(x: f32, y: f32, salt: u32) -> f32 {
    let (i, j) = (x.floor(), y.floor());
    let (u, w) = (ease(x - i), ease(y - j));
    let (i, j) = (i as i32, j as i32);
    let (j1, i1) = (j.wrapping_add(1), i.wrapping_add(1));
    let near = cell(i, j, salt) * (1.0 - u) + cell(i1, j, salt) * u;
    let far = cell(i, j1, salt) * (1.0 - u) + cell(i1, j1, salt) * u;
    near * (1.0 - w) + far * w
}

/// Fractal noise: three octaves of [`smooth`], 0 to 1.
pub(crate) fn rough(x: f32, y: f32, salt: u32) -> f32 {
    smooth(x, y, salt) * 0.57
        + smooth(x * 2.03 + 7.1, y * 2.03, salt ^ 1) * 0.29
        + smooth(x * 4.1, y * 4.1 + 3.7, salt ^ 2) * 0.14
}

/// The smoothstep polynomial.
pub(crate) fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// Smoothstep: 0 below `low`, 1 above `high`.
pub(crate) fn step(low: f32, high: f32, x: f32) -> f32 {
    ease(((x - low) / (high - low)).clamp(0.0, 1.0))
}

/// The fractional part, 0 to 1.
pub(crate) fn fract(x: f32) -> f32 {
    x - x.floor()
}
