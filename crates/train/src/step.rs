//! One step: a batch's gradients, a shard of it to a core.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};
use lookalike_backbone::{Backbone, BatchStatistics, TrainMode, TrainableBackbone, map_on_cores};
use lookalike_photo::{Preprocess, RgbImage};

use crate::loss::{away_from, by_proxies, cross_entropy, imitation};
use crate::order::mix;
use crate::tutor::Tutor;
use crate::{Norms, Photos, Settings, TrainError};

/// Gradients by the names of parameters.
pub(crate) type Gradients = BTreeMap<String, Vec<f32>>;

/// What is trained, and on what.
pub(crate) struct Work<'a> {
    pub(crate) network: &'a TrainableBackbone,
    pub(crate) preprocess: &'a Preprocess,
    /// A row for each class, if embeddings are drawn together.
    pub(crate) proxies: Option<&'a Var>,
    pub(crate) teacher: Option<&'a Teacher>,
    pub(crate) tutor: Option<&'a Tutor>,
    pub(crate) photos: &'a Photos,
    /// Photos of other things, which only the teacher tells about.
    pub(crate) others: Option<&'a Photos>,
    pub(crate) settings: &'a Settings,
    pub(crate) frozen_stages: usize,
}

/// The network that a run began with.
pub(crate) struct Teacher {
    pub(crate) network: Box<dyn Backbone>,
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
    /// Photos whose product came first.
    pub(crate) right: usize,
}

/// Runs a batch, photos given by their numbers, forwards and backwards. The result does not depend on
/// the number of cores.
pub(crate) fn run(work: &Work, numbers: &[usize], epoch: usize) -> Result<Step, TrainError> {
    let shards: Vec<&[usize]> = numbers.chunks(work.settings.shard).collect();
    let results: Vec<_> = if work.network.place().is_cpu() {
        map_on_cores(&shards, |shard| run_shard(work, shard, epoch))
    } else {
        // One after the other; their photos are prepared on all cores.
        shards.iter().map(|shard| run_shard(work, shard, epoch)).collect()
    };
    let mut step = Step::default();
    for (shard, result) in shards.iter().zip(results) {
        let result = result?;
        let share = shard.len() as f32 / numbers.len() as f32;
        step.loss += result.loss * f64::from(share);
        step.right += result.right;
        step.statistics.extend(result.statistics);
        for (name, gradient) in result.gradients {
            let sum = step.gradients.entry(name).or_insert_with(|| vec![0.0; gradient.len()]);
            sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += share * g);
        }
    }
    Ok(step)
}

fn run_shard(work: &Work, numbers: &[usize], epoch: usize) -> candle_core::Result<Step> {
    let Work { network, preprocess, proxies, photos, settings, frozen_stages, .. } = *work;
    let side = preprocess.size();
    let seed = mix(settings.seed, epoch as u64);
    // The same photo may come twice in a balanced epoch: its place tells the two apart.
    let seed_of = |(place, &number): (usize, &usize)| {
        (&photos.pictures[number], mix(mix(seed, number as u64), place as u64))
    };
    let mut pictures: Vec<(&RgbImage, u64)> = numbers.iter().enumerate().map(seed_of).collect();
    let shown = numbers.len();
    let shard_seed = mix(seed, numbers.first().map_or(0, |&number| number as u64));
    if let Some(others) = work.others.filter(|_| work.teacher.is_some()) {
        let more = (settings.others * shown as f64).round() as usize;
        for place in 0..more as u64 {
            let number = mix(shard_seed, place) as usize % others.len();
            pictures.push((&others.pictures[number], mix(shard_seed, !place)));
        }
    }
    let augmentation = settings.augment.augmentation();
    let tensor = |&(picture, seed): &(&RgbImage, u64)| {
        let square = augmentation.apply(picture, side as u32, seed);
        let for_tutor = work.tutor.map(|tutor| tutor.preprocess.tensor(&square));
        (preprocess.tensor(&square), for_tutor.unwrap_or_default())
    };
    let tensors: Vec<_> = if network.place().is_cpu() {
        pictures.iter().map(tensor).collect()
    } else {
        map_on_cores(&pictures, tensor)
    };
    let (tensors, for_tutor): (Vec<_>, Vec<_>) = tensors.into_iter().unzip();
    let batch_of = |tensors: &[Vec<f32>]| {
        let shape = (tensors.len(), 3, side, side);
        Tensor::from_vec(tensors.concat(), shape, network.place().device())
    };
    let batch = batch_of(&tensors)?;
    let classes: Vec<u32> = numbers.iter().map(|&number| photos.classes[number]).collect();
    let mode = TrainMode {
        batch_statistics: settings.norms == Norms::Batch,
        dropout: settings.dropout,
        seed: shard_seed,
        frozen_stages,
    };
    let output = network.forward_train(&batch, mode)?;
    let logits = output.logits.narrow(0, 0, shown)?;
    let mut loss = cross_entropy(&logits, &classes, settings.label_smoothing)?;
    if let Some(tutor) = work.tutor {
        let said = tutor.logits(&batch_of(&for_tutor[..shown])?)?;
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
    let said = logits.argmax(1)?.to_vec1::<u32>()?;
    let all = loss.backward()?;
    let mut gradients = Gradients::new();
    let trained = network
        .parameters()
        .iter()
        .filter(|(name, _)| network.stage_of(name) >= frozen_stages)
        .map(|(name, var)| (name.as_str(), var));
    for (name, var) in trained.chain(proxies.map(|proxies| (PROXIES, proxies))) {
        if let Some(gradient) = all.get(var.as_tensor()) {
            gradients.insert(name.to_owned(), gradient.flatten_all()?.to_vec1()?);
        }
    }
    Ok(Step {
        gradients,
        statistics: vec![output.statistics],
        loss: f64::from(loss.to_scalar::<f32>()?),
        right: said.iter().zip(&classes).filter(|(said, class)| said == class).count(),
    })
}

/// Shortens gradients that are longer than `limit`, all together; 0 is no limit. Gives their length.
pub(crate) fn clip(gradients: &mut Gradients, limit: f64) -> f64 {
    let squares = gradients.values().flatten().map(|&g| f64::from(g) * f64::from(g));
    let length = squares.sum::<f64>().sqrt();
    if limit > 0.0 && length > limit {
        let factor = (limit / length) as f32;
        gradients.values_mut().flatten().for_each(|g| *g *= factor);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_gradients_are_shortened_and_short_ones_are_not() {
        let gradients = |scale: f32| {
            Gradients::from([("a".into(), vec![3.0 * scale]), ("b".into(), vec![4.0 * scale])])
        };
        let mut long = gradients(2.0);
        assert_eq!(clip(&mut long, 5.0), 10.0);
        assert_eq!(long, gradients(1.0));
        let mut short = gradients(0.5);
        clip(&mut short, 5.0);
        assert_eq!(short, gradients(0.5));
        let mut unlimited = gradients(9.0);
        clip(&mut unlimited, 0.0);
        assert_eq!(unlimited, gradients(9.0));
    }
}
