//! Transfer learning: a pretrained network fine-tuned on a catalogue's products.
//!
//! A [`Trainer`] replaces the classifier, trains it alone on embeddings that are computed once, and
//! then trains the whole network, one shard of a batch to a core. It writes a checkpoint after every
//! epoch, and goes on from one as if it had not been interrupted.
//!
//! This crate knows nothing of indexes, HTTP or terminals.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use lookalike_backbone::Device;
//! use lookalike_catalog::{Catalog, Split};
//! use lookalike_train::{Photos, Settings, Silent, Trainer};
//!
//! let catalog = Catalog::open("shop.jsonl".as_ref(), None)?;
//! let (classes, side) = (Photos::classes(&catalog, Split::Train), 224);
//! let train = Photos::load(&catalog, Some(Split::Train), &classes, side)?;
//! let val = Photos::load(&catalog, Some(Split::Val), &classes, side)?;
//! let (weights, tutor) = ("mobilenet.safetensors".as_ref(), None);
//! let (run, settings, device) = ("run".as_ref(), Settings::default(), Device::default());
//! let mut trainer = Trainer::open((weights, tutor), None, run, settings, classes, &device)?;
//! let outcome = trainer.run(&train, &val, None, &Silent, &AtomicBool::new(false))?;
//! println!("{:.1} % of the validation photos", 100.0 * outcome.top1);
//! # Ok::<(), lookalike_train::TrainError>(())
//! ```

mod checkpoint;
mod error;
mod head;
mod log;
mod loss;
mod measure;
mod optimiser;
mod order;
mod photos;
mod schedule;
mod settings;
mod source;
mod step;
mod trainer;
mod tutor;

pub use error::TrainError;
pub use log::{EpochLog, Observer, Silent};
pub use measure::Measured;
pub use photos::Photos;
pub use settings::{Balance, Norms, Optimiser, Schedule, Settings, Strength};
pub use trainer::{Outcome, Trainer};
