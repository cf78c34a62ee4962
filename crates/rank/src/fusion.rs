//! Fusion of the neighbour vote, prototypes and classifiers into one ranking. A search uses the log-linear pool;
//! evaluations compare the linear one.

mod linear_pool;
mod log_linear_pool;

pub use linear_pool::linear_pool;
pub use log_linear_pool::{fit_log_linear_pool, log_linear_pool};
