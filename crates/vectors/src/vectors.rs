use crate::{Hit, VectorError, best_first};

/// Unit vectors, one a row, in one block of memory that every store shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    dim: u32,
    values: Vec<f32>,
}

impl Default for Vectors {
    /// None, of length 1.
    fn default() -> Self {
        Self { dim: 1, values: Vec::new() }
    }
}

impl Vectors {
    /// Takes `values` of shape `(n, dim)`, checks them and scales each row to length 1.
    ///
    /// # Errors
    /// [`VectorError`] for a row that is not finite or has no direction.
    ///
    /// # Panics
    /// When `dim` is 0 or does not fit 32 bits.
    pub fn normalised(dim: usize, mut values: Vec<f32>) -> Result<Self, VectorError> {
        assert!(dim > 0, "vectors without dimensions");
        if !values.len().is_multiple_of(dim) {
            return Err(VectorError::Dimension { dim, found: values.len() });
        }
        for (row, vector) in values.chunks_exact_mut(dim).enumerate() {
            normalise(vector, row)?;
        }
        Ok(Self { dim: u32::try_from(dim).expect("dimensions fit 32 bits"), values })
    }

    /// These vectors without the rows for which `keep` has `false`, and `more` of shape `(n, dim)`
    /// behind them, each scaled to length 1.
    ///
    /// # Errors
    /// [`VectorError`] for one of `more` that is not finite or has no direction.
    ///
    /// # Panics
    /// When `keep` has another length than there are vectors.
    pub(crate) fn changed(&self, keep: &[bool], more: Vec<f32>) -> Result<Self, VectorError> {
        assert_eq!(keep.len(), self.len(), "one flag for each vector");
        let more = Self::normalised(self.dim(), more)?;
        let kept = keep.iter().filter(|keep| **keep).count();
        let mut values = Vec::with_capacity((kept + more.len()) * self.dim());
        for (row, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            values.extend_from_slice(self.row(row as u32));
        }
        values.extend_from_slice(&more.values);
        Ok(Self { dim: self.dim, values })
    }

    /// Takes what [`Self::values`] gave.
    ///
    /// # Errors
    /// [`VectorError::Dimension`] for values that make no whole number of rows.
    pub fn from_values(dim: usize, values: Vec<f32>) -> Result<Self, VectorError> {
        match u32::try_from(dim) {
            Ok(short) if dim > 0 && values.len().is_multiple_of(dim) => {
                Ok(Self { dim: short, values })
            }
            _ => Err(VectorError::Dimension { dim, found: values.len() }),
        }
    }

    /// All rows, one behind the other: to be stored.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Length of each vector.
    pub fn dim(&self) -> usize {
        self.dim as usize
    }

    /// One vector.
    ///
    /// # Panics
    /// When `row` is not below [`Self::len`].
    pub fn row(&self, row: u32) -> &[f32] {
        let start = row as usize * self.dim();
        &self.values[start..start + self.dim()]
    }

    /// Checks what a file claims to be vectors.
    ///
    /// # Errors
    /// [`VectorError`] for another shape or for rows that are not unit vectors.
    pub fn check(&self) -> Result<(), VectorError> {
        if self.dim == 0 || !self.values.len().is_multiple_of(self.dim()) {
            return Err(VectorError::Dimension { dim: self.dim(), found: self.values.len() });
        }
        for (row, vector) in self.values.chunks_exact(self.dim()).enumerate() {
            let length = dot(vector, vector);
            if !length.is_finite() || (length - 1.0).abs() > 1e-3 {
                return Err(VectorError::NotFinite { row });
            }
        }
        Ok(())
    }

    /// The `k` of some rows that are nearest to a query, the nearest first: every one of them is
    /// compared.
    ///
    /// # Errors
    /// [`VectorError`] for a query of another length or without a direction.
    ///
    /// # Panics
    /// When a row is not below [`Self::len`].
    pub fn nearest_among(
        &self,
        query: &[f32],
        rows: impl Iterator<Item = u32>,
        k: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        let query = self.query(query)?;
        let hit = |row| Hit { row, similarity: dot(&query, self.row(row)) };
        let mut hits: Vec<Hit> = rows.map(hit).collect();
        hits.sort_unstable_by(best_first);
        hits.truncate(k);
        Ok(hits)
    }

    /// A query of this store's length, as a unit vector.
    pub(crate) fn query(&self, query: &[f32]) -> Result<Vec<f32>, VectorError> {
        if query.len() != self.dim() {
            return Err(VectorError::Dimension { dim: self.dim(), found: query.len() });
        }
        let mut query = query.to_vec();
        normalise(&mut query, 0)?;
        Ok(query)
    }
}

fn normalise(vector: &mut [f32], row: usize) -> Result<(), VectorError> {
    // In f64, because the square of a large f32 overflows.
    let squares: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if !squares.is_finite() {
        return Err(VectorError::NotFinite { row });
    }
    if squares == 0.0 {
        return Err(VectorError::Zero { row });
    }
    let scale = 1.0 / squares.sqrt();
    vector.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
    Ok(())
}

/// The dot product, which of unit vectors is the cosine similarity.
///
/// Sixteen sums side by side, because a single one would have to be added up in order and could not
/// be vectorised.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
    let rest: f32 = rest.map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_direction_is_refused() {
        let refuse = |values: Vec<f32>| Vectors::normalised(2, values).expect_err("refused");
        assert_eq!(refuse(vec![1.0, 2.0, 0.0, 0.0]), VectorError::Zero { row: 1 });
        assert_eq!(refuse(vec![1.0, f32::NAN]), VectorError::NotFinite { row: 0 });
        assert_eq!(refuse(vec![1.0, f32::INFINITY]), VectorError::NotFinite { row: 0 });
        assert_eq!(refuse(vec![1.0; 3]), VectorError::Dimension { dim: 2, found: 3 });
    }

    #[test]
    fn only_the_rows_asked_for_are_compared() {
        let vectors = Vectors::normalised(2, vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).expect("finite");
        let hits = vectors.nearest_among(&[2.0, 0.1], [1, 2].into_iter(), 5).expect("two");
        assert_eq!(hits.iter().map(|hit| hit.row).collect::<Vec<_>>(), [2, 1]);
        assert!(vectors.nearest_among(&[1.0], [0].into_iter(), 1).is_err());
    }

    #[test]
    fn tiny_and_huge_vectors_become_unit_vectors() {
        let vectors = Vectors::normalised(2, vec![3e-30, 4e-30, 3e30, 4e30]).expect("finite");
        for row in 0..2 {
            let wanted = Vectors::normalised(2, vec![0.6, 0.8]).expect("finite");
            assert!((dot(vectors.row(row), wanted.row(0)) - 1.0).abs() < 1e-6);
        }
        assert_eq!(vectors.check(), Ok(()));
    }

    #[test]
    fn the_dot_product_counts_every_element_once() {
        for length in [1, 15, 16, 17, 31, 32, 50] {
            let a: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let wanted: f32 = a.iter().map(|x| x * 2.0).sum();
            assert_eq!(dot(&a, &vec![2.0; length]), wanted, "length {length}");
        }
    }
}
