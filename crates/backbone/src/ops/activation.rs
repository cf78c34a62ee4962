//! Activations: ReLU, ReLU6 and hard swish, forwards and backwards.

use candle_core::{Result, Tensor};
use pulp::Arch;

/// The activation behind a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Relu,
    /// `min(max(x, 0), 6)` (Sandler et al., "MobileNetV2", 2018).
    Relu6,
    /// `x * relu6(x + 3) / 6` (Howard et al., 2019, section 5.2).
    HardSwish,
}

impl Activation {
    /// Whether its gradient needs what it was applied to: for the others their output is enough.
    pub(crate) fn needs_input(self) -> bool {
        self == Self::HardSwish
    }

    /// Applied by candle's own operations, on any device.
    pub(crate) fn of(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::None => Ok(x.clone()),
            Self::Relu => x.relu(),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::HardSwish => x * hard_sigmoid(x)?,
        }
    }
}

/// `relu6(x + 3) / 6`
pub(crate) fn hard_sigmoid(x: &Tensor) -> Result<Tensor> {
    x.affine(1.0 / 6.0, 0.5)?.clamp(0.0, 1.0)
}

/// `activation(x * scale + shift)`, channel by channel, for planes of `plane` values.
pub(crate) fn scale_shift(
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    plane: usize,
    activation: Activation,
) -> Vec<f32> {
    let mut out = vec![0f32; x.len()];
    let planes = out.chunks_exact_mut(plane.max(1)).zip(x.chunks_exact(plane.max(1)));
    Arch::new().dispatch(|| {
        for (number, (out, x)) in planes.enumerate() {
            let channel = number % scale.len();
            let (scale, shift) = (scale[channel], shift[channel]);
            let each = out.iter_mut().zip(x);
            match activation {
                Activation::None => each.for_each(|(out, x)| *out = x * scale + shift),
                Activation::Relu => each.for_each(|(out, x)| *out = (x * scale + shift).max(0.0)),
                Activation::Relu6 => {
                    each.for_each(|(out, x)| *out = (x * scale + shift).clamp(0.0, 6.0));
                }
                Activation::HardSwish => each.for_each(|(out, x)| {
                    let y = x * scale + shift;
                    *out = y * (y / 6.0 + 0.5).clamp(0.0, 1.0);
                }),
            }
        }
    });
    out
}

/// The gradient of an activation's input, from that of its output. `input` is what the activation was
/// applied to; unless it [needs that](Activation::needs_input), its output serves as well.
pub(crate) fn backward(activation: Activation, input: &[f32], grad: &[f32]) -> Vec<f32> {
    let mut out = vec![0f32; grad.len()];
    let each = out.iter_mut().zip(input.iter().zip(grad));
    Arch::new().dispatch(|| match activation {
        Activation::None => each.for_each(|(out, (_, grad))| *out = *grad),
        Activation::Relu => each.for_each(|(out, (&x, &grad))| {
            *out = if x > 0.0 { grad } else { 0.0 };
        }),
        Activation::Relu6 => each.for_each(|(out, (&x, &grad))| {
            *out = if x > 0.0 && x < 6.0 { grad } else { 0.0 };
        }),
        // As PyTorch has it where the slope jumps: 0 at -3, 1 at 3.
        Activation::HardSwish => each.for_each(|(out, (&x, &grad))| {
            let slope = if x >= 3.0 { 1.0 } else { x / 3.0 + 0.5 };
            *out = if x <= -3.0 { 0.0 } else { grad * slope };
        }),
    });
    out
}
