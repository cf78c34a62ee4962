//! Sliding windows of convolutions and pools: kernel size, stride, padding, and the geometry over a given input.

use crate::feature_map::Shape;

/// A square window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Kernel height and width.
    pub side: usize,
    /// Rows and columns from one output position to the next.
    pub stride: usize,
    /// Zero padding of the input.
    pub padding: Padding,
}

/// Zero padding of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// This many zeros on every side.
    Symmetric(usize),
    /// TensorFlow's SAME: `ceil(side / stride)` output positions; an odd zero goes to the bottom and right.
    Same,
}

impl Window {
    /// The window of a 1x1 (pointwise) convolution.
    pub const POINT: Self = Self { side: 1, stride: 1, padding: Padding::Symmetric(0) };

    pub(crate) fn is_point(self) -> bool {
        self == Self::POINT
    }

    /// Kernel taps: positions in the window.
    pub(crate) fn taps(self) -> usize {
        self.side * self.side
    }

    /// Zeros before and after an input side of this length.
    fn padding(self, side: usize) -> (usize, usize) {
        match self.padding {
            Padding::Symmetric(zeros) => (zeros, zeros),
            Padding::Same => {
                let covered = (side.div_ceil(self.stride).max(1) - 1) * self.stride + self.side;
                let total = covered.saturating_sub(side);
                (total / 2, total - total / 2)
            }
        }
    }

    /// The geometry of this window over an input, for `channels` output channels.
    pub(crate) fn over(self, input: Shape, channels: usize) -> Geometry {
        let positions = |side: usize| {
            let (before, after) = self.padding(side);
            let rest = (side + before + after).checked_sub(self.side);
            rest.map_or(0, |rest| rest / self.stride + 1)
        };
        let (height, width) = (positions(input.height), positions(input.width));
        let padding = (self.padding(input.height).0, self.padding(input.width).0);
        let output = Shape { channels, height, width, ..input };
        Geometry { window: self, input, padding, output }
    }
}

/// A window over an input of known shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) window: Window,
    pub(crate) input: Shape,
    /// Rows of zeros above the input, and columns of zeros left of it.
    pub(crate) padding: (usize, usize),
    /// Height and width are 0 if the window is larger than the padded input.
    pub(crate) output: Shape,
}

/// An output position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) image: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl Geometry {
    /// A range of output positions, in order.
    pub(crate) fn positions(self, range: std::ops::Range<usize>) -> impl Iterator<Item = Position> {
        let Shape { height, width, .. } = self.output;
        let (row, column) = (range.start / width, range.start % width);
        let mut next = Position { image: row / height, row: row % height, column };
        range.map(move |_| {
            let position = next;
            next.column += 1;
            if next.column == width {
                (next.column, next.row) = (0, next.row + 1);
                if next.row == height {
                    (next.row, next.image) = (0, next.image + 1);
                }
            }
            position
        })
    }

    /// Calls `visit` for every tap at an output position, with the tap's index and its input position; `None` in the
    /// padding.
    #[inline(always)]
    pub(crate) fn taps(self, position: Position, mut visit: impl FnMut(usize, Option<usize>)) {
        let Window { side, stride, .. } = self.window;
        let Shape { height, width, .. } = self.input;
        let mut tap = 0;
        for down in 0..side {
            let row = (position.row * stride + down).wrapping_sub(self.padding.0);
            let start = (position.image * height).wrapping_add(row).wrapping_mul(width);
            for right in 0..side {
                let column = (position.column * stride + right).wrapping_sub(self.padding.1);
                visit(tap, (row < height && column < width).then(|| start.wrapping_add(column)));
                tap += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_is_tensorflows() {
        let same = |side, stride| Window { side, stride, padding: Padding::Same };
        assert_eq!(same(3, 2).padding(224), (0, 1));
        assert_eq!(same(3, 2).padding(7), (1, 1));
        assert_eq!(same(3, 1).padding(56), (1, 1));
    }

    #[test]
    fn a_view_goes_over_all_photos() {
        let input = Shape { images: 2, channels: 1, height: 4, width: 5 };
        let geometry = Window { side: 3, stride: 2, padding: Padding::Symmetric(1) }.over(input, 7);
        assert_eq!(geometry.output, Shape { images: 2, channels: 7, height: 2, width: 3 });
        let positions: Vec<_> = geometry.positions(2..8).collect();
        let position = |image, row, column| Position { image, row, column };
        assert_eq!(positions[..3], [position(0, 0, 2), position(0, 1, 0), position(0, 1, 1)]);
        assert_eq!(positions[3..], [position(0, 1, 2), position(1, 0, 0), position(1, 0, 1)]);
        let mut input = Vec::new();
        geometry.taps(position(1, 0, 2), |tap, at| input.push((tap, at)));
        let input: Vec<_> = input.into_iter().filter_map(|(tap, at)| Some((tap, at?))).collect();
        assert_eq!(input, [(3, 23), (4, 24), (6, 28), (7, 29)]);
    }
}
