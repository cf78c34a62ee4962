//! Evaluation metrics of rankings and detections, and reports of them: top-k accuracy, recall@k, mAP,
//! calibration, confusions, AUROC.
//!
//! A [`RankingEvaluator`] takes, query by query, the true product and the ranked products. Its
//! [`RankingMetrics`] go into a [`Report`], which is written as JSON and as one HTML page. This crate knows
//! nothing of how a ranking was made. To a report a photo is a name; only [`composite`] reads pixels, to make
//! one photo of several.
//!
//! ```
//! use lookalike_eval::{Query, RankingEvaluator, TopK, recall_at_k};
//!
//! let mut top = TopK::default();
//! top.add([4, 7, 9].iter().position(|&product| product == 7)); // the right one is second
//! top.add(None); // not ranked at all
//! assert_eq!((top.accuracy(1), top.accuracy(3)), (0.0, 0.5));
//!
//! assert_eq!(recall_at_k(&[1, 2, 3, 4], &[4, 3, 2, 9]), 0.75);
//!
//! let mut evaluator = RankingEvaluator::new("nearest photo");
//! evaluator.add(Query {
//!     photo: "pear-1.jpg".to_owned(),
//!     truth: 7,
//!     ranking: vec![(4, 0.75), (7, 0.25)],
//!     neighbours: None,
//! });
//! assert_eq!(evaluator.metrics().top3, 1.0);
//! ```

mod calibration;
mod composite;
mod confusion;
mod detection;
mod evaluator;
mod grid_search;
mod interval;
mod page;
pub mod plot;
mod report;
mod report_page;
mod retrieval;
mod roc;
mod top_k;

pub use calibration::{Calibration, ReliabilityBin, calibration};
pub use composite::{Composite, composite};
pub use confusion::{Confusion, Outcome, ProductAccuracy, per_product, worst_confusions};
pub use detection::{DetectionCounts, IOU_THRESHOLD, match_boxes};
pub use evaluator::{Query, RankingEvaluator, RankingMetrics};
pub use grid_search::{GridSearchReport, GridSearchRun};
pub use interval::{Interval, wilson_interval};
pub use report::{ProductName, Report, ReportError};
pub use retrieval::{Neighbours, RetrievalMetrics, average_precision, retrieval_metrics};
pub use roc::{auroc, fpr_at_tpr};
pub use top_k::{TopK, recall_at_k};
