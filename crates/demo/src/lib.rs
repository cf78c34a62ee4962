//! A made-up home-goods shop: products, customers' photos of them, and what each photo shows.
//!
//! Everything is drawn by a small renderer of its own, so that the whole program can be tried
//! without network and without anyone's photos. The same settings give the same files, whatever the
//! number of threads; sines of another platform's library may change a pixel.
//!
//! ```
//! use lookalike_demo::{Settings, Silent, write};
//!
//! let folder = tempfile::tempdir()?;
//! let settings = Settings { photos: 2, side: 32, ..Settings::default() };
//! let written = write(&folder.path().join("shop"), &settings, &Silent)?;
//! assert_eq!(written.photos, 2);
//! assert!(written.manifest.is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod camera;
mod decor;
mod develop;
mod error;
mod frame;
mod furniture;
mod manifest;
mod material;
mod noise;
mod object;
mod pattern;
mod photo;
mod plan;
mod render;
mod rng;
mod room;
mod scene;
mod shapes;
mod shop;
mod stage;
mod truth;
mod vector;
mod write;

pub use error::DemoError;
pub use photo::catalogue_picture;
pub use plan::{Kind, Split};
pub use shop::{Category, Product, Shop};
pub use truth::{Area, Seen, Truth};
pub use write::{Observer, Settings, Silent, Written, write};
