//! How well an index answers: products, rejections, objects.

mod calibrate;
mod comparison;
mod composites;
mod feedback;
mod objects;
mod queries;
mod rejection;
mod run;
mod variants;
mod verdicts;

pub use calibrate::{CalibrationReport, Reliability, calibrate};
pub use feedback::{FEEDBACK_FILE, Feedback, FeedbackAnswers};
pub use objects::{
    BoxAnnotations, DetectorScore, ObjectsEvalOptions, ObjectsEvaluation, ProductAnnotations,
    evaluate_objects,
};
pub use rejection::Rejection;
pub use run::{EvalOptions, Evaluation, evaluate};
pub use verdicts::{
    IndexedSources, JudgedAnswer, PhotosGroup, SourcesGroup, VerdictGroup, VerdictMetrics,
};
