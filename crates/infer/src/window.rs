//! What a kernel sees as it strides over a map.

use crate::map::Shape;

/// A square that strides over a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its side.
    pub side: usize,
    /// Rows and columns from one position to the next.
    pub stride: usize,
    /// How the map's edges are padded.
    pub padding: Edges,
}

/// How a map's edges are padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edges {
    /// So many zeros on every side.
    Even(usize),
    /// TensorFlow's SAME: as many as the last step needs, what does not divide evenly behind.
    Same,
}

impl Window {
    /// One position at a time.
    pub const POINT: Self = Self { side: 1, stride: 1, padding: Edges::Even(0) };

    pub(crate) fn is_point(self) -> bool {
        self == Self::POINT
    }

    /// Positions in the window.
    pub(crate) fn taps(self) -> usize {
        self.side * self.side
    }

    /// Zeros in front of and behind a side of a map.
    fn padding(self, side: usize) -> (usize, usize) {
        match self.padding {
            Edges::Even(zeros) => (zeros, zeros),
            Edges::Same => {
                let covered = (side.div_ceil(self.stride).max(1) - 1) * self.stride + self.side;
                let total = covered.saturating_sub(side);
                (total / 2, total - total / 2)
            }
        }
    }

    /// Looks at a map, for a result of so many channels.
    pub(crate) fn over(self, seen: Shape, channels: usize) -> View {
        let positions = |side: usize| {
            let (before, after) = self.padding(side);
            let room = (side + before + after).checked_sub(self.side);
            room.map_or(0, |room| room / self.stride + 1)
        };
        let (height, width) = (positions(seen.height), positions(seen.width));
        let before = (self.padding(seen.height).0, self.padding(seen.width).0);
        View { window: self, seen, before, result: Shape { channels, height, width, ..seen } }
    }
}

/// A window over a map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) window: Window,
    pub(crate) seen: Shape,
    /// Rows of zeros above the map, and columns in front of it.
    pub(crate) before: (usize, usize),
    /// Its positions are 0 where the window is larger than the map.
    pub(crate) result: Shape,
}

/// A position of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) image: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl View {
    /// Some positions of the result, one after the other.
    pub(crate) fn places(self, positions: std::ops::Range<usize>) -> impl Iterator<Item = Place> {
        let Shape { height, width, .. } = self.result;
        let (row, column) = (positions.start / width, positions.start % width);
        let mut next = Place { image: row / height, row: row % height, column };
        positions.map(move |_| {
            let place = next;
            next.column += 1;
            if next.column == width {
                (next.column, next.row) = (0, next.row + 1);
                if next.row == height {
                    (next.row, next.image) = (0, next.image + 1);
                }
            }
            place
        })
    }

    /// Shows every tap at a place: its number, and the position in the map that it sees, if it is not
    /// padding.
    #[inline(always)]
    pub(crate) fn taps(self, place: Place, mut visit: impl FnMut(usize, Option<usize>)) {
        let Window { side, stride, .. } = self.window;
        let Shape { height, width, .. } = self.seen;
        let mut tap = 0;
        for down in 0..side {
            let row = (place.row * stride + down).wrapping_sub(self.before.0);
            let start = (place.image * height).wrapping_add(row).wrapping_mul(width);
            for right in 0..side {
                let column = (place.column * stride + right).wrapping_sub(self.before.1);
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
        let same = |side, stride| Window { side, stride, padding: Edges::Same };
        assert_eq!(same(3, 2).padding(224), (0, 1));
        assert_eq!(same(3, 2).padding(7), (1, 1));
        assert_eq!(same(3, 1).padding(56), (1, 1));
    }

    #[test]
    fn a_view_goes_over_all_photos() {
        let seen = Shape { images: 2, channels: 1, height: 4, width: 5 };
        let view = Window { side: 3, stride: 2, padding: Edges::Even(1) }.over(seen, 7);
        assert_eq!(view.result, Shape { images: 2, channels: 7, height: 2, width: 3 });
        let places: Vec<_> = view.places(2..8).collect();
        let place = |image, row, column| Place { image, row, column };
        assert_eq!(places[..3], [place(0, 0, 2), place(0, 1, 0), place(0, 1, 1)]);
        assert_eq!(places[3..], [place(0, 1, 2), place(1, 0, 0), place(1, 0, 1)]);
        let mut seen = Vec::new();
        view.taps(place(1, 0, 2), |tap, at| seen.push((tap, at)));
        let seen: Vec<_> = seen.into_iter().filter_map(|(tap, at)| Some((tap, at?))).collect();
        assert_eq!(seen, [(3, 23), (4, 24), (6, 28), (7, 29)]);
    }
}
