//! Squeeze-and-excitation (Hu et al., "Squeeze-and-excitation networks", 2018).

use candle_core::{Result, Tensor};

use super::conv::Conv;
use super::pass::Pass;
use crate::ops::activation::hard_sigmoid;
use crate::ops::pool::global_average;
use crate::ops::{elementwise, inplace};

/// Channels weighted by global context: pooled, squeezed, expanded and gated by a hard sigmoid.
#[derive(Debug, Clone)]
pub(crate) struct SqueezeExcite {
    pub(crate) squeeze: Conv,
    pub(crate) excite: Conv,
}

impl SqueezeExcite {
    pub(crate) fn forward(&self, x: Tensor, pass: Pass) -> Result<Tensor> {
        let squeezed = self.squeeze.forward(&global_average(&x)?, pass)?;
        let gate = hard_sigmoid(&self.excite.forward(&squeezed, pass)?)?;
        match pass {
            Pass::Infer | Pass::Adopt => inplace::scale(x, &gate),
            Pass::Train(..) => elementwise::scale(&x, &gate),
        }
    }
}
