//! Activation functions, applied to vectors in the epilogue of a convolution.

use pulp::Simd;

/// Activation function of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The identity.
    None,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)` (Sandler et al., "MobileNetV2", 2018)
    Relu6,
    /// `x * relu6(x + 3) / 6` (Howard et al., "Searching for MobileNetV3", 2019)
    HardSwish,
    /// `relu6(x + 3) / 6`
    HardSigmoid,
}

impl Activation {
    /// Whether [`Self::floor`] and [`Self::ceiling`] are all of it.
    pub(crate) fn is_clamp(self) -> bool {
        matches!(self, Self::None | Self::Relu | Self::Relu6)
    }

    /// Lower clamp; minus infinity where there is none.
    pub(crate) fn floor(self) -> f32 {
        if matches!(self, Self::Relu | Self::Relu6) { 0.0 } else { f32::NEG_INFINITY }
    }

    /// Upper clamp; infinity where there is none.
    pub(crate) fn ceiling(self) -> f32 {
        if self == Self::Relu6 { 6.0 } else { f32::INFINITY }
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
            Self::Relu6 => simd.min_f32s(simd.max_f32s(x, zero), simd.splat_f32s(6.0)),
            Self::HardSwish => simd.mul_f32s(x, gate(x)),
            Self::HardSigmoid => gate(x),
        }
    }
}
