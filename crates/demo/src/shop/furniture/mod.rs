//! 3D models of the shop's products, a file for each category, and of props.
//!
//! Sizes are in metres. A model stands on the origin and faces +z.

mod bedding;
mod carpet;
mod chair;
mod curtain;
mod lamp;
mod mattress;
pub(crate) mod props;
mod shelf;
mod storage;
mod table;
mod wardrobe;

use crate::renderer::material::Material;
use crate::renderer::object::{Object, Part};
use crate::renderer::sdf::Shape;
use crate::renderer::vector::{Vec3, v};
use crate::shop::Category;

/// Where a product is placed in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// On the floor, seen from all sides.
    Floor,
    /// With its back to a wall.
    Wall,
    /// On a low table.
    Table,
    /// In front of the window.
    Window,
    /// Flat on the floor, with props on its edge.
    Flat,
    /// On a bedstead.
    Frame,
    /// On a bed.
    Bed,
}

/// A product and its model.
#[derive(Debug, Clone)]
pub(crate) struct ProductSpec {
    pub(crate) id: &'static str,
    pub(crate) english: &'static str,
    pub(crate) korean: &'static str,
    /// KRW, before any discount.
    pub(crate) list_price: u32,
    pub(crate) category: Category,
    pub(crate) placement: Placement,
    pub(crate) model: Object,
}

/// All products.
pub(crate) fn specs() -> Vec<ProductSpec> {
    [
        mattress::specs(),
        wardrobe::specs(),
        storage::specs(),
        curtain::specs(),
        carpet::specs(),
        bedding::specs(),
        lamp::specs(),
        chair::specs(),
        table::specs(),
        shelf::specs(),
    ]
    .concat()
}

/// A box of a width, height and depth, with the middle of its underside at `at`.
fn block(size: (f32, f32, f32), at: (f32, f32, f32), round: f32, material: Material) -> Part {
    let half = v(size.0, size.1, size.2) * 0.5;
    Part::new(Shape::Box { half, round }, v(at.0, at.1 + half.y, at.2), material)
}

/// An upright cylinder, with the middle of its underside at `at`.
fn drum(radius: f32, height: f32, at: (f32, f32, f32), round: f32, material: Material) -> Part {
    let shape = Shape::Cylinder { radius, height, round };
    Part::new(shape, v(at.0, at.1 + height * 0.5, at.2), material)
}

/// Four legs below the corners of a top, splayed outwards by `splay` at the floor.
fn legs(
    half: (f32, f32),
    height: f32,
    splay: f32,
    radii: (f32, f32),
    material: Material,
) -> Vec<Part> {
    let corner = |x: f32, z: f32| {
        let foot = v(half.0 * x + splay * x, radii.0, half.1 * z + splay * z);
        Part::rod(foot, v(half.0 * x, height, half.1 * z), radii, material)
    };
    vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(-1.0, 1.0), corner(1.0, 1.0)]
}

fn at(x: f32, y: f32, z: f32) -> Vec3 {
    v(x, y, z)
}
