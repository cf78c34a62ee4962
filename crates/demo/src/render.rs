//! From a scene to pixels: linear colours, and which product each pixel shows.

use crate::camera::Camera;
use crate::scene::{Met, Scene};
use crate::vector::Vec3;

/// A picture in linear colours.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Row by row.
    pub(crate) colours: Vec<Vec3>,
    pub(crate) shown: Shown,
}

/// Which product each pixel shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Row by row; products are numbered from 0.
    pub(crate) products: Vec<Option<u16>>,
}

/// Brighter than this is white in any picture; without a limit, a window would have jagged edges.
const BRIGHTEST: f32 = 4.0;

/// Where a pixel is looked at again, next to what differs (a square turned by 27 degrees).
const AGAIN: [(f32, f32); 4] = [(0.375, 0.125), (0.875, 0.375), (0.625, 0.875), (0.125, 0.625)];

pub(crate) fn render(scene: &Scene, camera: &Camera, width: u32, height: u32) -> Picture {
    let view = camera.view(width, height);
    let look = |x: f32, y: f32| {
        let (origin, direction) = view.ray(x, y);
        let (t, met) = scene.meet(origin, direction);
        let colour = scene.colour(origin, direction, t, met);
        (colour.min(Vec3::all(BRIGHTEST)), met)
    };
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let seen: Vec<(Vec3, Met)> =
        places.clone().map(|(x, y)| look(x as f32 + 0.5, y as f32 + 0.5)).collect();
    let at = |x: u32, y: u32| &seen[(y * width + x) as usize];
    let colours = places
        .map(|(x, y)| {
            let (colour, met) = at(x, y);
            let differs = |(other, other_met): &(Vec3, Met)| {
                let (a, b) = (colour.luminance() + 0.02, other.luminance() + 0.02);
                met != other_met || a > b * 1.25 || b > a * 1.25
            };
            let edge = (x > 0 && differs(at(x - 1, y)))
                || (x + 1 < width && differs(at(x + 1, y)))
                || (y > 0 && differs(at(x, y - 1)))
                || (y + 1 < height && differs(at(x, y + 1)));
            if !edge {
                return *colour;
            }
            let more = AGAIN.iter().map(|&(dx, dy)| look(x as f32 + dx, y as f32 + dy).0);
            more.fold(*colour, |sum, colour| sum + colour) * 0.2
        })
        .collect();
    let products = seen.iter().map(|(_, met)| scene.product(*met)).collect();
    Picture { width, height, colours, shown: Shown { width, height, products } }
}

/// Only what is shown, without colours: fast, for finding a view.
pub(crate) fn glance(scene: &Scene, camera: &Camera, width: u32, height: u32) -> Shown {
    let view = camera.view(width, height);
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let products = places
        .map(|(x, y)| {
            let (origin, direction) = view.ray(x as f32 + 0.5, y as f32 + 0.5);
            scene.product(scene.meet(origin, direction).1)
        })
        .collect();
    Shown { width, height, products }
}

impl Shown {
    /// The share of the pixels that show a product, 0 to 1.
    pub(crate) fn share(&self, product: u16) -> f32 {
        let count = self.products.iter().filter(|&&p| p == Some(product)).count();
        count as f32 / self.products.len().max(1) as f32
    }

    /// The middle of the pixels that show a product, 0 to 1 across and down.
    pub(crate) fn middle(&self, product: u16) -> Option<(f32, f32)> {
        let (mut x, mut y, mut count) = (0.0, 0.0, 0.0f32);
        for (number, _) in self.products.iter().enumerate().filter(|(_, p)| **p == Some(product)) {
            x += (number as u32 % self.width) as f32 + 0.5;
            y += (number as u32 / self.width) as f32 + 0.5;
            count += 1.0;
        }
        (count > 0.0).then(|| (x / count / self.width as f32, y / count / self.height as f32))
    }

    /// Left, top, right and bottom pixel of a product; right and bottom are one past the last.
    pub(crate) fn bounds(&self, product: u16) -> Option<(u32, u32, u32, u32)> {
        let mut bounds: Option<(u32, u32, u32, u32)> = None;
        for (number, _) in self.products.iter().enumerate().filter(|(_, p)| **p == Some(product)) {
            let (x, y) = (number as u32 % self.width, number as u32 / self.width);
            let (l, t, r, b) = bounds.unwrap_or((x, y, x + 1, y + 1));
            bounds = Some((l.min(x), t.min(y), r.max(x + 1), b.max(y + 1)));
        }
        bounds
    }

    /// The part from a corner on.
    pub(crate) fn cropped(&self, left: u32, top: u32, width: u32, height: u32) -> Self {
        let rows = (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y)));
        let products = rows.map(|(x, y)| self.products[(y * self.width + x) as usize]).collect();
        Self { width, height, products }
    }
}
