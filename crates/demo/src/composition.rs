//! Composing photos: a room, the product in it, clutter, light, and a camera that frames it.

mod framing;
mod interior;
mod shot;

pub(crate) use self::shot::{catalogue_shot, compose};
