//! Which photos to keep, and which split each goes to: measured, with a reason for every decision, and
//! a person's word above all.
//!
//! This crate knows nothing of indexes or terminals.
//!
//! ```no_run
//! use lookalike_catalog::Catalog;
//! use lookalike_curate::{Limits, Overrides, curate};
//! use lookalike_detect::ActivationFinder;
//!
//! let catalog = Catalog::open("photos".as_ref(), None)?;
//! let network = lookalike_backbone::load("mobilenet.safetensors".as_ref(), None)?;
//! let finder = ActivationFinder::new(&network);
//! let found = curate(&catalog, Some(&finder), &Limits::default(), &Overrides::default(), &|| ())?;
//! for decision in &found.decisions {
//!     println!("{}: {:?} {:?}", decision.photo, decision.decision, decision.reasons);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assign;
mod curate;
mod decision;
mod duplicates;
mod error;
mod finder;
mod group_by;
mod groups;
mod hash;
mod look;
mod measure;
mod overrides;
mod sheet;
mod split;

pub use curate::{Curation, curate};
pub use decision::{Code, Decision, Judge, Limits, Reason, Verdict};
pub use duplicates::SameLimits;
pub use error::CurateError;
pub use finder::{Finder, Finding};
pub use group_by::GroupBy;
pub use hash::PhotoHash;
pub use look::Look;
pub use measure::Measures;
pub use overrides::Overrides;
pub use split::{Kept, SplitReport, SplitSettings, split};
