//! Unit vectors in memory: quantised to 16 bits a value, the high bytes apart from the low ones.

mod similarity;

pub(crate) use self::similarity::{Code, Query};

use crate::VectorError;
use crate::aligned_bytes::AlignedBytes;
use crate::kernels::BIAS;

/// What the largest value of a vector is quantised to: its high byte is then at most 127.
const MAX_QUANTISED: f32 = 127.0 * 256.0;

/// With more dimensions, a dot product of int8 codes could overflow 32 bits.
const MAX_DIM: usize = 1 << 16;

/// Unit vectors, one a row, in one block of memory that all stores share.
///
/// Scalar quantisation to 16 bits: each row has a scale, and its values are integers. The high bytes of all values
/// are stored together. They are int8 codes by themselves, a quarter of f32's size and several times as fast to
/// compare. With the low bytes the error is about 1e-5 of a vector's largest value. So a search compares codes
/// first and rescores the nearest with all 16 bits.
///
/// In memory as in a file, `n` vectors of `dim` values are
///
/// | bytes | what |
/// | --- | --- |
/// | `4 n` | each row's scale, in f32, little-endian |
/// | up to 63 | zeros, so that what follows begins at a cache line |
/// | `n dim` | high bytes, plus 128 |
/// | `n dim` | low bytes, signed |
/// | up to 3 | zeros |
///
/// and a value is `scale * (256 * (high - 128) + low)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    dim: usize,
    len: usize,
    bytes: AlignedBytes,
    /// The largest of the rows' scales.
    largest_scale: f32,
}

/// Which byte of a value.
#[derive(Debug, Clone, Copy)]
enum Plane {
    High,
    Low,
}

impl Default for Vectors {
    /// No vectors, of one dimension.
    fn default() -> Self {
        Self::zeros(1, 0)
    }
}

impl Vectors {
    /// Takes `values` of shape `(n, dim)`, checks them and scales each row to length 1.
    ///
    /// # Errors
    /// [`VectorError`] for a row that is not finite or is zero, for no dimensions or more than 65,536, and for
    /// values that make no whole number of rows.
    pub fn normalised(dim: usize, values: Vec<f32>) -> Result<Self, VectorError> {
        if dim == 0 || dim > MAX_DIM || !values.len().is_multiple_of(dim) {
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
    /// [`VectorError`] for one of `more` that is not finite or is zero.
    ///
    /// # Panics
    /// When `keep` has another length than there are vectors.
    pub(crate) fn updated(&self, keep: &[bool], more: Vec<f32>) -> Result<Self, VectorError> {
        assert_eq!(keep.len(), self.len(), "one flag for each vector");
        if !more.len().is_multiple_of(self.dim) {
            return Err(VectorError::Dimension { dim: self.dim, found: more.len() });
        }
        let kept: Vec<usize> = (0..self.len).filter(|&row| keep[row]).collect();
        let mut updated = Self::zeros(self.dim, kept.len() + more.len() / self.dim);
        for (to, &from) in kept.iter().enumerate() {
            updated.bytes[4 * to..][..4].copy_from_slice(&self.bytes[4 * from..][..4]);
            for plane in [Plane::High, Plane::Low] {
                let (new, old) = (updated.offset(plane, to), self.offset(plane, from));
                updated.bytes[new..][..self.dim].copy_from_slice(&self.bytes[old..][..self.dim]);
            }
        }
        for (row, vector) in more.chunks_exact(self.dim).enumerate() {
            updated.set(kept.len() + row, vector).map_err(|error| error.at(row))?;
        }
        Ok(updated.with_largest_scale())
    }

    /// Takes what [`Self::bytes`] gave; [`Self::check`] checks the values.
    ///
    /// # Errors
    /// [`VectorError::Dimension`] for another number of bytes than `len` vectors of `dim` values have.
    pub fn from_bytes(dim: usize, len: usize, bytes: AlignedBytes) -> Result<Self, VectorError> {
        match Self::size(dim, len) {
            Some(size) if dim > 0 && dim <= MAX_DIM && size == bytes.len() => {
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
        let (high, low) = self.planes(row);
        high.iter().zip(low).map(|(&high, &low)| scale * f32::from(joined(high, low))).collect()
    }

    /// Checks that all rows are unit vectors.
    ///
    /// # Errors
    /// [`VectorError::NotFinite`] for the first that is not.
    pub fn check(&self) -> Result<(), VectorError> {
        for row in 0..self.len {
            let length: f32 = self.row(row as u32).iter().map(|x| x * x).sum();
            if !length.is_finite() || (length - 1.0).abs() > 1e-3 {
                return Err(VectorError::NotFinite { row });
            }
        }
        Ok(())
    }

    /// Both planes of a row, high and low: equal for equal vectors.
    pub(crate) fn planes(&self, row: u32) -> (&[u8], &[u8]) {
        (self.plane(Plane::High, row), self.plane(Plane::Low, row))
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

    fn plane(&self, plane: Plane, row: u32) -> &[u8] {
        assert!((row as usize) < self.len, "row {row} of {}", self.len);
        &self.bytes[self.offset(plane, row as usize)..][..self.dim]
    }

    fn offset(&self, plane: Plane, row: usize) -> usize {
        (4 * self.len).next_multiple_of(64) + (plane as usize * self.len + row) * self.dim
    }

    fn size(dim: usize, len: usize) -> Option<usize> {
        // A row fits 31 bits, as a key in `search_layer` needs.
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
        let (high, low) = (self.offset(Plane::High, row), self.offset(Plane::Low, row));
        let mut squares = 0f64;
        for (d, x) in vector.iter().enumerate() {
            let value = (x / largest * MAX_QUANTISED).round() as i16;
            let upper = (i32::from(value) + 128) >> 8;
            self.bytes[high + d] = upper as i8 as u8 ^ BIAS;
            self.bytes[low + d] = (i32::from(value) - 256 * upper) as i8 as u8;
            squares += f64::from(value).powi(2);
        }
        let scale = (1.0 / squares.sqrt()) as f32;
        self.bytes[4 * row..][..4].copy_from_slice(&scale.to_le_bytes());
        Ok(())
    }
}

/// A quantised value from its bytes.
fn joined(high: u8, low: u8) -> i16 {
    (i16::from(high) - i16::from(BIAS)) * 256 + i16::from(low as i8)
}

/// Scales a vector to length 1.
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
    fn tiny_and_huge_vectors_become_unit_vectors() {
        let vectors = Vectors::normalised(2, vec![3e-30, 4e-30, 3e30, 4e30]).expect("finite");
        for row in 0..2 {
            let row = vectors.row(row);
            assert!((row[0] - 0.6).abs() < 2e-5 && (row[1] - 0.8).abs() < 2e-5, "{row:?}");
        }
        assert_eq!(vectors.check(), Ok(()));
    }

    #[test]
    fn rows_are_kept_as_they_are_and_new_ones_come_behind() {
        let vectors = Vectors::normalised(3, (1..13).map(|x| x as f32).collect()).expect("finite");
        let updated = vectors.updated(&[true, false, false, true], vec![0.0, 2.0, 0.0]);
        let updated = updated.expect("finite");
        assert_eq!((updated.row(0), updated.row(1)), (vectors.row(0), vectors.row(3)));
        assert_eq!((updated.len(), updated.row(2)), (3, vec![0.0, 1.0, 0.0]));
        let error = vectors.updated(&[true; 4], vec![1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(error, Err(VectorError::Zero { row: 1 }));
    }
}
