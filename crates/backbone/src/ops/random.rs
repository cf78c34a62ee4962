//! Random numbers that follow from a seed: dropout, and initial weights. candle's generator cannot be
//! seeded on a CPU, and an interrupted run must go on as if it had not been interrupted.

use candle_core::{Device, Result, Tensor};
use lookalike_base::random::{splitmix64, unit};

/// Dropout (Srivastava et al., 2014): zeroes values of `x` with a probability of `rate`, 0 to below 1, and
/// scales up the others. The same ones for the same seed and `layer`.
pub(crate) fn dropout(x: &Tensor, rate: f32, seed: u64, layer: &str) -> Result<Tensor> {
    if rate <= 0.0 {
        return Ok(x.clone());
    }
    let salt = salt(layer, seed);
    let (kept, factor) = (1.0 - rate, 1.0 / (1.0 - rate));
    let factors: Vec<f32> = (0..x.elem_count() as u64)
        .map(|at| splitmix64(salt.wrapping_add(at)))
        .map(|bits| if unit(bits) < kept { factor } else { 0.0 })
        .collect();
    x * Tensor::from_vec(factors, x.shape(), x.device())?
}

/// The initial weight of a layer that a checkpoint lacks: normally distributed, by the number of its
/// inputs (He et al., "Delving deep into rectifiers", 2015). The same for the same layer.
pub(crate) fn kaiming_normal(shape: &[usize; 4], layer: &str) -> Result<Tensor> {
    let deviation = (2.0 / (shape[1] * shape[2] * shape[3]) as f64).sqrt();
    normal(shape, 0.0, deviation, salt(layer, 0))
}

/// Normally distributed values, the same ones for the same `seed`.
pub(super) fn normal(shape: &[usize], mean: f64, deviation: f64, seed: u64) -> Result<Tensor> {
    // Box and Muller's transform of two uniform numbers.
    let uniform =
        |at: u64| ((splitmix64(seed.wrapping_add(at)) >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    let one = |at: u64| {
        let (radius, turn) = (uniform(2 * at), uniform(2 * at + 1));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    };
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64)
        .map(|at| (mean + deviation * one(at)) as f32)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// A seed of a layer's own.
fn salt(layer: &str, seed: u64) -> u64 {
    layer.bytes().fold(seed, |hash, byte| splitmix64(hash ^ u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_keeps_the_mean_and_repeats_itself() -> Result<()> {
        let x = Tensor::ones((100, 400), candle_core::DType::F32, &Device::Cpu)?;
        let values =
            |seed: u64, layer: &str| dropout(&x, 0.3, seed, layer)?.flatten_all()?.to_vec1::<f32>();
        let dropped = values(7, "logits")?;
        let zeros = dropped.iter().filter(|&&x| x == 0.0).count() as f32 / 40_000.0;
        assert!((zeros - 0.3).abs() < 0.01, "{zeros}");
        assert!((dropped.iter().sum::<f32>() / 40_000.0 - 1.0).abs() < 0.02);
        assert_eq!(dropped, values(7, "logits")?);
        assert_ne!(dropped, values(7, "dense")?);
        assert_ne!(dropped, values(8, "logits")?);
        Ok(())
    }
}
