//! Files of known origin from the network, in the caches that Python's tools use, resumed where they
//! were cut off, and verified before they get their final names.
//!
//! This crate knows nothing of networks or products.
//!
//! ```no_run
//! use lookalike_download::{Client, Expected, Remote, Settings, Silent, Source};
//!
//! let client = Client::new(Settings::from_env());
//! let source = Source::Hub {
//!     repo: "timm/resnet50.a1_in1k".into(),
//!     revision: "main".into(),
//!     file: "model.safetensors".into(),
//! };
//! let fetched = client.fetch(&Remote { source, expected: Expected::default() }, &Silent)?;
//! println!("{} is at {}", fetched.sha256, fetched.path.display());
//! # Ok::<(), lookalike_download::DownloadError>(())
//! ```

mod client;
mod digest;
mod error;
mod files;
mod http;
mod hub;
mod known;
mod lock;
mod metadata;
mod progress;
mod proxy;
mod records;
mod retry;
mod settings;
mod source;
mod task;
mod transfer;
mod urls;

pub use client::{Client, Fetched};
pub use digest::{Digest, digest};
pub use error::DownloadError;
pub use known::{Authority, Trust};
pub use progress::{Progress, Silent};
pub use proxy::Proxies;
pub use records::Recorded;
pub use settings::Settings;
pub use source::{Expected, Remote, Source};
