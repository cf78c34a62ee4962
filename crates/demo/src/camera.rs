//! The camera: where it is, where it looks, what a pixel sees.

use crate::vector::Vec3;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Camera {
    pub(crate) eye: Vec3,
    pub(crate) target: Vec3,
    /// Tilt to the side, radians.
    pub(crate) roll: f32,
    /// Half the longer side of the picture at a distance of 1: 0.5 is 36 mm on a full frame.
    pub(crate) wide: f32,
}

/// A camera made ready for a picture of a size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    eye: Vec3,
    forward: Vec3,
    right: Vec3,
    down: Vec3,
    corner: (f32, f32),
    pixel: f32,
}

impl Camera {
    pub(crate) fn view(&self, width: u32, height: u32) -> View {
        let forward = (self.target - self.eye).unit();
        let level = forward.cross(Vec3::UP);
        let level =
            if level.length() < 1e-4 { Vec3 { x: 1.0, y: 0.0, z: 0.0 } } else { level.unit() };
        let upright = level.cross(forward);
        let (s, c) = self.roll.sin_cos();
        let right = level * c + upright * s;
        let down = level * s - upright * c;
        let pixel = 2.0 * self.wide / width.max(height) as f32;
        let corner = (-0.5 * pixel * width as f32, -0.5 * pixel * height as f32);
        View { eye: self.eye, forward, right, down, corner, pixel }
    }
}

impl View {
    /// Origin and direction of the ray through a place in the picture, in pixels from its corner.
    pub(crate) fn ray(&self, x: f32, y: f32) -> (Vec3, Vec3) {
        let (a, b) = (self.corner.0 + x * self.pixel, self.corner.1 + y * self.pixel);
        (self.eye, (self.forward + self.right * a + self.down * b).unit())
    }

    /// The directions that are right and down in the picture.
    pub(crate) fn across(&self) -> (Vec3, Vec3) {
        (self.right, self.down)
    }
}
