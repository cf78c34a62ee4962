//! Validation: the classifier's metrics on photos that are not augmented.

use candle_core::Tensor;
use lookalike_backbone::parallel::stream;
use lookalike_backbone::{Device, TrainableBackbone};
use lookalike_photo::{Augmentation, Preprocess};

use crate::{Dataset, TrainError};

/// Photos that a core computes together; a GPU takes several shards at once.
const SHARD: usize = 8;

/// The metrics of a classifier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// Top-1 accuracy, 0 to 1.
    pub top1: f64,
    /// Top-3 accuracy, 0 to 1.
    pub top3: f64,
    /// Mean cross-entropy.
    pub loss: f64,
}

/// Measures a network's classifier on whole photos.
pub(crate) fn validate(
    network: &TrainableBackbone,
    preprocess: &Preprocess,
    photos: &Dataset,
) -> Result<Metrics, TrainError> {
    let compute = |batch: &Tensor| network.network().logits(batch);
    let rows = rows_of(network.device(), preprocess, photos, false, compute)?;
    let (mut first, mut three, mut loss) = (0, 0, 0.0);
    for (logits, &class) in rows.iter().zip(&photos.classes) {
        let own = logits[class as usize];
        let rank = logits.iter().filter(|&&logit| logit > own).count();
        first += usize::from(rank == 0);
        three += usize::from(rank < 3);
        let most = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - most).exp()).sum();
        loss += most + sum.ln() - f64::from(own);
    }
    let fraction = |count: usize| count as f64 / photos.len() as f64;
    Ok(Metrics { top1: fraction(first), top3: fraction(three), loss: loss / photos.len() as f64 })
}

/// The result of `compute` on every photo, a row each. With `mirrored`, on their mirror images.
pub(crate) fn rows_of(
    device: &Device,
    preprocess: &Preprocess,
    photos: &Dataset,
    mirrored: bool,
    compute: impl Fn(&Tensor) -> candle_core::Result<Tensor> + Sync,
) -> Result<Vec<Vec<f32>>, TrainError> {
    let shards: Vec<usize> = (0..photos.len()).step_by(SHARD).collect();
    let side = preprocess.size();
    let prepare = |&start: &usize| {
        let numbers = start..(start + SHARD).min(photos.len());
        let mut batch = Vec::with_capacity(numbers.len() * preprocess.tensor_len());
        for picture in &photos.pictures[numbers] {
            let mut square = Augmentation::NONE.apply(picture, side as u32, 0);
            if mirrored {
                image::imageops::flip_horizontal_in_place(&mut square);
            }
            batch.extend(preprocess.tensor(&square));
        }
        batch
    };
    let compute = |batches: Vec<Vec<f32>>| -> Result<_, TrainError> {
        let tensor = |batch: Vec<f32>| {
            let shape = (batch.len() / preprocess.tensor_len(), 3, side, side);
            Tensor::from_vec(batch, shape, device.candle())
        };
        let parts = batches.into_iter().map(tensor).collect::<candle_core::Result<Vec<_>>>()?;
        let rows = compute(&Tensor::cat(&parts, 0)?)?.to_vec2::<f32>()?;
        let mut rows = rows.into_iter();
        let of_part = |part: &Tensor| Ok(rows.by_ref().take(part.dim(0)?).collect::<Vec<_>>());
        parts.iter().map(of_part).collect()
    };
    let mut all = Vec::with_capacity(photos.len());
    stream(device, &shards, prepare, compute, |rows| {
        all.extend(rows);
        Ok(())
    })?;
    Ok(all)
}
