//! Connected-component labelling of a map above a threshold (4-connectivity), greyscale erosion, and bilinear
//! resizing.

use lookalike_photo::BBox;

use crate::DetectedObject;

/// A connected component: cells of a map joined by their edges.
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
    /// With its bounds dilated by so many cells on each side, on a map of `width` by `height` cells.
    pub(crate) fn dilate(self, by: usize, width: usize, height: usize) -> Self {
        let grown = |(first, last): (usize, usize), side: usize| {
            (first.saturating_sub(by), (last + by).min(side - 1))
        };
        Self { columns: grown(self.columns, width), rows: grown(self.rows, height), ..self }
    }

    /// As an object in a photo covered by a map of `width` by `height` cells.
    pub(crate) fn object(&self, width: usize, height: usize) -> DetectedObject {
        let along = |cell: usize| cell as f32 / width as f32;
        let down = |cell: usize| cell as f32 / height as f32;
        let bbox = BBox {
            left: along(self.columns.0),
            top: down(self.rows.0),
            right: along(self.columns.1 + 1),
            bottom: down(self.rows.1 + 1),
        };
        let area_fraction = self.cells as f64 / (width * height) as f64;
        DetectedObject { bbox, area_fraction, label: None, confidence: None }
    }
}

/// The connected components of the cells above a threshold, the largest first. The map is row-major.
pub(crate) fn regions(map: &[f32], width: usize, threshold: f32) -> Vec<Region> {
    let mut visited = vec![false; map.len()];
    let mut found = Vec::new();
    for start in 0..map.len() {
        if visited[start] || map[start] <= threshold {
            continue;
        }
        let mut region =
            Region { cells: 0, weight: 0.0, columns: (width, 0), rows: (map.len(), 0) };
        let mut open = vec![start];
        visited[start] = true;
        while let Some(cell) = open.pop() {
            let (row, column) = (cell / width, cell % width);
            region.cells += 1;
            region.weight += f64::from(map[cell] - threshold);
            region.columns = (region.columns.0.min(column), region.columns.1.max(column));
            region.rows = (region.rows.0.min(row), region.rows.1.max(row));
            let neighbours = [
                (column > 0).then(|| cell - 1),
                (column + 1 < width).then_some(cell + 1),
                cell.checked_sub(width),
                Some(cell + width),
            ];
            for next in neighbours.into_iter().flatten().filter(|&next| next < map.len()) {
                if !visited[next] && map[next] > threshold {
                    visited[next] = true;
                    open.push(next);
                }
            }
        }
        found.push(region);
    }
    found.sort_by_key(|region| std::cmp::Reverse(region.cells));
    found
}

/// Greyscale erosion by a square of `2 * by + 1` cells: each cell becomes the minimum around it. Regions of the
/// result are `by` cells narrower on each side, except at the map's edges.
pub(crate) fn erode(map: &[f32], width: usize, by: usize) -> Vec<f32> {
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

/// Bilinear resizing to another width and height; samples are at the middles of cells.
pub(crate) fn resize_bilinear(map: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    // The two cells around a sample, and the weight of the second.
    let between = |at: usize, from: usize, to: usize| {
        let position =
            ((at as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, from as f32 - 1.0);
        let before = position as usize;
        (before, (before + 1).min(from - 1), position - before as f32)
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
    fn regions_are_joined_by_edges_and_not_by_corners() {
        let map = [1., 1., 0., 0., 0., 1., 0., 1., 0., 0., 1., 1.].map(|v: f32| v);
        let found = regions(&map, 4, 0.5);
        assert_eq!(found.iter().map(|region| region.cells).collect::<Vec<_>>(), [3, 3]);
        let object = found[1].object(4, 3);
        assert_eq!(object.bbox, BBox { left: 0.5, top: 1.0 / 3.0, right: 1.0, bottom: 1.0 });
        assert!((object.area_fraction - 0.25).abs() < 1e-9);
        // The end of a row and the beginning of the next do not touch either.
        assert_eq!(regions(&[0., 1., 1., 0.], 2, 0.5).len(), 2);
        assert!(regions(&[], 4, 0.5).is_empty());
    }

    #[test]
    fn erosion_cuts_a_neck() {
        #[rustfmt::skip]
        let map: Vec<f32> = [
            1, 1, 1, 0, 1, 1, 1,
            1, 1, 1, 1, 1, 1, 1,
            1, 1, 1, 0, 1, 1, 1,
        ].map(|v| v as f32).to_vec();
        assert_eq!(regions(&map, 7, 0.5).len(), 1);
        let found = regions(&erode(&map, 7, 1), 7, 0.5);
        assert_eq!(found.len(), 2);
        // As wide as it was: at the map's edge nothing was taken away.
        let object = found[0].clone().dilate(1, 7, 3).object(7, 3);
        assert_eq!((object.bbox.left, object.bbox.right), (0.0, 3.0 / 7.0));
        assert_eq!(erode(&map, 7, 0), map);
        assert!(erode(&[], 7, 1).is_empty());
    }

    #[test]
    fn scaling_keeps_a_ramp_and_its_ends() {
        let ramp: Vec<f32> = (0..4).map(|x| x as f32).collect();
        let wide = resize_bilinear(&ramp, (4, 1), (8, 2));
        assert_eq!(&wide[..8], [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0]);
        assert_eq!(wide[..8], wide[8..]);
        assert_eq!(resize_bilinear(&ramp, (2, 2), (2, 2)), ramp);
    }
}
