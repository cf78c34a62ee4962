//! How well an index answers: products, rejections, objects.

mod calibrate;
mod comparison;
mod composites;
mod objects;
mod queries;
mod rejection;
mod run;
mod variants;
mod verdicts;

pub use calibrate::{CalibrationReport, Reliability, calibrate};
pub use objects::{
    BoxAnnotations, DetectorScore, ObjectsEvalOptions, ObjectsEvaluation, ProductAnnotations,
    evaluate_objects,
};
pub use rejection::Rejection;
pub use run::{EvalOptions, Evaluation, evaluate};
pub use verdicts::{JudgedAnswer, VerdictGroup, VerdictMetrics};
