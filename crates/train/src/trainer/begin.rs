//! What comes before the first epoch.

use candle_core::{Tensor, Var};
use lookalike_base::progress::Phase;
use lookalike_base::random::splitmix64_at;

use super::Trainer;
use crate::checkpoint::Tensors;
use crate::sampler::epoch_order;
use crate::validate::validate;
use crate::{BatchNormMode, Dataset, TrainError, TrainingProgress, linear_probe, loss};

/// Number of photos that give batch norms their first statistics.
const STATISTICS_PHOTOS: usize = 192;

impl Trainer {
    /// What comes before the first epoch: batch norm statistics, linear probe, proxies.
    pub(super) fn begin(
        &mut self,
        train: &Dataset,
        val: &Dataset,
        progress: &dyn TrainingProgress,
    ) -> Result<(), TrainError> {
        let Self { network, preprocess, .. } = self;
        let settings = &self.state.settings;
        if settings.batch_norm == BatchNormMode::Batch {
            let (side, seed) = (preprocess.size(), settings.seed);
            let mut batch = Vec::new();
            let order = epoch_order(
                &train.classes,
                settings.class_balance,
                splitmix64_at(seed, u64::MAX),
                0,
            );
            let chosen = &order[..STATISTICS_PHOTOS.min(order.len())];
            for &number in chosen {
                let picture = &train.pictures[number];
                let augmentation = settings.augment.augmentation();
                let square =
                    augmentation.apply(picture, side as u32, splitmix64_at(seed, number as u64));
                batch.extend(preprocess.tensor(&square));
            }
            let batch =
                Tensor::from_vec(batch, (chosen.len(), 3, side, side), &candle_core::Device::Cpu)?;
            network.adopt_statistics(&batch)?;
        }
        if settings.head_epochs > 0 || settings.metric_weight > 0.0 || settings.distil_weight > 0.0
        {
            progress.begin(Phase::items("embedding photos", 1));
            let embedded = linear_probe::embed(network, preprocess, train)?;
            progress.end();
            linear_probe::train(network, &embedded, settings, progress)?;
            if settings.metric_weight > 0.0 {
                let classes = self.state.classes.len();
                let proxies = loss::proxies(&embedded.rows, &embedded.classes, classes)?;
                let proxies = proxies.to_device(network.device().candle())?;
                self.proxies = Some(Var::from_tensor(&proxies)?);
            }
            if let Some(initial) = &mut self.initial {
                initial.mean = mean(&embedded.rows, network.device().candle())?;
            }
        }
        self.averages = if settings.ema_decay > 0.0 { self.current()? } else { Tensors::new() };
        self.began = true;
        let metrics = validate(&self.network, &self.preprocess, val)?;
        self.log(0.0, 0.0, metrics, 0.0, progress)?;
        self.keep_if_best(metrics)?;
        self.save()
    }
}

/// The mean of rows, `(1, d)`.
fn mean(rows: &[Vec<f32>], device: &candle_core::Device) -> candle_core::Result<Tensor> {
    let mut sum = vec![0f64; rows.first().map_or(0, Vec::len)];
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let mean = sum.iter().map(|sum| (sum / rows.len().max(1) as f64) as f32).collect();
    Tensor::from_vec(mean, (1, sum.len()), device)
}
