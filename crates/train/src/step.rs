//! A training step: the gradients of a batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Tensor, Var};
use lookalike_backbone::parallel::map_on_cores;
use lookalike_backbone::{Backbone, BatchStatistics, TrainMode, TrainableBackbone};

use crate::data_loader::{DataLoader, Shard};
use crate::loss::{cross_entropy, distillation, embedding_distillation, proxy_softmax};
use crate::teacher::Teacher;
use crate::{BatchNormMode, Settings, TrainError};

/// Gradients by the names of their parameters, on the same device.
pub(crate) type Gradients = BTreeMap<String, Tensor>;

/// What is trained, and how.
pub(crate) struct StepContext<'a> {
    pub(crate) network: &'a TrainableBackbone,
    /// A proxy for each class, a row each, if the proxy loss is on.
    pub(crate) proxies: Option<&'a Var>,
    pub(crate) initial: Option<&'a InitialNetwork>,
    pub(crate) teacher: Option<&'a Teacher>,
    pub(crate) settings: &'a Settings,
    pub(crate) frozen_stages: usize,
}

/// The network that a run began with, for embedding distillation.
pub(crate) struct InitialNetwork {
    pub(crate) network: Arc<dyn Backbone>,
    /// The mean of its embeddings, `(1, d)`.
    pub(crate) mean: Tensor,
}

/// The proxies' name among the parameters.
pub(crate) const PROXIES: &str = "proxies";

/// The result of a batch.
#[derive(Default)]
pub(crate) struct Step {
    pub(crate) gradients: Gradients,
    pub(crate) statistics: Vec<BatchStatistics>,
    /// Mean over the photos.
    pub(crate) loss: f64,
    pub(crate) photos: usize,
    /// Number of photos whose product came first.
    pub(crate) right: usize,
}

/// The forward and backward pass of a batch, a shard on each core. The result does not depend on the number
/// of cores.
pub(crate) fn run(
    context: &StepContext,
    loader: &DataLoader,
    numbers: &[usize],
) -> Result<Step, TrainError> {
    let shards: Vec<&[usize]> = loader.shards(numbers).collect();
    sum(map_on_cores(&shards, |shard| run_shard(context, loader.prepare(shard))), numbers.len())
}

/// The same with prepared photos, one shard after the other: for a GPU.
pub(crate) fn run_prepared(context: &StepContext, shards: Vec<Shard>) -> Result<Step, TrainError> {
    let photos = shards.iter().map(|shard| shard.classes.len()).sum();
    sum(shards.into_iter().map(|shard| run_shard(context, shard)).collect(), photos)
}

/// The sum of all shards' results.
fn sum(results: Vec<candle_core::Result<Step>>, photos: usize) -> Result<Step, TrainError> {
    let mut all = Step::default();
    for result in results {
        let result = result?;
        let weight = result.photos as f64 / photos as f64;
        all.loss += result.loss * weight;
        all.right += result.right;
        all.photos += result.photos;
        all.statistics.extend(result.statistics);
        for (name, gradient) in result.gradients {
            let gradient = if weight == 1.0 { gradient } else { (gradient * weight)? };
            let sum = match all.gradients.remove(&name) {
                Some(sum) => (sum + gradient)?,
                None => gradient,
            };
            all.gradients.insert(name, sum);
        }
    }
    Ok(all)
}

fn run_shard(context: &StepContext, shard: Shard) -> candle_core::Result<Step> {
    let StepContext { network, proxies, settings, frozen_stages, .. } = *context;
    let Shard { batch, for_teacher, classes, side, seed } = shard;
    let shown = classes.len();
    let tensor_of = |values: Vec<f32>| {
        let shape = (values.len() / (3 * side * side), 3, side, side);
        Tensor::from_vec(values, shape, network.device().candle())
    };
    let batch = tensor_of(batch)?;
    let mode = TrainMode {
        batch_statistics: settings.batch_norm == BatchNormMode::Batch,
        dropout: settings.dropout,
        seed,
        frozen_stages,
    };
    let output = network.forward_train(&batch, mode)?;
    let logits = output.logits.narrow(0, 0, shown)?;
    let mut loss = cross_entropy(&logits, &classes, settings.label_smoothing)?;
    if let Some(teacher) = context.teacher {
        let target = teacher.logits(&tensor_of(for_teacher)?)?;
        loss = (loss + (distillation(&logits, &target)? * settings.teacher_weight)?)?;
    }
    if let Some(proxies) = proxies {
        let proxy_loss = proxy_softmax(&output.embedding.narrow(0, 0, shown)?, proxies, &classes)?;
        loss = (loss + (proxy_loss * settings.metric_weight)?)?;
    }
    if let Some(InitialNetwork { network, mean }) = context.initial {
        let moved = embedding_distillation(&output.embedding, &network.embed(&batch)?, mean)?;
        loss = (loss + (moved * settings.distil_weight)?)?;
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
    // Last, since reading results waits for the GPU.
    let predicted = logits.argmax(1)?.to_vec1::<u32>()?;
    Ok(Step {
        gradients,
        photos: shown,
        statistics: vec![output.statistics],
        loss: f64::from(loss.to_scalar::<f32>()?),
        right: predicted
            .iter()
            .zip(&classes)
            .filter(|(predicted, class)| predicted == class)
            .count(),
    })
}

/// Gradient clipping: scales all gradients so that their norm together is `limit` at most; 0 is no limit.
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
