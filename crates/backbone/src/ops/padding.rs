//! Zero padding of convolutions, as PyTorch and as TensorFlow lay it out.

/// Zeros around a picture before a convolution: `(before, after)`, the same for both axes.
pub(crate) type Padding = (usize, usize);

/// How padding is split between the two sides of an axis when a convolution strides over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaddingStyle {
    /// PyTorch: `k / 2` on each side.
    Symmetric,
    /// TensorFlow's SAME for even sides: what does not divide evenly goes behind.
    Same,
}

impl PaddingStyle {
    /// The padding of an axis of length `side`.
    pub(crate) fn of(self, kernel: usize, stride: usize, side: usize) -> Padding {
        match self {
            Self::Symmetric => (kernel / 2, kernel / 2),
            Self::Same => {
                let covered = (side.div_ceil(stride) - 1) * stride + kernel;
                let total = covered.saturating_sub(side);
                (total / 2, total - total / 2)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_is_tensorflows() {
        assert_eq!(PaddingStyle::Same.of(3, 2, 224), (0, 1));
        assert_eq!(PaddingStyle::Same.of(3, 2, 7), (1, 1));
        assert_eq!(PaddingStyle::Same.of(3, 1, 56), (1, 1));
        assert_eq!(PaddingStyle::Symmetric.of(5, 2, 56), (2, 2));
    }
}
