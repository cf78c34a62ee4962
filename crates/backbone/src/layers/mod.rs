//! Layers of a network: a convolution with its batch norm and activation, squeeze-and-excitation,
//! residual connections. One definition serves inference and training; see [`pass::Pass`].

pub(crate) mod batch_norm;
pub(crate) mod conv;
pub(crate) mod pass;
pub(crate) mod residual;
pub(crate) mod squeeze_excite;
pub(crate) mod statistics;
