//! Materials: colours, a procedural pattern, a relief (bump mapping), gloss and emission.

use crate::renderer::noise::{rough, smooth};
use crate::renderer::pattern::Pattern;
use crate::renderer::relief::Relief;
use crate::renderer::sdf::UvMapping;
use crate::renderer::vector::{Vec3, v};

/// A material. Colours are linear RGB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Material {
    pub(crate) base: Vec3,
    second: Vec3,
    third: Vec3,
    pattern: Pattern,
    /// Period of the pattern in metres.
    scale: f32,
    /// Whether the pattern runs along the other axis.
    is_rotated: bool,
    relief: Relief,
    relief_scale: f32,
    relief_depth: f32,
    gloss: f32,
    emission: f32,
}

/// The properties of a surface at a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surface {
    pub(crate) colour: Vec3,
    pub(crate) normal: Vec3,
    /// Glossiness, 0 matt to 1 polished.
    pub(crate) gloss: f32,
    /// Emitted light, as a multiple of its colour.
    pub(crate) emission: f32,
}

/// A linear colour from 0xRRGGBB in sRGB (IEC 61966-2-1).
pub(crate) fn srgb(hex: u32) -> Vec3 {
    let channel = |shift: u32| {
        let c = ((hex >> shift) & 255) as f32 / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    v(channel(16), channel(8), channel(0))
}

impl Material {
    pub(crate) fn plain(hex: u32) -> Self {
        let base = srgb(hex);
        Self {
            base,
            second: base,
            third: base,
            pattern: Pattern::Plain,
            scale: 1.0,
            is_rotated: false,
            relief: Relief::Flat,
            relief_scale: 1.0,
            relief_depth: 0.0,
            gloss: 0.05,
            emission: 0.0,
        }
    }

    /// Wood with darker grain.
    pub(crate) fn wood(hex: u32) -> Self {
        let plain = Self::plain(hex);
        Self { second: plain.base * 0.5, pattern: Pattern::Wood, gloss: 0.2, ..plain }
    }

    /// Cloth, faintly woven.
    pub(crate) fn cloth(hex: u32) -> Self {
        Self::plain(hex).relief(Relief::Weave, 0.006, 0.25).gloss(0.0)
    }

    pub(crate) fn metal(hex: u32) -> Self {
        Self::plain(hex).gloss(0.7)
    }

    pub(crate) fn pattern(self, pattern: Pattern, scale: f32, second: u32, third: u32) -> Self {
        Self { pattern, scale, second: srgb(second), third: srgb(third), ..self }
    }

    /// With its pattern along the other axis.
    pub(crate) fn rotated(self) -> Self {
        Self { is_rotated: !self.is_rotated, ..self }
    }

    pub(crate) fn relief(self, relief: Relief, scale: f32, depth: f32) -> Self {
        Self { relief, relief_scale: scale, relief_depth: depth, ..self }
    }

    pub(crate) fn gloss(self, gloss: f32) -> Self {
        Self { gloss, ..self }
    }

    pub(crate) fn emission(self, emission: f32) -> Self {
        Self { emission, ..self }
    }

    /// Its mean colour.
    pub(crate) fn mean(&self) -> Vec3 {
        self.base.lerp(self.second, if self.pattern == Pattern::Plain { 0.0 } else { 0.3 })
    }

    /// The surface at `p` with the normal `n`, both in the frame of a shape with these half edges.
    pub(crate) fn sample(&self, p: Vec3, n: Vec3, half: Vec3, mapping: UvMapping) -> Surface {
        let sides = n.abs();
        let lying = sides.y > sides.x.max(sides.z);
        let (u, w, along_u, along_w);
        if mapping == UvMapping::Cylindrical && sides.y < 0.8 {
            let radius = half.x.max(half.z);
            let angle = p.x.atan2(p.z);
            (u, w) = (angle * radius, p.y);
            (along_u, along_w) = (v(angle.cos(), 0.0, -angle.sin()), Vec3::UP);
        } else if lying && mapping != UvMapping::Planar {
            (u, w, along_u, along_w) = (p.x, p.z, v(1.0, 0.0, 0.0), v(0.0, 0.0, 1.0));
        } else if sides.x > sides.z && mapping != UvMapping::Planar {
            (u, w, along_u, along_w) = (p.z, p.y, v(0.0, 0.0, 1.0), Vec3::UP);
        } else {
            (u, w, along_u, along_w) = (p.x, p.y, v(1.0, 0.0, 0.0), Vec3::UP);
        }

        let mut colour = self.colour(p, u, w, half);
        let mut normal = n;
        if self.relief != Relief::Flat {
            let s = 1.0 / self.relief_scale;
            let (a, b, e) = (u * s, w * s, 0.04);
            let height = |a: f32, b: f32| self.relief.height(a, b);
            let here = height(a, b);
            let bend = along_u * (height(a + e, b) - here) + along_w * (height(a, b + e) - here);
            let strength = (self.relief_depth / e * 0.35).min(9.0);
            let bend = bend * strength;
            let limited = bend * (0.9 / bend.length().max(0.9));
            normal = (n - limited).normalised();
            // Ambient occlusion of a seam.
            colour = colour * (1.0 - 0.35 * self.relief_depth.min(1.0) * (1.0 - here));
        }
        Surface { colour, normal, gloss: self.gloss, emission: self.emission }
    }

    fn colour(&self, p: Vec3, u: f32, w: f32, half: Vec3) -> Vec3 {
        if self.pattern == Pattern::Wood {
            return self.base.lerp(self.second, grain(p, half));
        }
        let (u, w) = if self.is_rotated { (w, u) } else { (u, w) };
        let (a, b) = self.pattern.weights(u / self.scale, w / self.scale);
        let (a, b) = (a.clamp(0.0, 1.0), b.clamp(0.0, 1.0));
        let colour = self.base.lerp(self.second, a).lerp(self.third, b);
        // Slow variation of brightness, larger than the pattern.
        colour * (0.96 + 0.08 * smooth(u * 6.0, w * 6.0, 90))
    }
}

/// Wood grain: streaks along the longest side and, across it, arcs of growth rings.
fn grain(p: Vec3, half: Vec3) -> f32 {
    let (along, a, b) = if half.y >= half.x && half.y >= half.z {
        (p.y, p.x, p.z)
    } else if half.x >= half.z {
        (p.x, p.y, p.z)
    } else {
        (p.z, p.x, p.y)
    };
    let drift = 0.03 * smooth(along * 1.3, a * 3.0, 91);
    let rings = rough((a + drift) * 34.0 + along * 0.7, (b + drift) * 34.0, 92);
    let pores = smooth(along * 9.0, (a + b * 0.7) * 260.0, 93);
    (0.75 * (rings - 0.25) + 0.3 * pores * rings).clamp(0.0, 1.0)
}
