//! Data curation: which photos to keep, and which split each goes to. Photos are measured, every decision has
//! its issues, and a person's overrides win.
//!
//! This crate knows nothing of indexes or terminals.
//!
//! ```no_run
//! use lookalike_catalog::Catalog;
//! use lookalike_curate::{Overrides, Thresholds, curate};
//! use lookalike_detect::ActivationDetector;
//!
//! let catalog = Catalog::open("photos".as_ref(), None)?;
//! let network = lookalike_backbone::load("mobilenet.safetensors".as_ref(), None)?;
//! let analyser = ActivationDetector::new(&network);
//! let (thresholds, overrides) = (Thresholds::default(), Overrides::default());
//! let curation = curate(&catalog, Some(&analyser), &thresholds, &overrides, &|| ())?;
//! for decision in &curation.decisions {
//!     println!("{}: {:?} {:?}", decision.photo, decision.decision, decision.issues);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod analyser;
mod contact_sheet;
mod curate;
mod decision;
mod duplicates;
mod error;
mod group_by;
mod issue;
mod measurement;
mod overrides;
mod quality;
mod split;
mod stratify;
mod thresholds;
mod union_find;

pub use analyser::{PhotoAnalyser, PhotoAnalysis};
pub use curate::{Curation, curate};
pub use decision::{DecidedBy, Decision, PhotoDecision};
pub use duplicates::NearDuplicateThresholds;
pub use error::CurateError;
pub use group_by::GroupBy;
pub use issue::{Issue, IssueKind};
pub use lookalike_photo::PerceptualHash;
pub use measurement::PhotoMeasurement;
pub use overrides::Overrides;
pub use quality::ImageQuality;
pub use split::{GroupCounts, SplitReport, SplitSettings, split};
pub use thresholds::Thresholds;
