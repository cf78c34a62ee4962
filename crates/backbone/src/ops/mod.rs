//! Tensor operations: the convolutions, activations and batch norm that layers are made of, each with
//! its gradient, on the CPU, and what a GPU computes in their place.

pub(crate) mod activation;
pub(crate) mod batch_norm;
pub(crate) mod conv;
pub(crate) mod depthwise;
pub(crate) mod dispatch;
pub(crate) mod elementwise;
pub(crate) mod fused_conv;
pub(crate) mod im2col;
pub(crate) mod inplace;
pub(crate) mod padding;
pub(crate) mod phases;
pub(crate) mod pool;
pub(crate) mod portable;
pub(crate) mod random;
pub(crate) mod reduce;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod values;
