//! CPU inference: a network as a plan of fused kernels.
//!
//! A [`Builder`] takes a network's layers and makes a [`Plan`]: a list of steps, each a convolution fused with batch norm,
//! residual and activation, over feature maps in a channel-blocked NHWC layout. Weights are packed in the order in which
//! they are read, 3x3 convolutions use Winograd's algorithm where it is faster, and buffers are reused.
//!
//! Kernels are written once over [`pulp`]'s vectors, for AVX-512, AVX2 and NEON, which are detected at run time
//! ([`SimdLevel`]), and over plain arrays for other processors and tests. Only prefetching and int8 dot products need
//! unsafe code.
//!
//! With calibration ranges of some photos ([`Plan::ranges`]) a network can be built as int8, too ([`Builder::int8`]):
//! faster with AVX-512 VNNI, and nearly the same output.
//!
//! ```
//! use lookalike_infer::{Activation, Builder, Conv, FusedOps, Shape, SimdLevel, Window};
//!
//! let mut builder = Builder::new(SimdLevel::best(), 3, 8);
//! let conv = Conv { weight: &[1.0, 1.0, 1.0], bias: &[-2.0], window: Window::POINT };
//! let sum = builder.conv(builder.input(), conv, FusedOps::activation(Activation::Relu));
//! let mean = builder.global_average_pool(sum);
//! let plan = builder.build();
//!
//! let photo = vec![1.0; 3 * 8 * 8];
//! let shape = Shape { images: 1, channels: 3, height: 8, width: 8 };
//! let outputs = plan.run(&photo, shape, &[mean])?;
//! assert_eq!(outputs, [[1.0]]);
//! # Ok::<(), lookalike_infer::InputTooSmall>(())
//! ```

mod activation;
mod aligned;
mod builder;
mod conv;
mod depthwise;
mod direct_weights;
mod feature_map;
mod gemm;
mod int8;
mod line_buffer;
mod micro_kernel;
mod parallel;
mod plan;
mod pool;
mod prefetch;
mod simd_level;
mod stem;
mod step;
mod tensor_id;
mod window;
mod winograd;

pub use activation::Activation;
pub use builder::{Builder, Conv, FusedOps};
pub use feature_map::Shape;
pub use int8::ranges::Ranges;
pub use int8::scales::Range;
pub use plan::{InputTooSmall, Plan};
pub use simd_level::SimdLevel;
pub use tensor_id::TensorId;
pub use window::{Padding, Window};
