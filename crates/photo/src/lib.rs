//! Photo files in, upright RGB images and a network's input tensors out.
//!
//! This crate knows nothing of models or products. All decoding, EXIF rotation and resizing happens here, so that
//! training, indexing and search get exactly the same pixels.
//!
//! ```
//! use lookalike_photo::{DecodeLimits, Normalisation, Preprocess, decode};
//!
//! // Any of JPEG, PNG, WebP, GIF, BMP and TIFF.
//! let mut bmp = std::io::Cursor::new(Vec::new());
//! image::RgbImage::from_pixel(4, 2, image::Rgb([255, 128, 0]))
//!     .write_to(&mut bmp, image::ImageFormat::Bmp)
//!     .expect("encode");
//! let photo = decode(bmp.get_ref(), &DecodeLimits::default())?;
//! assert_eq!(photo.pixels.dimensions(), (4, 2));
//!
//! let preprocess = Preprocess::letterbox(224, Normalisation::IMAGENET);
//! let tensor = preprocess.tensor(&photo.pixels); // 3 x 224 x 224, channels first (CHW)
//! assert_eq!(tensor.len(), 3 * 224 * 224);
//! # Ok::<(), lookalike_photo::PhotoError>(())
//! ```

mod augment;
mod bbox;
mod crop;
mod decode;
mod decode_by_image;
#[cfg(feature = "heic")]
mod decode_heic;
mod decode_jpeg;
mod decoded_photo;
mod error;
mod exif_orientation;
mod format;
mod jpeg;
mod perceptual_hash;
mod preprocess;
mod quiet_panic;
mod read;
mod resize;
mod sniff;
mod thumbnail;

pub use augment::Augmentation;
pub use bbox::BBox;
pub use crop::{Crop, CropError, flip_horizontal};
pub use decode::{decode, decode_damaged, decode_scaled};
pub use decoded_photo::{DecodeLimits, DecodedPhoto};
pub use error::PhotoError;
pub use format::PhotoFormat;
pub use image::RgbImage;
pub use perceptual_hash::{PerceptualHash, luminances};
pub use preprocess::{ChannelOrder, Normalisation, PREPROCESS_VERSION, Preprocess};
pub use read::read;
pub use resize::{downscale, resize};
pub use thumbnail::{encode_thumbnail, make_thumbnail};
