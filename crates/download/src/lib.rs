//! Downloads into the caches of huggingface_hub and PyTorch: resumed after an interruption, and verified by
//! checksum before they get their final names.
//!
//! This crate knows nothing of models or products.
//!
//! ```no_run
//! use lookalike_base::progress::Silent;
//! use lookalike_download::{Client, Expected, RemoteFile, Settings, Source};
//!
//! let client = Client::new(Settings::from_env());
//! let source = Source::Hub {
//!     repo: "timm/resnet50.a1_in1k".into(),
//!     revision: "main".into(),
//!     file: "model.safetensors".into(),
//! };
//! let fetched = client.fetch(&RemoteFile { source, expected: Expected::default() }, &Silent)?;
//! println!("{} is at {}", fetched.sha256, fetched.path.display());
//! # Ok::<(), lookalike_download::DownloadError>(())
//! ```

mod checksum_file;
mod client;
mod digest;
mod error;
mod http;
mod hub_cache;
mod lock;
mod metadata;
mod photos;
mod proxy;
mod public_address;
mod retry;
mod settings;
mod source;
mod transfer;
mod urls;
mod verification;
mod verifier;

pub use checksum_file::RecordedChecksum;
pub use client::{Client, Fetched};
pub use digest::{Digest, digest};
pub use error::DownloadError;
pub use photos::{PhotoCache, PhotoLimits, fetch_photo};
pub use proxy::Proxies;
pub use settings::Settings;
pub use source::{Expected, RemoteFile, Source};
pub use verification::{Check, Verification};
