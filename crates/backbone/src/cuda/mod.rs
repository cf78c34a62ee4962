//! CUDA kernels of our own, and tests that a GPU computes what the CPU does.

#[cfg(test)]
mod gpu_tests;
#[cfg(feature = "cuda")]
pub(crate) mod kernels;
