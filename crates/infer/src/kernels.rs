//! Kernels as those convolutions read them that are no matrix products.

use crate::aligned::Aligned;

/// For each block of results, for each number that a result takes in, a vector of weights.
pub(crate) struct Kernels {
    pub(crate) weights: Aligned,
    /// A number for each result.
    pub(crate) bias: Aligned,
}

impl Kernels {
    /// Of `(results, ...)`, by the results' biases, which fill whole blocks.
    pub(crate) fn pack(lanes: usize, results: usize, weight: &[f32], bias: Aligned) -> Self {
        let taps = weight.len() / results.max(1);
        let mut weights = Aligned::zeros(results.div_ceil(lanes) * lanes * taps);
        for (at, x) in weight.iter().enumerate() {
            let (result, tap) = (at / taps, at % taps);
            weights.as_mut_slice()[(result / lanes * taps + tap) * lanes + result % lanes] = *x;
        }
        Self { weights, bias }
    }
}
