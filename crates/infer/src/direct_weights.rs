//! Packed weights of direct convolutions: those that are not computed as matrix products.

use crate::aligned::AlignedVec;

/// For each block of output channels, for each input of an output, a vector of weights.
pub(crate) struct DirectWeights {
    pub(crate) weights: AlignedVec,
    /// One per output channel, filled up to whole blocks.
    pub(crate) bias: AlignedVec,
}

impl DirectWeights {
    /// Packs weights `(outputs, ...)`; `bias` fills whole blocks.
    pub(crate) fn pack(lanes: usize, outputs: usize, weight: &[f32], bias: AlignedVec) -> Self {
        let taps = weight.len() / outputs.max(1);
        let mut weights = AlignedVec::zeros(outputs.div_ceil(lanes) * lanes * taps);
        for (at, x) in weight.iter().enumerate() {
            let (output, tap) = (at / taps, at % taps);
            weights.as_mut_slice()[(output / lanes * taps + tap) * lanes + output % lanes] = *x;
        }
        Self { weights, bias }
    }
}
