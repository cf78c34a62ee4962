//! The fast way through a network on a processor.
//!
//! A network's layers are taken by a [`Builder`] and become a [`Plan`]: a list of steps, each of which
//! is a convolution with all that follows it, over maps that keep a vector of channels at each position.
//! The weights lie in the order in which they are read, 3x3 convolutions are Winograd's where that pays,
//! and the room for results is used again and again.
//!
//! Vectors are [`pulp`]'s, for AVX-512, AVX2 and NEON, chosen when a plan is made, so that the kernels need
//! no unsafe code; only asking for a cache line and multiplying bytes do. The same kernels over plain arrays serve other
//! processors and the tests.
//!
//! A network that was looked through as it saw photos ([`Plan::ranges`]) can be built in bytes, too
//! ([`Builder::in_bytes`]): with AVX-512 VNNI it is faster, and nearly the same.
//!
//! ```
//! use lookalike_infer::{Activation, Builder, Conv, Extra, Level, Shape, Window};
//!
//! let mut builder = Builder::new(Level::best(), 3, 8);
//! let mix = Conv { weight: &[1.0, 1.0, 1.0], bias: &[-2.0], window: Window::POINT };
//! let mixed = builder.conv(builder.photos(), mix, Extra::only(Activation::Relu));
//! let mean = builder.average(mixed);
//! let plan = builder.finish();
//!
//! let photo = vec![1.0; 3 * 8 * 8];
//! let shape = Shape { images: 1, channels: 3, height: 8, width: 8 };
//! let results = plan.run(&photo, shape, &[mean])?;
//! assert_eq!(results, [[1.0]]);
//! # Ok::<(), lookalike_infer::TooSmall>(())
//! ```

mod aligned;
mod bands;
mod builder;
mod bytes;
mod conv;
mod depthwise;
mod kernels;
mod level;
mod map;
mod plan;
mod pool;
mod prefetch;
mod product;
mod stem;
mod step;
mod tile;
mod window;
mod winograd;

pub use builder::{Builder, Conv, Extra};
pub use bytes::ranges::Ranges;
pub use bytes::scales::Range;
pub use level::Level;
pub use map::Shape;
pub use plan::{Node, Plan, TooSmall};
pub use tile::Activation;
pub use window::{Edges, Window};
