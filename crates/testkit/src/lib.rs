//! Made-up networks and photos for tests and benches: no download, no data set, the same every time.
//!
//! Never a dependency of the program itself, only a dev-dependency. Its functions panic where they
//! fail, which is what a test wants.
//!
//! ```
//! use lookalike_testkit::{photos, weights};
//!
//! let folder = tempfile::tempdir().expect("a place to write to");
//! weights::write_minimalistic(folder.path().join("weights.safetensors"));
//! photos::save_jpeg(folder.path().join("photo.jpg"), &photos::pattern(7, 320, 240));
//! ```

mod exif;
pub mod hub;
mod noise;
pub mod photos;
mod shapes;
mod skip;
pub mod weights;

pub use noise::Noise;
pub use skip::{real_folders, skipped};
