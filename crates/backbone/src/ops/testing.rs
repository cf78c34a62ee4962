//! What the tests of operations and layers share.

use candle_core::{Result, Tensor, Var};
use std::cell::Cell;

/// Normally distributed inputs. A test gets the same ones on every run and every machine: with others each
/// time, a tolerance is sooner or later too small.
#[derive(Default)]
pub(crate) struct Inputs {
    given: Cell<u64>,
}

impl Inputs {
    pub(crate) fn normal(&self, shape: &[usize], mean: f64, deviation: f64) -> Result<Tensor> {
        let seed = self.given.get();
        self.given.set(seed + 1);
        super::random::normal(shape, mean, deviation, seed << 32)
    }

    /// As [`normal`](Self::normal), with a gradient.
    pub(crate) fn var(&self, shape: &[usize], mean: f64, deviation: f64) -> Result<Var> {
        Var::from_tensor(&self.normal(shape, mean, deviation)?)
    }
}

/// The gradients of `of` when those of `y` are some fixed small integers.
pub(crate) fn gradients(y: &Tensor, of: &[&Var]) -> Result<Vec<Vec<f32>>> {
    let count = y.elem_count();
    let factors: Vec<f32> = (0..count).map(|i| ((i * 7) % 11) as f32 - 5.0).collect();
    let gradients =
        (y * Tensor::from_vec(factors, y.shape(), y.device())?)?.sum_all()?.backward()?;
    let of_one = |var: &&Var| gradients.get(var).expect("it decides y").flatten_all()?.to_vec1();
    of.iter().map(of_one).collect()
}

/// Asserts that all values agree to 2e-4, or to that part of the largest of them.
pub(crate) fn assert_close(ours: &[Vec<f32>], theirs: &[Vec<f32>], what: &str) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.len(), theirs.len(), "{what}");
        let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let largest = theirs.iter().map(|x| x.abs()).fold(1.0, f32::max);
        assert!(off < 2e-4 * largest, "{what} is off by {off}, where the largest is {largest}");
    }
}
