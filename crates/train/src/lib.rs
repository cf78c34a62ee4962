//! Transfer learning: a pretrained network fine-tuned on a catalogue's products.
//!
//! A [`Trainer`] replaces the classifier, trains it alone on embeddings that are computed once (a linear
//! probe), and then trains the whole network, one shard of a batch on each core. It writes a checkpoint
//! after every epoch, and a resumed run ends with the same weights as one that was not interrupted.
//!
//! This crate knows nothing of indexes, HTTP or terminals.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use lookalike_backbone::Device;
//! use lookalike_base::progress::Silent;
//! use lookalike_catalog::{Catalog, Split};
//! use lookalike_train::{Dataset, Settings, Trainer};
//!
//! let catalog = Catalog::open("shop.jsonl".as_ref(), None)?;
//! let (classes, side) = (Dataset::classes(&catalog, Split::Train), 224);
//! let train = Dataset::load(&catalog, Some(Split::Train), &classes, side)?;
//! let val = Dataset::load(&catalog, Some(Split::Val), &classes, side)?;
//! let (weights, teacher) = ("mobilenet.safetensors".as_ref(), None);
//! let (run, settings, device) = ("run".as_ref(), Settings::default(), Device::default());
//! let mut trainer = Trainer::open((weights, teacher), None, run, settings, classes, &device)?;
//! let outcome = trainer.run(&train, &val, None, &Silent, &AtomicBool::new(false))?;
//! println!("{:.1} % of the validation photos", 100.0 * outcome.top1);
//! # Ok::<(), lookalike_train::TrainError>(())
//! ```

mod checkpoint;
mod data_loader;
mod dataset;
mod epoch_log;
mod error;
mod linear_probe;
mod loss;
mod optimiser;
mod sampler;
mod scheduler;
mod settings;
mod step;
mod teacher;
mod trainer;
mod validate;

pub use dataset::Dataset;
pub use epoch_log::{EpochLog, TrainingProgress};
pub use error::TrainError;
pub use settings::{
    AugmentationStrength, BatchNormMode, ClassBalance, Optimiser, Schedule, Settings,
};
pub use trainer::{Outcome, Trainer};
pub use validate::Metrics;
