//! Networks in bytes: what a map holds is written down in codes of 8 bits, and so are weights.
//!
//! Which numbers a map's codes stand for is found by looking at photos ([`Ranges`]); each channel has its
//! own step. Convolutions of all channels with all multiply codes; what they add up to is turned into
//! numbers, and only what goes into memory becomes codes again. Depthwise convolutions, gates and means
//! compute with numbers.

pub(crate) mod build;
pub(crate) mod conv;
pub(crate) mod depthwise;
pub(crate) mod dots;
pub(crate) mod photos;
pub(crate) mod pool;
pub(crate) mod product;
pub(crate) mod ranges;
pub(crate) mod scales;
pub(crate) mod step;
pub(crate) mod tile;
#[cfg(target_arch = "x86_64")]
pub(crate) mod vnni;
