//! Photo bytes in, an upright RGB picture and a network's input tensor out.
//!
//! This crate knows nothing of models or products. It is the one place where a photo is decoded,
//! turned upright and scaled, so that training, indexing and search see exactly the same pixels.
//!
//! ```
//! use lookalike_photo::{DecodeLimits, Normalisation, Preprocess, decode};
//!
//! // A 2x1 binary PPM would be refused; a tiny BMP made on the spot is fine.
//! let mut bmp = std::io::Cursor::new(Vec::new());
//! image::RgbImage::from_pixel(4, 2, image::Rgb([255, 128, 0]))
//!     .write_to(&mut bmp, image::ImageFormat::Bmp)
//!     .expect("encode");
//! let photo = decode(bmp.get_ref(), &DecodeLimits::default())?;
//! assert_eq!(photo.pixels.dimensions(), (4, 2));
//!
//! let preprocess = Preprocess::letterbox(224, Normalisation::IMAGENET);
//! let tensor = preprocess.tensor(&photo.pixels); // 3 x 224 x 224, channel first
//! assert_eq!(tensor.len(), 3 * 224 * 224);
//! # Ok::<(), lookalike_photo::PhotoError>(())
//! ```

mod augment;
mod bbox;
mod crop;
mod decode;
mod error;
mod format;
mod jpeg;
mod preprocess;
mod read;
mod thumbnail;

pub use augment::Augmentation;
pub use bbox::BBox;
pub use crop::{Crop, CropError, mirrored};
pub use decode::{DecodeLimits, DecodedPhoto, decode, decode_at_least};
pub use error::PhotoError;
pub use format::PhotoFormat;
pub use image::RgbImage;
pub use preprocess::{ChannelOrder, Normalisation, PREPROCESS_VERSION, Preprocess};
pub use read::read;
pub use thumbnail::{scaled, shrink, thumbnail_jpeg, thumbnail_of};
