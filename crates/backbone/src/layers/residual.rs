//! Residual connections (He et al., "Deep residual learning", 2016).

use candle_core::{Result, Tensor};

use super::pass::Pass;
use crate::ops::activation::Activation;
use crate::ops::{elementwise, inplace};

/// `activation(branch + shortcut)`, of the same shape; never with a hard swish.
pub(crate) fn residual(
    branch: Tensor,
    shortcut: &Tensor,
    activation: Activation,
    pass: Pass,
) -> Result<Tensor> {
    match pass {
        Pass::Infer | Pass::Adopt => inplace::add(branch, shortcut, activation),
        Pass::Train(..) => elementwise::add(&branch, shortcut, activation),
    }
}
