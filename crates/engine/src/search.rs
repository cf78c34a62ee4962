//! Searches: photos to products.

mod answer;
mod copies;
mod files;
mod filter;
mod objects;
mod objects_answer;
mod pipeline;
mod query;
mod searcher;
mod similar;

pub use answer::{Answer, EvidencePhoto, Match};
pub use copies::CopyOf;
pub use filter::Filter;
pub use objects::{ObjectResult, ObjectsQuery, ObjectsResult};
pub use objects_answer::{ObjectAnswer, ObjectBox, ObjectsAnswer};
pub(crate) use pipeline::Scored;
pub use query::{AnswerFeatures, Query, ScoreParts, SearchResult, Timings};
pub use searcher::{SearchOptions, Searcher};
