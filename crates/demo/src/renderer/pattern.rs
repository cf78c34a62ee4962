//! Patterns: procedural textures of up to three colours, functions of (u, w), a position on the surface in periods of
//! the pattern.

mod figures;

use std::f32::consts::{PI, TAU};

use self::figures::{band, flowers, herringbone, kilim, leaves, persian, planks, terrazzo};
use crate::renderer::noise::{cell, fract, rough, smooth, step};

/// A pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pattern {
    Plain,
    /// Grain along the longest side; the only pattern that depends on the position in space.
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
    /// The weights of the second and third colour, 0 to 1; the base colour has the rest.
    pub(crate) fn weights(self, u: f32, w: f32) -> (f32, f32) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_stay_between_0_and_1() {
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
        for step in 0..4000 {
            let (u, w) = (step as f32 * 0.137 - 270.0, step as f32 * -0.071 + 99.0);
            let (u, w) = if step % 2 == 0 { (u, w) } else { (u * 0.003, w * 0.01) };
            for pattern in patterns {
                let (a, b) = pattern.weights(u, w);
                assert!(
                    (-1e-4..=1.2).contains(&a) && (-1e-4..=1.2).contains(&b),
                    "{pattern:?}: {a} {b}"
                );
            }
        }
    }
}
