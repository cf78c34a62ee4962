use crate::aligned_bytes::AlignedBytes;
use crate::kernels::{BIAS, prefetch, product, products};
use crate::{Hit, VectorError, best_first};

/// What the largest number of a vector becomes: as much as 127 and a half bytes hold.
const LARGEST: f32 = 127.0 * 256.0;

/// More dimensions could overflow a sum of products of bytes in 32 bits.
const MOST_DIMENSIONS: usize = 1 << 16;

/// Unit vectors, one a row, in one block of memory that every store shares.
///
/// A number takes two bytes, which are kept apart: those with the high halves of all numbers are by
/// themselves vectors of bytes, a quarter as large as numbers in f32 and several times as fast to
/// compare; with the other halves they are as good as f32 (an error of about 1e-5 of the largest number of a
/// vector). So a search looks at bytes first, and at both of what is near.
///
/// In memory as in a file, `n` vectors of `dim` numbers are
///
/// | bytes | what |
/// | --- | --- |
/// | `4 n` | each row's scale, in f32, little-endian |
/// | up to 63 | zeros, so that what follows begins at a cache line |
/// | `n dim` | high halves, plus 128 |
/// | `n dim` | low halves, signed |
/// | up to 3 | zeros |
///
/// and a number is `scale * (256 * (high - 128) + low)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    dim: usize,
    len: usize,
    bytes: AlignedBytes,
    /// The largest of the rows' scales.
    largest_scale: f32,
}

/// A vector of bytes, ready to be compared with others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code<'a> {
    pub(crate) bytes: &'a [u8],
    /// What a number is worth.
    pub(crate) scale: f32,
}

/// A query of length 1: as it is, and in bytes.
pub(crate) struct Query {
    pub(crate) numbers: Vec<f32>,
    bytes: Vec<u8>,
    scale: f32,
}

impl Query {
    pub(crate) fn code(&self) -> Code<'_> {
        Code { bytes: &self.bytes, scale: self.scale }
    }
}

impl Default for Vectors {
    /// None, of length 1.
    fn default() -> Self {
        Self::zeros(1, 0)
    }
}

impl Vectors {
    /// Takes `values` of shape `(n, dim)`, checks them and scales each row to length 1.
    ///
    /// # Errors
    /// [`VectorError`] for a row that is not finite or has no direction, for no dimensions or more than 65,536,
    /// and for numbers that make no whole number of rows.
    pub fn normalised(dim: usize, values: Vec<f32>) -> Result<Self, VectorError> {
        if dim == 0 || dim > MOST_DIMENSIONS || !values.len().is_multiple_of(dim) {
            return Err(VectorError::Dimension { dim, found: values.len() });
        }
        let mut vectors = Self::zeros(dim, values.len() / dim);
        for (row, vector) in values.chunks_exact(dim).enumerate() {
            vectors.set(row, vector)?;
        }
        Ok(vectors.with_largest_scale())
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
        if !more.len().is_multiple_of(self.dim) {
            return Err(VectorError::Dimension { dim: self.dim, found: more.len() });
        }
        let kept: Vec<usize> = (0..self.len).filter(|&row| keep[row]).collect();
        let mut changed = Self::zeros(self.dim, kept.len() + more.len() / self.dim);
        for (to, &from) in kept.iter().enumerate() {
            changed.bytes[4 * to..][..4].copy_from_slice(&self.bytes[4 * from..][..4]);
            for plane in 0..2 {
                let (there, here) = (changed.place(plane, to), self.place(plane, from));
                changed.bytes[there..][..self.dim].copy_from_slice(&self.bytes[here..][..self.dim]);
            }
        }
        for (row, vector) in more.chunks_exact(self.dim).enumerate() {
            changed.set(kept.len() + row, vector).map_err(|error| error.at(row))?;
        }
        Ok(changed.with_largest_scale())
    }

    /// Takes what [`Self::bytes`] gave; [`Self::check`] tells whether it is sound.
    ///
    /// # Errors
    /// [`VectorError::Dimension`] for bytes that are not as many as that.
    pub fn from_bytes(dim: usize, len: usize, bytes: AlignedBytes) -> Result<Self, VectorError> {
        match Self::size(dim, len) {
            Some(size) if dim > 0 && dim <= MOST_DIMENSIONS && size == bytes.len() => {
                Ok(Self { dim, len, bytes, largest_scale: 0.0 }.with_largest_scale())
            }
            _ => Err(VectorError::Dimension { dim, found: bytes.len() }),
        }
    }

