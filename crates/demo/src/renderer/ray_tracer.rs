//! Renders a scene: linear colours, and a segmentation map with the product of each pixel.

use crate::renderer::camera::Camera;
use crate::renderer::scene::{Hit, Scene};
use crate::renderer::vector::Vec3;

/// A rendered image in linear colours.
#[derive(Debug, Clone)]
pub(crate) struct LinearImage {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Row-major.
    pub(crate) colours: Vec<Vec3>,
    pub(crate) segmentation: SegmentationMap,
}

/// The product of each pixel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SegmentationMap {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Row-major; products are numbered from 0.
    pub(crate) products: Vec<Option<u16>>,
}

/// Radiance is clamped to this, which is white in any photo; without a limit, edges of a window would alias.
const MAX_RADIANCE: f32 = 4.0;

/// Further samples of pixels at edges (a rotated grid of 27 degrees).
const EDGE_SAMPLES: [(f32, f32); 4] =
    [(0.375, 0.125), (0.875, 0.375), (0.625, 0.875), (0.125, 0.625)];

/// Renders with one sample a pixel, and five at edges.
pub(crate) fn render(scene: &Scene, camera: &Camera, width: u32, height: u32) -> LinearImage {
    let rays = camera.rays(width, height);
    let trace = |x: f32, y: f32| {
        let (origin, direction) = rays.ray(x, y);
        let (t, hit) = scene.intersect(origin, direction);
        let colour = scene.colour(origin, direction, t, hit);
        (colour.min(Vec3::splat(MAX_RADIANCE)), hit)
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let samples: Vec<(Vec3, Hit)> =
        pixels.clone().map(|(x, y)| trace(x as f32 + 0.5, y as f32 + 0.5)).collect();
    let at = |x: u32, y: u32| &samples[(y * width + x) as usize];
    let colours = pixels
        .map(|(x, y)| {
            let (colour, hit) = at(x, y);
            let differs = |(other, other_hit): &(Vec3, Hit)| {
                let (a, b) = (colour.luminance() + 0.02, other.luminance() + 0.02);
                hit != other_hit || a > b * 1.25 || b > a * 1.25
            };
            let edge = (x > 0 && differs(at(x - 1, y)))
                || (x + 1 < width && differs(at(x + 1, y)))
                || (y > 0 && differs(at(x, y - 1)))
                || (y + 1 < height && differs(at(x, y + 1)));
            if !edge {
                return *colour;
            }
            let more = EDGE_SAMPLES.iter().map(|&(dx, dy)| trace(x as f32 + dx, y as f32 + dy).0);
            more.fold(*colour, |sum, colour| sum + colour) * 0.2
        })
        .collect();
    let products = samples.iter().map(|(_, hit)| scene.product(*hit)).collect();
    LinearImage {
        width,
        height,
        colours,
        segmentation: SegmentationMap { width, height, products },
    }
}

/// Renders only the segmentation map, which is fast: for finding a view.
pub(crate) fn render_segmentation(
    scene: &Scene,
    camera: &Camera,
    width: u32,
    height: u32,
) -> SegmentationMap {
    let rays = camera.rays(width, height);
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let products = pixels
        .map(|(x, y)| {
            let (origin, direction) = rays.ray(x as f32 + 0.5, y as f32 + 0.5);
            scene.product(scene.intersect(origin, direction).1)
        })
        .collect();
    SegmentationMap { width, height, products }
}

impl SegmentationMap {
    /// The fraction of the pixels that show a product, 0 to 1.
    pub(crate) fn coverage(&self, product: u16) -> f32 {
        let count = self.products.iter().filter(|&&p| p == Some(product)).count();
        count as f32 / self.products.len().max(1) as f32
    }

    /// The centroid of the pixels that show a product, in fractions of width and height.
    pub(crate) fn centroid(&self, product: u16) -> Option<(f32, f32)> {
        let (mut x, mut y, mut count) = (0.0, 0.0, 0.0f32);
        for (number, _) in self.products.iter().enumerate().filter(|(_, p)| **p == Some(product)) {
            x += (number as u32 % self.width) as f32 + 0.5;
            y += (number as u32 / self.width) as f32 + 0.5;
            count += 1.0;
        }
        (count > 0.0).then(|| (x / count / self.width as f32, y / count / self.height as f32))
    }

    /// The bounding box of a product in pixels: left, top, right, bottom; right and bottom are exclusive.
    pub(crate) fn bounds(&self, product: u16) -> Option<(u32, u32, u32, u32)> {
        let mut bounds: Option<(u32, u32, u32, u32)> = None;
        for (number, _) in self.products.iter().enumerate().filter(|(_, p)| **p == Some(product)) {
            let (x, y) = (number as u32 % self.width, number as u32 / self.width);
            let (l, t, r, b) = bounds.unwrap_or((x, y, x + 1, y + 1));
            bounds = Some((l.min(x), t.min(y), r.max(x + 1), b.max(y + 1)));
        }
        bounds
    }

    /// A part of the map.
    pub(crate) fn cropped(&self, left: u32, top: u32, width: u32, height: u32) -> Self {
        let rows = (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y)));
        let products = rows.map(|(x, y)| self.products[(y * self.width + x) as usize]).collect();
        Self { width, height, products }
    }
}
