//! Cosine similarities of queries and rows: in full, by all 16 bits, and by int8 codes, with the error of these.

use super::{Plane, Vectors, normalise};
use crate::kernels::{BIAS, dot_int8, dot_int16_f32, prefetch};
use crate::{Hit, VectorError, best_first};

/// A vector's int8 codes and their scale.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code<'a> {
    pub(crate) bytes: &'a [u8],
    /// The value of 1.
    pub(crate) scale: f32,
}

/// A query of length 1, in f32 and as int8 codes.
pub(crate) struct Query {
    values: Vec<f32>,
    bytes: Vec<u8>,
    scale: f32,
}

impl Query {
    pub(crate) fn code(&self) -> Code<'_> {
        Code { bytes: &self.bytes, scale: self.scale }
    }
}

impl Vectors {
    /// The `k` of some rows most similar to a query, best first, by comparing all of them.
    ///
    /// # Errors
    /// [`VectorError`] for a query of another length, or one that is zero or not finite.
    ///
    /// # Panics
    /// When a row is not below [`Self::len`].
    pub fn search_rows(
        &self,
        query: &[f32],
        rows: impl Iterator<Item = u32>,
        k: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        let query = self.query(query)?;
        let hit = |row| Hit { row, similarity: self.similarity(&query, row) };
        let mut hits: Vec<Hit> = rows.map(hit).collect();
        hits.sort_unstable_by(best_first);
        hits.truncate(k);
        Ok(hits)
    }

    /// Checks a query, scales it to length 1 and quantises it.
    pub(crate) fn query(&self, query: &[f32]) -> Result<Query, VectorError> {
        if query.len() != self.dim {
            return Err(VectorError::Dimension { dim: self.dim, found: query.len() });
        }
        let mut values = query.to_vec();
        normalise(&mut values, 0)?;
        let largest = values.iter().fold(0f32, |most, x| most.max(x.abs()));
        let bytes: Vec<u8> =
            values.iter().map(|x| (x / largest * 127.0).round() as i8 as u8 ^ BIAS).collect();
        let squares: i64 = bytes.iter().map(|&byte| (i64::from(byte) - 128).pow(2)).sum();
        Ok(Query { values, bytes, scale: 1.0 / (squares as f32).sqrt() })
    }

    /// The cosine similarity of a query and a row.
    pub(crate) fn similarity(&self, query: &Query, row: u32) -> f32 {
        let (high, low) = self.planes(row);
        self.scale(row) * dot_int16_f32(high, low, &query.values)
    }

    /// The similarities of a code and some rows' codes: those of the vectors, but for
    /// [an error](Self::max_code_error). `sums` is a buffer.
    pub(crate) fn code_similarities(
        &self,
        code: Code<'_>,
        rows: &[u32],
        sums: &mut Vec<i32>,
        mut each: impl FnMut(u32, f32),
    ) {
        sums.resize(rows.len(), 0);
        let codes = &self.bytes[self.offset(Plane::High, 0)..self.offset(Plane::Low, 0)];
        dot_int8(codes, rows, code.bytes, sums);
        for (&row, &sum) in rows.iter().zip(&*sums) {
            each(row, sum as f32 * code.scale * 256.0 * self.scale(row));
        }
    }

    /// The similarity of a code and a row's code.
    pub(crate) fn code_similarity(&self, code: Code<'_>, row: u32) -> f32 {
        let mut sum = [0];
        dot_int8(self.plane(Plane::High, row), &[0], code.bytes, &mut sum);
        sum[0] as f32 * code.scale * 256.0 * self.scale(row)
    }

    /// How far [`Self::code_similarities`] are from [`Self::similarity`] at most: the codes of both the row and the
    /// query are off by half a step a value at most, and are about as long as a unit vector.
    pub(crate) fn max_code_error(&self, query: &Query) -> f32 {
        let (row, query) = (0.5 * 256.0 * self.largest_scale, 0.5 * query.scale);
        (row + query) * 1.05 * (self.dim as f32).sqrt()
    }

    /// The standard deviation of [`Self::code_similarities`] from [`Self::similarity`]: rounding errors are uniform
    /// over a step, which has a deviation of 0.29 steps.
    pub(crate) fn code_error_std(&self, query: &Query) -> f32 {
        0.29 * (256.0 * self.largest_scale).hypot(query.scale)
    }

    /// Prefetches what [`Self::similarity`] of a row reads and [`Self::code_similarities`] has not.
    pub(crate) fn prefetch(&self, row: u32) {
        prefetch(self.plane(Plane::Low, row));
    }

    /// A row's code.
    pub(crate) fn code(&self, row: u32) -> Code<'_> {
        Code { bytes: self.plane(Plane::High, row), scale: 256.0 * self.scale(row) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_given_rows_are_compared() {
        let vectors = Vectors::normalised(2, vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).expect("finite");
        let hits = vectors.search_rows(&[2.0, 0.1], [1, 2].into_iter(), 5).expect("two");
        assert_eq!(hits.iter().map(|hit| hit.row).collect::<Vec<_>>(), [2, 1]);
        assert!(vectors.search_rows(&[1.0], [0].into_iter(), 1).is_err());
    }

    #[test]
    fn sixteen_bits_a_value_are_as_good_as_f32() {
        let values: Vec<f32> = (0..40 * 96).map(|i: u32| ((i * i) as f32).sin()).collect();
        let vectors = Vectors::normalised(96, values.clone()).expect("finite");
        let unit = |row: usize| {
            let mut row = values[96 * row..][..96].to_vec();
            normalise(&mut row, 0).expect("a direction");
            row
        };
        for row in 0..40 {
            let query = vectors.query(&unit(7)).expect("a query");
            let wanted: f32 = unit(7).iter().zip(unit(row)).map(|(a, b)| a * b).sum();
            let got = vectors.similarity(&query, row as u32);
            assert!((got - wanted).abs() < 2e-5, "{got}, not {wanted}");
            let decoded: f32 =
                vectors.row(row as u32).iter().zip(unit(7)).map(|(a, b)| a * b).sum();
            assert!((decoded - got).abs() < 1e-6, "row and similarity differ: {decoded}, {got}");
            vectors.code_similarities(
                query.code(),
                &[row as u32],
                &mut Vec::new(),
                |_, by_code| {
                    assert!((by_code - wanted).abs() < 5e-3, "{by_code}, not {wanted}");
                },
            );
        }
    }
}
