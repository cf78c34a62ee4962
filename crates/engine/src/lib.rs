//! The two flows, build and search, as one library: photos to an index, a photo to products.
//!
//! | module | what |
//! | --- | --- |
//! | `index` | what an index holds, and where it is kept: a folder or a store |
//! | `build` | builds, updates and compacts indexes |
//! | `encode` | photos to embeddings, with a cache; queries to vectors |
//! | `metric` | how embeddings are compared, learnt from the index's photos |
//! | `ranking` | classifiers, prototypes and the fit of a ranking's weights and confidence |
//! | `search` | decode, embed, neighbours, fuse, calibrate; several objects in a photo |
//! | `evaluate` | accuracy, recall, rejection, objects |
//!
//! This crate knows nothing of HTTP or terminals.
//!
//! ```no_run
//! use lookalike_catalog::Catalog;
//! use lookalike_engine::{Encoder, Index, IndexBuilder, Searcher};
//!
//! let encoder = Encoder::new(lookalike_backbone::load("mobilenet.safetensors".as_ref(), None)?);
//! let catalog = Catalog::open("photos".as_ref(), None)?;
//! let index = IndexBuilder::new(&catalog, &encoder).build()?;
//! index.save("index".as_ref())?;
//!
//! let searcher = Searcher::new(Index::open("index".as_ref())?, encoder)?;
//! let answer = searcher.search_file("chair.jpg".as_ref(), 5)?;
//! println!("{} ({:.0} %)", answer.matches[0].product.name, 100.0 * answer.matches[0].score);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod encode;
mod error;
mod evaluate;
mod index;
mod metric;
mod progress;
mod ranking;
mod search;

pub use build::{
    BuildOptions, IndexBuilder, UpdateOptions, UpdateReport, compact, remove, remove_where, upsert,
};
pub use encode::{
    Cosines, EMBEDDINGS_FOLDER, Encoder, Hardness, Model, ModelPart, Quantised, Views, quantise,
};
pub use error::{EngineError, PhotoRef};
pub use evaluate::{
    BoxAnnotations, CalibrationReport, DetectorScore, EvalOptions, Evaluation, FEEDBACK_FILE,
    Feedback, FeedbackAnswers, IndexedSources, JudgedAnswer, ObjectsEvalOptions, ObjectsEvaluation,
    PhotosGroup, ProductAnnotations, Rejection, Reliability, SourcesGroup, VerdictGroup,
    VerdictMetrics, calibrate, evaluate, evaluate_objects,
};
pub use index::{
    BuildReport, INDEX_FILE, Index, IndexInfo, IndexLocation, IndexLock, IndexedPhoto,
    Verification, verify,
};
pub use lookalike_detect::{
    ActivationDetector, CombinedDetector, DetectError, DetectedObject, ObjectDetector, OnnxDetector,
};
pub use lookalike_rank::Verdict;
pub use metric::{KindOfGoods, MetricPrior};
pub use progress::{Phase, Progress, Silent};
pub use ranking::{FittedOn, Ranking};
pub use search::{
    Answer, AnswerFeatures, CopyOf, EvidencePhoto, Filter, Match, ObjectAnswer, ObjectBox,
    ObjectResult, ObjectsAnswer, ObjectsQuery, ObjectsResult, Query, ScoreParts, SearchOptions,
    SearchResult, Searcher, Timings,
};
