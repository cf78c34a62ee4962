//! Reliefs: procedural height maps for bump mapping, functions of (u, w) in periods of the relief.

use std::f32::consts::PI;

use crate::renderer::noise::{fract, rough, smooth, step};

/// A relief: seams, buttons, threads.
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
    fn heights_stay_between_0_and_1() {
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
            for relief in reliefs {
                let height = relief.height(u, w);
                assert!((-1e-4..=1.0001).contains(&height), "{relief:?}: {height}");
            }
        }
    }
}
