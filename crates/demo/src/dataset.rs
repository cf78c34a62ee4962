//! The data set of a shop: which photos there are, their annotations, the manifest, and writing them to a folder.

mod annotation_log;
mod annotations;
mod folder;
mod manifest;
mod paths;
mod photo;
mod write;

pub use self::annotations::{Annotation, BoundingBox, PhotoAnnotations};
pub use self::photo::catalogue_picture;
pub use self::write::{Written, write};
