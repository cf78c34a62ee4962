//! Connected regions of a map.

use lookalike_photo::BBox;

use crate::Item;

/// Cells of a map that belong together because their edges touch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Region {
    /// Number of its cells.
    pub(crate) cells: usize,
    /// Sum of its cells' values.
    pub(crate) weight: f64,
    /// First and last column and row.
    columns: (usize, usize),
    rows: (usize, usize),
}

impl Region {
    /// The same with so many more cells on each side, on a map of so many columns and rows.
    pub(crate) fn wider(self, by: usize, width: usize, height: usize) -> Self {
        let grown = |(first, last): (usize, usize), side: usize| {
            (first.saturating_sub(by), (last + by).min(side - 1))
        };
        Self { columns: grown(self.columns, width), rows: grown(self.rows, height), ..self }
    }

    /// As a thing in a photo that a map of `width` by `height` cells lies over.
    pub(crate) fn item(&self, width: usize, height: usize) -> Item {
        let along = |cell: usize| cell as f32 / width as f32;
        let down = |cell: usize| cell as f32 / height as f32;
        let area = BBox {
            left: along(self.columns.0),
            top: down(self.rows.0),
            right: along(self.columns.1 + 1),
            bottom: down(self.rows.1 + 1),
        };
        let share = self.cells as f64 / (width * height) as f64;
        Item { area, share, label: None, confidence: None }
    }
}

/// The regions of cells above a threshold, row-major, the largest first.
pub(crate) fn regions(map: &[f32], width: usize, threshold: f32) -> Vec<Region> {
    let mut seen = vec![false; map.len()];
    let mut found = Vec::new();
    for start in 0..map.len() {
        if seen[start] || map[start] <= threshold {
            continue;
        }
        let mut region =
            Region { cells: 0, weight: 0.0, columns: (width, 0), rows: (map.len(), 0) };
        let mut open = vec![start];
        seen[start] = true;
        while let Some(cell) = open.pop() {
            let (row, column) = (cell / width, cell % width);
            region.cells += 1;
            region.weight += f64::from(map[cell] - threshold);
            region.columns = (region.columns.0.min(column), region.columns.1.max(column));
            region.rows = (region.rows.0.min(row), region.rows.1.max(row));
            let beside = [
                (column > 0).then(|| cell - 1),
                (column + 1 < width).then_some(cell + 1),
                cell.checked_sub(width),
                Some(cell + width),
            ];
            for next in beside.into_iter().flatten().filter(|&next| next < map.len()) {
                if !seen[next] && map[next] > threshold {
                    seen[next] = true;
                    open.push(next);
                }
            }
        }
        found.push(region);
    }
    found.sort_by_key(|region| std::cmp::Reverse(region.cells));
    found
}

/// For each cell the least value of those up to `by` cells beside and above it: regions of the result are
/// so much narrower on each side, but at the map's edges.
pub(crate) fn narrower(map: &[f32], width: usize, by: usize) -> Vec<f32> {
    let height = map.len() / width.max(1);
    let around = |at: usize, side: usize| at.saturating_sub(by)..(at + by + 1).min(side);
    let least = |values: &mut dyn Iterator<Item = f32>| values.fold(f32::INFINITY, f32::min);
    let mut rows = Vec::with_capacity(map.len());
    for row in map.chunks_exact(width.max(1)) {
        rows.extend((0..width).map(|x| least(&mut row[around(x, width)].iter().copied())));
    }
    let mut both = Vec::with_capacity(map.len());
    for y in 0..height {
        let column = |x: usize| least(&mut around(y, height).map(|y| rows[y * width + x]));
        both.extend((0..width).map(column));
    }
    both
}

/// A map scaled to another width and height, bilinear; cells stand for their middles.
pub(crate) fn scale(map: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    // The cell before a place, the cell after it, and how far it is from the first to the second.
    let between = |at: usize, from: usize, to: usize| {
        let place =
            ((at as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, from as f32 - 1.0);
        let before = place as usize;
        (before, (before + 1).min(from - 1), place - before as f32)
    };
    let mut scaled = Vec::with_capacity(to.0 * to.1);
    for y in 0..to.1 {
        let (above, below, down) = between(y, from.1, to.1);
        for x in 0..to.0 {
            let (left, right, along) = between(x, from.0, to.0);
            let row = |y: usize| {
                let row = &map[y * from.0..][..from.0];
                row[left] + (row[right] - row[left]) * along
            };
            scaled.push(row(above) + (row(below) - row(above)) * down);
        }
    }
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_is_one_and_corners_do_not_touch() {
        let map = [1., 1., 0., 0., 0., 1., 0., 1., 0., 0., 1., 1.].map(|v: f32| v);
        let found = regions(&map, 4, 0.5);
        assert_eq!(found.iter().map(|region| region.cells).collect::<Vec<_>>(), [3, 3]);
        let item = found[1].item(4, 3);
        assert_eq!(item.area, BBox { left: 0.5, top: 1.0 / 3.0, right: 1.0, bottom: 1.0 });
        assert!((item.share - 0.25).abs() < 1e-9);
        // The end of a row and the beginning of the next do not touch either.
        assert_eq!(regions(&[0., 1., 1., 0.], 2, 0.5).len(), 2);
        assert!(regions(&[], 4, 0.5).is_empty());
    }

    #[test]
    fn a_neck_is_gone_in_a_narrower_map() {
        #[rustfmt::skip]
        let map: Vec<f32> = [
            1, 1, 1, 0, 1, 1, 1,
            1, 1, 1, 1, 1, 1, 1,
            1, 1, 1, 0, 1, 1, 1,
        ].map(|v| v as f32).to_vec();
        assert_eq!(regions(&map, 7, 0.5).len(), 1);
        let found = regions(&narrower(&map, 7, 1), 7, 0.5);
        assert_eq!(found.len(), 2);
        // As wide as it was: at the map's edge nothing was taken away.
        let item = found[0].clone().wider(1, 7, 3).item(7, 3);
        assert_eq!((item.area.left, item.area.right), (0.0, 3.0 / 7.0));
        assert_eq!(narrower(&map, 7, 0), map);
        assert!(narrower(&[], 7, 1).is_empty());
    }

    #[test]
    fn scaling_keeps_a_ramp_and_its_ends() {
        let ramp: Vec<f32> = (0..4).map(|x| x as f32).collect();
        let wide = scale(&ramp, (4, 1), (8, 2));
        assert_eq!(&wide[..8], [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0]);
        assert_eq!(wide[..8], wide[8..]);
        assert_eq!(scale(&ramp, (2, 2), (2, 2)), ramp);
    }
}
