//! A generated home-goods shop: products, customers' photos of them, and annotations of what each photo shows.
//!
//! A small renderer draws everything, so that the whole program can be tried without network and without
//! anyone's photos. The same settings give the same files on any number of threads; sines of another platform's
//! library may change a pixel.
//!
//! ```
//! use lookalike_base::progress::Silent;
//! use lookalike_demo::{Settings, write};
//!
//! let folder = tempfile::tempdir()?;
//! let settings = Settings { photos: 2, side: 32, ..Settings::default() };
//! let written = write(&folder.path().join("shop"), &settings, &Silent)?;
//! assert_eq!(written.photos, 2);
//! assert!(written.manifest.is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod composition;
mod dataset;
mod error;
mod photo_plan;
mod renderer;
mod rng;
mod settings;
mod shop;

pub use dataset::{Annotation, BoundingBox, PhotoAnnotations, Written, catalogue_picture, write};
pub use error::DemoError;
pub use photo_plan::{PhotoKind, Split};
pub use settings::Settings;
pub use shop::{Category, Product, Shop};
