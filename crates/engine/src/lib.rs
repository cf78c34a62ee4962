//! The two flows, build and search, as one library: photos to an index, a photo to products.
//!
//! This crate knows nothing of HTTP or terminals.
//!
//! ```no_run
//! use lookalike_catalog::Catalog;
//! use lookalike_engine::{BuildOptions, Encoder, Index, Searcher, Silent, build};
//!
//! let encoder = Encoder::new(lookalike_backbone::load("mobilenet.safetensors".as_ref(), None)?);
//! let catalog = Catalog::open("photos".as_ref(), None)?;
//! let index = build(&catalog, &encoder, &BuildOptions::default(), &Silent)?;
//! index.save("index".as_ref())?;
//!
//! let searcher = Searcher::new(Index::open("index".as_ref())?, encoder)?;
//! let answer = searcher.search_file("chair.jpg".as_ref(), 5)?;
//! println!("{} ({:.0} %)", answer.matches[0].product.name, 100.0 * answer.matches[0].score);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod build;
mod compare;
mod edit;
mod encoder;
mod error;
mod evaluate;
mod filter;
mod home;
mod index;
mod items;
mod items_answer;
mod items_eval;
mod journal;
mod linear;
mod look;
mod metric;
mod model;
mod progress;
mod prototypes;
mod quantise;
mod query;
mod ranking;
mod remote;
mod searcher;
mod stamps;
mod variants;
mod verify;
mod views;

pub use answer::{Answer, EvidencePhoto, Match, Reasons};
pub use build::{BuildOptions, BuildReport, build};
pub use edit::{EditOptions, EditReport, compact, put, remove, remove_where};
pub use encoder::Encoder;
pub use error::EngineError;
pub use evaluate::{EvalOptions, Evaluation, evaluate};
pub use filter::Filter;
pub use home::{Home, IndexLock};
pub use index::{INDEX_FILE, Index, IndexInfo, IndexedPhoto};
pub use items::{FoundItem, FoundItems, ItemsQuery};
pub use items_answer::{ItemAnswer, ItemBox, ItemsAnswer};
pub use items_eval::{
    BoxedPhoto, FinderScore, ItemsEvalOptions, ItemsEvaluation, MultiItemPhoto, evaluate_items,
};
pub use journal::EMBEDDINGS_FOLDER;
pub use lookalike_detect::{
    ActivationDetector, CombinedDetector, DetectError, DetectedObject, ObjectDetector, OnnxDetector,
};
pub use lookalike_rank::Verdict;
pub use model::{Model, ModelPart};
pub use progress::{Progress, Silent, Stage};
pub use quantise::{Cosines, Quantised, quantise};
pub use query::{Found, Query, Timings};
pub use ranking::{FittedOn, Ranking};
pub use searcher::{SearchOptions, Searcher};
pub use verify::{Verification, verify};
pub use views::Views;
