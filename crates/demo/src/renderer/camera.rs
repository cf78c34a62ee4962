//! A pinhole camera and the rays through its pixels.

use crate::renderer::vector::Vec3;

/// A camera that looks at a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Camera {
    pub(crate) eye: Vec3,
    pub(crate) target: Vec3,
    /// Roll about the line of sight, in radians.
    pub(crate) roll: f32,
    /// The tangent of half the field of view along the longer side: 0.5 is 36 mm on a full frame.
    pub(crate) tan_half_fov: f32,
}

/// The rays of a camera through the pixels of an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CameraRays {
    eye: Vec3,
    forward: Vec3,
    right: Vec3,
    down: Vec3,
    corner: (f32, f32),
    pixel: f32,
}

impl Camera {
    pub(crate) fn rays(&self, width: u32, height: u32) -> CameraRays {
        let forward = (self.target - self.eye).normalised();
        let level = forward.cross(Vec3::UP);
        let level = if level.length() < 1e-4 {
            Vec3 { x: 1.0, y: 0.0, z: 0.0 }
        } else {
            level.normalised()
        };
        let upright = level.cross(forward);
        let (s, c) = self.roll.sin_cos();
        let right = level * c + upright * s;
        let down = level * s - upright * c;
        let pixel = 2.0 * self.tan_half_fov / width.max(height) as f32;
        let corner = (-0.5 * pixel * width as f32, -0.5 * pixel * height as f32);
        CameraRays { eye: self.eye, forward, right, down, corner, pixel }
    }
}

impl CameraRays {
    /// Origin and direction of the ray through a position in the image, in pixels from its upper left corner.
    pub(crate) fn ray(&self, x: f32, y: f32) -> (Vec3, Vec3) {
        let (a, b) = (self.corner.0 + x * self.pixel, self.corner.1 + y * self.pixel);
        (self.eye, (self.forward + self.right * a + self.down * b).normalised())
    }

    /// The directions to the right and down in the image.
    pub(crate) fn right_and_down(&self) -> (Vec3, Vec3) {
        (self.right, self.down)
    }
}
