//! Quantised inference: uint8 activations, int8 weights, int32 accumulators.
//!
//! Quantisation is affine with a scale and a zero point per channel ([`scales`]; Jacob et al., "Quantization and training of
//! neural networks for efficient integer-arithmetic-only inference", 2018). Scales come from calibration photos
//! ([`ranges`]). Dense convolutions multiply integers; their epilogue dequantises the accumulators, applies bias,
//! residual and activation in f32 and requantises what goes to memory. Depthwise convolutions, gates and means
//! compute in f32.

pub(crate) mod builder;
pub(crate) mod conv;
pub(crate) mod depthwise;
pub(crate) mod gemm;
pub(crate) mod micro_kernel;
pub(crate) mod op;
pub(crate) mod pool;
pub(crate) mod quantise_map;
pub(crate) mod ranges;
pub(crate) mod scales;
pub(crate) mod simd;
pub(crate) mod stem;
#[cfg(target_arch = "x86_64")]
pub(crate) mod vnni;
