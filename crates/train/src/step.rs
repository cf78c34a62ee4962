//! One step: a batch's gradients.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Tensor, Var};
use lookalike_backbone::{Backbone, BatchStatistics, TrainMode, TrainableBackbone, map_on_cores};

use crate::loss::{away_from, by_proxies, cross_entropy, imitation};
use crate::source::{Shard, Source};
use crate::tutor::Tutor;
use crate::{Norms, Settings, TrainError};

/// Gradients by the names of parameters; they lie where the parameters do.
pub(crate) type Gradients = BTreeMap<String, Tensor>;

/// What is trained, and how.
pub(crate) struct Work<'a> {
    pub(crate) network: &'a TrainableBackbone,
    /// A row for each class, if embeddings are drawn together.
    pub(crate) proxies: Option<&'a Var>,
    pub(crate) teacher: Option<&'a Teacher>,
    pub(crate) tutor: Option<&'a Tutor>,
    pub(crate) settings: &'a Settings,
    pub(crate) frozen_stages: usize,
}

/// The network that a run began with.
pub(crate) struct Teacher {
    pub(crate) network: Arc<dyn Backbone>,
    /// The mean of its embeddings, `(1, d)`.
    pub(crate) mean: Tensor,
}

/// The proxies' name among the parameters.
pub(crate) const PROXIES: &str = "proxies";

/// What a batch gave.
#[derive(Default)]
pub(crate) struct Step {
    pub(crate) gradients: Gradients,
    pub(crate) statistics: Vec<BatchStatistics>,
    /// Mean over the photos.
    pub(crate) loss: f64,
    pub(crate) photos: usize,
    /// Photos whose product came first.
    pub(crate) right: usize,
}

/// Runs a batch forwards and backwards, a shard of it to a core. The result does not depend on the
/// number of cores.
pub(crate) fn run(work: &Work, source: &Source, numbers: &[usize]) -> Result<Step, TrainError> {
    let shards: Vec<&[usize]> = source.shards(numbers).collect();
    sum(map_on_cores(&shards, |shard| run_shard(work, source.prepare(shard))), numbers.len())
}

/// The same with photos that are prepared, one shard after the other, as a GPU does it.
pub(crate) fn run_prepared(work: &Work, shards: Vec<Shard>) -> Result<Step, TrainError> {
    let photos = shards.iter().map(|shard| shard.classes.len()).sum();
    sum(shards.into_iter().map(|shard| run_shard(work, shard)).collect(), photos)
}

/// What the shards of `photos` gave, all together.
fn sum(results: Vec<candle_core::Result<Step>>, photos: usize) -> Result<Step, TrainError> {
    let mut all = Step::default();
    for result in results {
        let result = result?;
        let share = result.photos as f64 / photos as f64;
        all.loss += result.loss * share;
        all.right += result.right;
        all.photos += result.photos;
        all.statistics.extend(result.statistics);
        for (name, gradient) in result.gradients {
            let gradient = if share == 1.0 { gradient } else { (gradient * share)? };
            let sum = match all.gradients.remove(&name) {
                Some(sum) => (sum + gradient)?,
                None => gradient,
            };
            all.gradients.insert(name, sum);
        }
    }
    Ok(all)
}

fn run_shard(work: &Work, shard: Shard) -> candle_core::Result<Step> {
    let Work { network, proxies, settings, frozen_stages, .. } = *work;
    let Shard { batch, for_tutor, classes, side, seed } = shard;
    let shown = classes.len();
    let tensor_of = |values: Vec<f32>| {
        let shape = (values.len() / (3 * side * side), 3, side, side);
        Tensor::from_vec(values, shape, network.device().candle())
    };
    let batch = tensor_of(batch)?;
    let mode = TrainMode {
        batch_statistics: settings.norms == Norms::Batch,
        dropout: settings.dropout,
        seed,
        frozen_stages,
    };
    let output = network.forward_train(&batch, mode)?;
    let logits = output.logits.narrow(0, 0, shown)?;
    let mut loss = cross_entropy(&logits, &classes, settings.label_smoothing)?;
    if let Some(tutor) = work.tutor {
        let said = tutor.logits(&tensor_of(for_tutor)?)?;
        loss = (loss + (imitation(&logits, &said)? * settings.tutor)?)?;
    }
    if let Some(proxies) = proxies {
        let drawn = by_proxies(&output.embedding.narrow(0, 0, shown)?, proxies, &classes)?;
        loss = (loss + (drawn * settings.metric)?)?;
    }
    if let Some(Teacher { network, mean }) = work.teacher {
        let away = away_from(&output.embedding, &network.embed(&batch)?, mean)?;
        loss = (loss + (away * settings.distil)?)?;
    }
    let all = loss.backward()?;
    let mut gradients = Gradients::new();
    let trained = network
        .parameters()
        .iter()
        .filter(|(name, _)| network.stage_of(name) >= frozen_stages)
        .map(|(name, var)| (name.as_str(), var));
    for (name, var) in trained.chain(proxies.map(|proxies| (PROXIES, proxies))) {
        if let Some(gradient) = all.get(var.as_tensor()) {
            gradients.insert(name.to_owned(), gradient.contiguous()?.detach());
        }
    }
    // Only now: what is asked of a GPU here is waited for.
    let said = logits.argmax(1)?.to_vec1::<u32>()?;
    Ok(Step {
        gradients,
        photos: shown,
        statistics: vec![output.statistics],
        loss: f64::from(loss.to_scalar::<f32>()?),
        right: said.iter().zip(&classes).filter(|(said, class)| said == class).count(),
    })
}

/// Shortens gradients that are longer than `limit`, all together; 0 is no limit.
pub(crate) fn clip(gradients: &mut Gradients, limit: f64) -> candle_core::Result<()> {
    if limit <= 0.0 || gradients.is_empty() {
        return Ok(());
    }
    let squares = gradients.values().map(|gradient| gradient.sqr()?.sum_all());
    let squares = Tensor::stack(&squares.collect::<candle_core::Result<Vec<_>>>()?, 0)?;
    let length = f64::from(squares.sum_all()?.to_scalar::<f32>()?.sqrt());
    if length > limit {
        for gradient in gradients.values_mut() {
            *gradient = (&*gradient * (limit / length))?;
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use candle_core::Result;
    use lookalike_backbone::{Device, DeviceName, Dtype};

    /// The CPU, and a GPU where one answers. Otherwise `what` is reported as skipped there.
    pub(crate) fn devices(what: &str) -> Vec<candle_core::Device> {
        let gpu = Device::open(DeviceName::Cuda(0), Dtype::F32);
        if let Err(error) = &gpu {
            lookalike_testkit::skipped(&format!("{what} on a GPU: {error}"));
        }
        [candle_core::Device::Cpu]
            .into_iter()
            .chain(gpu.ok().map(|gpu| gpu.candle().clone()))
            .collect()
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_are_not() -> Result<()> {
        for device in devices("gradients shortened") {
            let clipped = |scale: f32, limit: f64| -> Result<Vec<f32>> {
                let of = |value: f32| Tensor::new(&[[value * scale]], &device);
                let mut all = Gradients::from([("a".into(), of(3.0)?), ("b".into(), of(4.0)?)]);
                clip(&mut all, limit)?;
                all.values().map(|g| g.reshape(())?.to_scalar()).collect()
            };
            assert_eq!(clipped(2.0, 5.0)?, [3.0, 4.0]);
            assert_eq!(clipped(0.5, 5.0)?, [1.5, 2.0]);
            assert_eq!(clipped(9.0, 0.0)?, [27.0, 36.0]);
        }
        Ok(())
    }
}
