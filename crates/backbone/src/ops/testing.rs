//! What the tests of operations and layers share.

use candle_core::{Result, Tensor, Var};

/// The gradients of `of` when those of `y` are some fixed small integers.
pub(crate) fn gradients(y: &Tensor, of: &[&Var]) -> Result<Vec<Vec<f32>>> {
    let count = y.elem_count();
    let factors: Vec<f32> = (0..count).map(|i| ((i * 7) % 11) as f32 - 5.0).collect();
    let gradients =
        (y * Tensor::from_vec(factors, y.shape(), y.device())?)?.sum_all()?.backward()?;
    let of_one = |var: &&Var| gradients.get(var).expect("it decides y").flatten_all()?.to_vec1();
    of.iter().map(of_one).collect()
}

/// Asserts that all values agree to 2e-4.
pub(crate) fn assert_close(ours: &[Vec<f32>], theirs: &[Vec<f32>], what: &str) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.len(), theirs.len(), "{what}");
        let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 2e-4, "{what} is off by {off}");
    }
}
