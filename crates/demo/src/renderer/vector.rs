//! Vectors (points, directions, linear colours) and rotations.

use std::ops::{Add, Mul, Neg, Sub};

/// A point or direction in metres (y is up), or a linear RGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Vec3 {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) z: f32,
}

pub(crate) const fn v(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3 { x, y, z }
}

impl Vec3 {
    pub(crate) const ZERO: Self = v(0.0, 0.0, 0.0);
    pub(crate) const UP: Self = v(0.0, 1.0, 0.0);

    pub(crate) const fn splat(value: f32) -> Self {
        v(value, value, value)
    }

    pub(crate) fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub(crate) fn cross(self, o: Self) -> Self {
        v(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }

    pub(crate) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// Scaled to length 1; straight up for a zero vector.
    pub(crate) fn normalised(self) -> Self {
        let length = self.length();
        if length > 1e-12 { self * (1.0 / length) } else { Self::UP }
    }

    pub(crate) fn abs(self) -> Self {
        v(self.x.abs(), self.y.abs(), self.z.abs())
    }

    pub(crate) fn max(self, o: Self) -> Self {
        v(self.x.max(o.x), self.y.max(o.y), self.z.max(o.z))
    }

    pub(crate) fn min(self, o: Self) -> Self {
        v(self.x.min(o.x), self.y.min(o.y), self.z.min(o.z))
    }

    /// The largest component.
    pub(crate) fn max_element(self) -> f32 {
        self.x.max(self.y).max(self.z)
    }

    /// Linear interpolation to `o`.
    pub(crate) fn lerp(self, o: Self, t: f32) -> Self {
        self * (1.0 - t) + o * t
    }

    /// The luminance of a linear colour (Rec. 709).
    pub(crate) fn luminance(self) -> f32 {
        0.2126 * self.x + 0.7152 * self.y + 0.0722 * self.z
    }
}

impl Add for Vec3 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        v(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl Sub for Vec3 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        v(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for Vec3 {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        v(self.x * factor, self.y * factor, self.z * factor)
    }
}

impl Mul for Vec3 {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        v(self.x * o.x, self.y * o.y, self.z * o.z)
    }
}

impl Neg for Vec3 {
    type Output = Self;
    fn neg(self) -> Self {
        self * -1.0
    }
}

/// A rotation matrix, by columns: the images of the three axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rotation {
    x: Vec3,
    y: Vec3,
    z: Vec3,
}

impl Rotation {
    pub(crate) const IDENTITY: Self =
        Self { x: v(1.0, 0.0, 0.0), y: v(0.0, 1.0, 0.0), z: v(0.0, 0.0, 1.0) };

    /// By `angle` radians; positive turns x towards y.
    pub(crate) fn about_z(angle: f32) -> Self {
        let (s, c) = angle.sin_cos();
        Self { x: v(c, s, 0.0), y: v(-s, c, 0.0), z: Self::IDENTITY.z }
    }

    /// By `angle` radians; positive turns y towards z.
    pub(crate) fn about_x(angle: f32) -> Self {
        let (s, c) = angle.sin_cos();
        Self { x: Self::IDENTITY.x, y: v(0.0, c, s), z: v(0.0, -s, c) }
    }

    /// By `angle` radians; positive turns z towards x.
    pub(crate) fn about_y(angle: f32) -> Self {
        let (s, c) = angle.sin_cos();
        Self { x: v(c, 0.0, -s), y: Self::IDENTITY.y, z: v(s, 0.0, c) }
    }

    /// A rotation that takes the y axis to `direction`.
    pub(crate) fn y_axis_to(direction: Vec3) -> Self {
        let y = direction.normalised();
        let aside = if y.x.abs() < 0.9 { v(1.0, 0.0, 0.0) } else { v(0.0, 0.0, 1.0) };
        let z = aside.cross(y).normalised();
        Self { x: y.cross(z), y, z }
    }

    pub(crate) fn apply(&self, p: Vec3) -> Vec3 {
        self.x * p.x + self.y * p.y + self.z * p.z
    }

    /// Applies the inverse rotation.
    pub(crate) fn apply_inverse(&self, p: Vec3) -> Vec3 {
        v(self.x.dot(p), self.y.dot(p), self.z.dot(p))
    }

    /// The composition: this rotation first, then `next`.
    pub(crate) fn then(&self, next: &Self) -> Self {
        Self { x: next.apply(self.x), y: next.apply(self.y), z: next.apply(self.z) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_invert_and_compose() {
        let rotation =
            Rotation::about_x(0.3).then(&Rotation::about_y(1.1)).then(&Rotation::about_z(-0.7));
        let p = v(0.3, -1.2, 2.0);
        assert!((rotation.apply_inverse(rotation.apply(p)) - p).length() < 1e-5);
        let by_steps = Rotation::about_y(1.1).apply(Rotation::about_x(0.3).apply(p));
        assert!(
            (Rotation::about_x(0.3).then(&Rotation::about_y(1.1)).apply(p) - by_steps).length()
                < 1e-5
        );
    }

    #[test]
    fn the_y_axis_goes_to_its_direction() {
        for direction in [v(1.0, 2.0, 3.0), v(1.0, 0.0, 0.0), v(0.0, -1.0, 0.0)] {
            let rotation = Rotation::y_axis_to(direction);
            assert!((rotation.apply(Vec3::UP) - direction.normalised()).length() < 1e-5);
            let (x, z) = (rotation.apply(v(1.0, 0.0, 0.0)), rotation.apply(v(0.0, 0.0, 1.0)));
            assert!((x.cross(rotation.apply(Vec3::UP)) - z).length() < 1e-5);
        }
    }
}
