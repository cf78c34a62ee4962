//! The linear probe: trains the new classifier alone, on embeddings that are computed once.

use candle_core::{Tensor, Var};
use lookalike_backbone::TrainableBackbone;
use lookalike_base::progress::{Phase, Progress};
use lookalike_photo::Preprocess;

use crate::loss::cross_entropy;
use crate::optimiser::OptimiserState;
use crate::sampler::epoch_order;
use crate::validate::rows_of;
use crate::{Dataset, Optimiser, Settings, TrainError};

const BATCH: usize = 256;
const RATE: f64 = 1e-3;
const DECAY: f64 = 1e-2;

/// Embeddings of photos and of their mirror images, with their classes.
pub(crate) struct Embedded {
    pub(crate) rows: Vec<Vec<f32>>,
    pub(crate) classes: Vec<u32>,
}

/// Embeds all photos.
pub(crate) fn embed(
    network: &TrainableBackbone,
    preprocess: &Preprocess,
    photos: &Dataset,
) -> Result<Embedded, TrainError> {
    let mut rows = Vec::new();
    for mirrored in [false, true] {
        let embed = |batch: &Tensor| network.network().embed(batch);
        rows.extend(rows_of(network.device(), preprocess, photos, mirrored, embed)?);
    }
    Ok(Embedded { rows, classes: photos.classes.repeat(2) })
}

/// Trains the classifier on embeddings.
pub(crate) fn train(
    network: &TrainableBackbone,
    embedded: &Embedded,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<(), TrainError> {
    let head: Vec<(&String, &Var)> = network
        .parameters()
        .iter()
        .filter(|(name, _)| network.stage_of(name) == network.stages())
        .collect();
    let [(_, bias), (_, weight)] = head[..] else {
        return Ok(()); // every network's classifier has a bias and a weight
    };
    let settings = Settings { optimiser: Optimiser::AdamW, ..settings.clone() };
    let mut memory = OptimiserState::default();
    let classes = weight.dim(0)?;
    progress.begin(Phase::items("training the classifier", settings.head_epochs as u64));
    for epoch in 0..settings.head_epochs {
        let order = epoch_order(&embedded.classes, settings.class_balance, settings.seed, epoch);
        for numbers in order.chunks(BATCH) {
            let rows: Vec<f32> =
                numbers.iter().flat_map(|&n| embedded.rows[n].iter().copied()).collect();
            let rows = Tensor::from_vec(rows, (numbers.len(), ()), weight.device())?;
            let targets: Vec<u32> = numbers.iter().map(|&n| embedded.classes[n]).collect();
            let matrix = weight.reshape((classes, ()))?;
            let logits = rows.matmul(&matrix.t()?)?.broadcast_add(bias.as_tensor())?;
            let loss = cross_entropy(&logits, &targets, settings.label_smoothing)?;
            let gradients = loss.backward()?;
            memory.begin_step();
            for (name, var, decay) in [("bias", bias, 0.0), ("weight", weight, DECAY)] {
                let Some(gradient) = gradients.get(var.as_tensor()) else { continue };
                let mut moments = memory.take(name);
                moments.update(&settings, memory.steps, var, &gradient.detach(), RATE, decay)?;
                memory.put(name, moments);
            }
        }
        progress.advance(1);
    }
    progress.end();
    Ok(())
}
