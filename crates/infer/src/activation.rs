//! Activation functions, applied to vectors in the epilogue of a convolution.

use pulp::Simd;

/// Activation function of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The identity.
    None,
    /// `max(x, 0)`
    Relu,
    /// `x * relu6(x + 3) / 6` (Howard et al., "Searching for MobileNetV3", 2019)
    HardSwish,
    /// `relu6(x + 3) / 6`
    HardSigmoid,
}

impl Activation {
    /// Lower clamp: 0 for ReLU, which it computes completely; minus infinity for the others.
    pub(crate) fn floor(self) -> f32 {
        if self == Self::Relu { 0.0 } else { f32::NEG_INFINITY }
    }

    #[inline(always)]
    pub(crate) fn apply<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        let zero = simd.splat_f32s(0.0);
        let gate = |x| {
            let y = simd.mul_add_e_f32s(x, simd.splat_f32s(1.0 / 6.0), simd.splat_f32s(0.5));
            simd.min_f32s(simd.max_f32s(y, zero), simd.splat_f32s(1.0))
        };
        match self {
            Self::None => x,
            Self::Relu => simd.max_f32s(x, zero),
            Self::HardSwish => simd.mul_f32s(x, gate(x)),
            Self::HardSigmoid => gate(x),
        }
    }
}
