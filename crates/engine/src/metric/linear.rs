//! The linear algebra that a [metric](crate::metric) needs: Cholesky, triangular inverse, Gram-Schmidt (Golub and Van
//! Loan, "Matrix computations", 2013). Matrices are row-major.

use pulp::Arch;
use rayon::prelude::*;

/// Rows that a core takes at a time.
const ROWS: usize = 16;

/// Rows that are made orthogonal to all those before them in parallel.
const BLOCK: usize = 32;

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight independent sums fill the SIMD registers; a single one would be a chain of dependent additions.
    let (mut sums, (whole, rest)) = ([0f32; 8], a.split_at(a.len() / 8 * 8));
    for (a, b) in whole.chunks_exact(8).zip(b.chunks_exact(8)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    let rest: f32 = rest.iter().zip(&b[whole.len()..]).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn dot_f64(a: &[f64], b: &[f64]) -> f64 {
    Arch::new().dispatch(|| dot_here(a, b))
}

/// [`dot_f64`], inlined into a caller that has chosen the SIMD level.
#[inline(always)]
fn dot_here(a: &[f64], b: &[f64]) -> f64 {
    const SUMS: usize = 16;
    let (mut sums, (whole, rest)) = ([0f64; SUMS], a.split_at(a.len() / SUMS * SUMS));
    for (a, b) in whole.chunks_exact(SUMS).zip(b.chunks_exact(SUMS)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    let rest: f64 = rest.iter().zip(&b[whole.len()..]).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// Scales a vector to a length; a zero vector stays as it is.
pub(crate) fn scale_to(length: f32, vector: &mut [f32]) {
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if square > 0.0 {
        let factor = f64::from(length) / square.sqrt();
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
    }
}

/// In place of the lower triangle of a symmetric matrix, the factor `L` with `L Lᵀ` the matrix (Cholesky),
/// and zeros above it. `None` where the matrix is not positive definite.
pub(crate) fn cholesky(matrix: &mut [f64], dim: usize) -> Option<()> {
    for column in 0..dim {
        let (above, below) = matrix.split_at_mut((column + 1) * dim);
        let row = &mut above[column * dim..];
        let square = row[column] - dot_f64(&row[..column], &row[..column]);
        if !(square > 0.0 && square.is_finite()) {
            return None;
        }
        let diagonal = square.sqrt();
        row[column] = diagonal;
        row[column + 1..].fill(0.0);
        let row = &row[..column];
        below.par_chunks_mut(dim).with_min_len(ROWS).for_each(|other| {
            other[column] = (other[column] - dot_f64(&other[..column], row)) / diagonal;
        });
    }
    Some(())
}

/// The inverse of a lower triangle.
pub(crate) fn inverse_of_lower(lower: &[f64], dim: usize) -> Vec<f32> {
    // Column by column of the inverse, which are rows of its transpose.
    let mut transposed = vec![0f32; dim * dim];
    transposed.par_chunks_mut(dim).enumerate().for_each(|(column, out)| {
        let mut solution = vec![0f64; dim];
        solution[column] = 1.0 / lower[column * dim + column];
        for row in column + 1..dim {
            let factors = &lower[row * dim..][..dim];
            let sum = dot_f64(&factors[column..row], &solution[column..row]);
            solution[row] = -sum / factors[row];
        }
        out.iter_mut().zip(solution).for_each(|(out, x)| *out = x as f32);
    });
    let mut inverse = vec![0f32; dim * dim];
    inverse.par_chunks_mut(dim).enumerate().for_each(|(row, out)| {
        for (column, out) in out.iter_mut().enumerate().take(row + 1) {
            *out = transposed[column * dim + row];
        }
    });
    inverse
}

/// Makes rows orthogonal to each other and of length 1 (Gram and Schmidt, modified). Rows that lie in the
/// span of those before them are left out.
pub(crate) fn orthonormal(rows: Vec<f32>, dim: usize) -> Vec<f32> {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for rows in rows.chunks(BLOCK * dim) {
        let done = basis.len();
        // Each row of the block is made orthogonal to the rows before the block by itself.
        let freed = rows.par_chunks_exact(dim).map(|row| {
            let mut row: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
            let before = dot_f64(&row, &row).sqrt();
            free(&mut row, &basis);
            (row, before)
        });
        for (mut row, before) in freed.collect::<Vec<_>>() {
            free(&mut row, &basis[done..]);
            let length = dot_f64(&row, &row).sqrt();
            if length > 1e-5 * before && length.is_finite() && length > 0.0 {
                row.iter_mut().for_each(|x| *x /= length);
                basis.push(row);
            }
        }
    }
    basis.into_iter().flatten().map(|x| x as f32).collect()
}

/// Subtracts from a row its projections onto others, which are orthogonal to each other and of length 1.
fn free(row: &mut [f64], others: &[Vec<f64>]) {
    Arch::new().dispatch(|| {
        // Twice, to remove what rounding leaves the first time (reorthogonalisation).
        for other in others.iter().chain(others) {
            let along = dot_here(row, other);
            row.iter_mut().zip(other).for_each(|(x, other)| *x -= along * other);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_times_itself_is_the_matrix_and_its_inverse_undoes_it() {
        let dim = 37;
        let part = |i: usize, j: usize| ((i * 7 + j * 13) % 11) as f64 / 11.0;
        let mut matrix = vec![0f64; dim * dim];
        for (at, x) in matrix.iter_mut().enumerate() {
            let (i, j) = (at / dim, at % dim);
            let sum: f64 = (0..dim).map(|k| part(i, k) * part(j, k)).sum();
            *x = sum + f64::from(u8::from(i == j));
        }
        let mut lower = matrix.clone();
        cholesky(&mut lower, dim).expect("positive definite");
        let inverse = inverse_of_lower(&lower, dim);
        for i in 0..dim {
            for j in 0..dim {
                let product: f64 = (0..dim).map(|k| lower[i * dim + k] * lower[j * dim + k]).sum();
                assert!((product - matrix[i * dim + j]).abs() < 1e-9);
                let undone: f64 =
                    (0..dim).map(|k| f64::from(inverse[i * dim + k]) * lower[k * dim + j]).sum();
                assert!((undone - f64::from(u8::from(i == j))).abs() < 1e-5);
            }
        }
        assert_eq!(cholesky(&mut [1.0, 2.0, 2.0, 1.0], 2), None);
    }

    #[test]
    fn what_depends_on_other_rows_is_left_out() {
        let rows = vec![3.0, 0.0, 0.0, 3.0, 4.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 2.0];
        let basis = orthonormal(rows, 3);
        assert_eq!(basis.len(), 9);
        for (i, a) in basis.chunks_exact(3).enumerate() {
            for (j, b) in basis.chunks_exact(3).enumerate() {
                assert!((dot(a, b) - f32::from(u8::from(i == j))).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn rows_of_several_blocks_are_orthogonal_to_each_other() {
        let (dim, count) = (90, 2 * BLOCK + 6);
        let number = |at: usize| ((at * at * 31 + at * 17) % 101) as f32 / 101.0 - 0.5;
        let mut rows: Vec<f32> = (0..count * dim).map(number).collect();
        // One of the second block is one of the first again.
        rows.copy_within(3 * dim..4 * dim, (BLOCK + 1) * dim);
        let basis = orthonormal(rows, dim);
        let basis: Vec<&[f32]> = basis.chunks_exact(dim).collect();
        assert!(basis.len() > BLOCK + 1 && basis.len() < count, "{}", basis.len());
        for (i, a) in basis.iter().enumerate() {
            for (j, b) in basis.iter().enumerate() {
                assert!((dot(a, b) - f32::from(u8::from(i == j))).abs() < 1e-5, "{i} and {j}");
            }
        }
    }
}
