//! Sums and dot products of f32 slices, in lanes that the compiler turns into SIMD.

use pulp::Arch;

/// Partial sums kept side by side, so that the compiler can use SIMD.
const LANES: usize = 32;

/// The sum of a slice.
pub(crate) fn sum(values: &[f32]) -> f32 {
    Arch::new().dispatch(|| {
        let mut lanes = [0f32; LANES];
        let whole = values.chunks_exact(LANES);
        let rest: f32 = whole.remainder().iter().sum();
        for chunk in whole {
            lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x);
        }
        lanes.iter().sum::<f32>() + rest
    })
}

/// The dot product of two slices.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    Arch::new().dispatch(|| {
        let mut lanes = [0f32; LANES];
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
        for (a, b) in a.zip(b) {
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane += a * b;
            }
        }
        lanes.iter().sum::<f32>() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_include_every_element() {
        let numbers: Vec<f32> = (1..=100).map(|x| x as f32).collect();
        assert_eq!(sum(&numbers), 5050.0);
        assert_eq!(dot(&numbers, &numbers), 338_350.0);
    }
}