    /// All of it, to be stored: a multiple of 4 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Length of each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// One vector.
    ///
    /// # Panics
    /// When `row` is not below [`Self::len`].
    pub fn row(&self, row: u32) -> Vec<f32> {
        let scale = self.scale(row);
        let both = self.plane(0, row).iter().zip(self.plane(1, row));
        both.map(|(&high, &low)| scale * f32::from(joined(high, low))).collect()
    }

    /// Checks what a file claims to be vectors.
    ///
    /// # Errors
    /// [`VectorError::NotFinite`] for rows that are not unit vectors.
    pub fn check(&self) -> Result<(), VectorError> {
        for row in 0..self.len {
            let length: f32 = self.row(row as u32).iter().map(|x| x * x).sum();
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
        let hit = |row| Hit { row, similarity: self.similarity(&query, row) };
        let mut hits: Vec<Hit> = rows.map(hit).collect();
        hits.sort_unstable_by(best_first);
        hits.truncate(k);
        Ok(hits)
    }

    /// A query of this store's length, as a unit vector.
    pub(crate) fn query(&self, query: &[f32]) -> Result<Query, VectorError> {
        if query.len() != self.dim {
            return Err(VectorError::Dimension { dim: self.dim, found: query.len() });
        }
        let mut numbers = query.to_vec();
        normalise(&mut numbers, 0)?;
        let largest = numbers.iter().fold(0f32, |most, x| most.max(x.abs()));
        let bytes: Vec<u8> =
            numbers.iter().map(|x| (x / largest * 127.0).round() as i8 as u8 ^ BIAS).collect();
        let squares: i64 = bytes.iter().map(|&byte| (i64::from(byte) - 128).pow(2)).sum();
        Ok(Query { numbers, bytes, scale: 1.0 / (squares as f32).sqrt() })
    }

    /// The cosine similarity of a query and a row.
    pub(crate) fn similarity(&self, query: &Query, row: u32) -> f32 {
        self.scale(row) * product(self.plane(0, row), self.plane(1, row), &query.numbers)
    }

    /// The similarities of a vector of bytes and some rows' bytes, nearly those of the vectors. `sums` is
    /// room for sums.
    pub(crate) fn nearly(
        &self,
        code: Code<'_>,
        rows: &[u32],
        sums: &mut Vec<i32>,
        mut each: impl FnMut(u32, f32),
    ) {
        sums.resize(rows.len(), 0);
        let codes = &self.bytes[self.place(0, 0)..self.place(1, 0)];
        products(codes, rows, code.bytes, sums);
        for (&row, &sum) in rows.iter().zip(&*sums) {
            each(row, sum as f32 * code.scale * 256.0 * self.scale(row));
        }
    }

    /// The similarity of a vector of bytes and a row's bytes.
    pub(crate) fn nearly_one(&self, code: Code<'_>, row: u32) -> f32 {
        let mut sum = [0];
        products(self.plane(0, row), &[0], code.bytes, &mut sum);
        sum[0] as f32 * code.scale * 256.0 * self.scale(row)
    }

    /// How far [`Self::nearly`] can be from [`Self::similarity`]: both a row's bytes and the query's are off
    /// by no more than half a step a number, and are about as long as a unit vector.
    pub(crate) fn most_wrong(&self, query: &Query) -> f32 {
        let (row, query) = (0.5 * 256.0 * self.largest_scale, 0.5 * query.scale);
        (row + query) * 1.05 * (self.dim as f32).sqrt()
    }

    /// Asks for what [`Self::similarity`] of a row reads and [`Self::nearly`] has not.
    pub(crate) fn prefetch(&self, row: u32) {
        prefetch(self.plane(1, row));
    }

    /// How far [`Self::nearly`] usually is from [`Self::similarity`], as a standard deviation: roundings are
    /// spread evenly over a step, which is 0.29 steps.
    pub(crate) fn usually_wrong(&self, query: &Query) -> f32 {
        0.29 * (256.0 * self.largest_scale).hypot(query.scale)
    }

    /// A row's bytes.
    pub(crate) fn code(&self, row: u32) -> Code<'_> {
        Code { bytes: self.plane(0, row), scale: 256.0 * self.scale(row) }
    }

