//! A small renderer: sphere tracing of signed distance functions, procedural materials, soft shadows, ambient occlusion,
//! tone mapping.

pub(crate) mod camera;
pub(crate) mod material;
mod noise;
pub(crate) mod object;
pub(crate) mod pattern;
pub(crate) mod post_process;
pub(crate) mod ray_tracer;
pub(crate) mod relief;
pub(crate) mod room;
pub(crate) mod scene;
pub(crate) mod sdf;
pub(crate) mod vector;
