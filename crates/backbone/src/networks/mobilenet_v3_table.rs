//! The blocks of MobileNetV3-Large (Howard et al., "Searching for MobileNetV3", 2019, table 1).

use crate::ops::activation::Activation;

/// One row of the paper's table 1.
pub(crate) struct Row {
    pub(crate) kernel: usize,
    /// Channels between expansion and projection.
    pub(crate) expanded: usize,
    pub(crate) out: usize,
    pub(crate) squeeze: bool,
    pub(crate) activation: Activation,
    pub(crate) stride: usize,
}

const fn row(
    kernel: usize,
    expanded: usize,
    out: usize,
    squeeze: bool,
    activation: Activation,
    stride: usize,
) -> Row {
    Row { kernel, expanded, out, squeeze, activation, stride }
}

pub(crate) const RE: Activation = Activation::Relu;
pub(crate) const HS: Activation = Activation::HardSwish;

pub(crate) const TABLE: [Row; 15] = [
    row(3, 16, 16, false, RE, 1),
    row(3, 64, 24, false, RE, 2),
    row(3, 72, 24, false, RE, 1),
    row(5, 72, 40, true, RE, 2),
    row(5, 120, 40, true, RE, 1),
    row(5, 120, 40, true, RE, 1),
    row(3, 240, 80, false, HS, 2),
    row(3, 200, 80, false, HS, 1),
    row(3, 184, 80, false, HS, 1),
    row(3, 184, 80, false, HS, 1),
    row(3, 480, 112, true, HS, 1),
    row(3, 672, 112, true, HS, 1),
    row(5, 672, 160, true, HS, 2),
    row(5, 960, 160, true, HS, 1),
    row(5, 960, 160, true, HS, 1),
];

/// Whether a block has squeeze-and-excitation.
pub(crate) fn squeezes(block: usize) -> bool {
    TABLE.get(block).is_some_and(|row| row.squeeze)
}