    /// Both halves of a row: equal for equal vectors.
    pub(crate) fn both(&self, row: u32) -> (&[u8], &[u8]) {
        (self.plane(0, row), self.plane(1, row))
    }

    fn with_largest_scale(mut self) -> Self {
        let scales = (0..self.len as u32).map(|row| self.scale(row));
        self.largest_scale = scales.fold(0.0, f32::max);
        self
    }

    fn scale(&self, row: u32) -> f32 {
        let bytes = &self.bytes[4 * row as usize..][..4];
        f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// A row's high halves (0) or low ones (1).
    fn plane(&self, plane: usize, row: u32) -> &[u8] {
        assert!((row as usize) < self.len, "row {row} of {}", self.len);
        &self.bytes[self.place(plane, row as usize)..][..self.dim]
    }

    fn place(&self, plane: usize, row: usize) -> usize {
        (4 * self.len).next_multiple_of(64) + (plane * self.len + row) * self.dim
    }

    fn size(dim: usize, len: usize) -> Option<usize> {
        // A row's number leaves one of 32 bits free, for `candidates.rs`.
        i32::try_from(len).ok()?;
        let planes = len.checked_mul(dim)?.checked_mul(2)?;
        let scales = len.checked_mul(4)?.checked_next_multiple_of(64)?;
        planes.checked_add(scales)?.checked_next_multiple_of(4)
    }

    fn zeros(dim: usize, len: usize) -> Self {
        let size = Self::size(dim, len).expect("vectors that fit the memory");
        Self { dim, len, bytes: AlignedBytes::zeros(size), largest_scale: 0.0 }
    }

    fn set(&mut self, row: usize, vector: &[f32]) -> Result<(), VectorError> {
        let mut vector = vector.to_vec();
        normalise(&mut vector, row)?;
        let largest = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
        let (high, low) = (self.place(0, row), self.place(1, row));
        let mut squares = 0f64;
        for (d, x) in vector.iter().enumerate() {
            let number = (x / largest * LARGEST).round() as i16;
            let upper = (i32::from(number) + 128) >> 8;
            self.bytes[high + d] = upper as i8 as u8 ^ BIAS;
            self.bytes[low + d] = (i32::from(number) - 256 * upper) as i8 as u8;
            squares += f64::from(number).powi(2);
        }
        let scale = (1.0 / squares.sqrt()) as f32;
        self.bytes[4 * row..][..4].copy_from_slice(&scale.to_le_bytes());
        Ok(())
    }
}

/// A number of 16 bits from its halves.
fn joined(high: u8, low: u8) -> i16 {
    (i16::from(high) - i16::from(BIAS)) * 256 + i16::from(low as i8)
}

pub(crate) fn normalise(vector: &mut [f32], row: usize) -> Result<(), VectorError> {
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
        assert!(Vectors::normalised(0, vec![]).is_err(), "a damaged index may say so");
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
            let row = vectors.row(row);
            assert!((row[0] - 0.6).abs() < 2e-5 && (row[1] - 0.8).abs() < 2e-5, "{row:?}");
        }
        assert_eq!(vectors.check(), Ok(()));
    }

    #[test]
    fn two_bytes_a_number_are_as_good_as_four() {
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
            vectors.nearly(query.code(), &[row as u32], &mut Vec::new(), |_, nearly| {
                assert!((nearly - wanted).abs() < 5e-3, "{nearly}, not {wanted}");
            });
        }
    }

    #[test]
    fn rows_are_kept_as_they_are_and_new_ones_come_behind() {
        let vectors = Vectors::normalised(3, (1..13).map(|x| x as f32).collect()).expect("finite");
        let changed = vectors.changed(&[true, false, false, true], vec![0.0, 2.0, 0.0]);
        let changed = changed.expect("finite");
        assert_eq!((changed.row(0), changed.row(1)), (vectors.row(0), vectors.row(3)));
        assert_eq!((changed.len(), changed.row(2)), (3, vec![0.0, 1.0, 0.0]));
        let error = vectors.changed(&[true; 4], vec![1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(error, Err(VectorError::Zero { row: 1 }));
    }
}
