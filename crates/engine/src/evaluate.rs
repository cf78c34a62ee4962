//! How well an index answers: products, rejections, objects.

mod comparison;
mod composites;
mod objects;
mod queries;
mod rejection;
mod run;
mod variants;

pub use objects::{
    BoxAnnotations, DetectorScore, ObjectsEvalOptions, ObjectsEvaluation, ProductAnnotations,
    evaluate_objects,
};
pub use rejection::Rejection;
pub use run::{EvalOptions, Evaluation, evaluate};
