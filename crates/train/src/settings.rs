use lookalike_photo::Augmentation;
use serde::{Deserialize, Serialize};

/// Everything that decides what a training run does. A run goes on only with the settings that it
/// began with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Times that every photo is seen.
    pub epochs: usize,
    /// Photos between two steps of the optimiser.
    pub batch: usize,
    /// Photos of a batch that one core works on together; with [`Norms::Batch`], those whose
    /// statistics are taken together.
    pub shard: usize,
    /// Learning rate of the classifier; stages further away from it have less, see `stage_decay`.
    pub rate: f64,
    /// The learning rate of a stage, as a share of that of the stage after it.
    pub stage_decay: f64,
    /// Stages next to the picture that stay as they are.
    pub frozen_stages: usize,
    /// Epochs after which one more of the frozen stages is trained; 0 for never.
    pub unfreeze_every: usize,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Epochs over which the learning rate rises from nothing.
    pub warmup: f64,
    /// How parameters follow gradients.
    pub optimiser: Optimiser,
    /// Share of a parameter that a step takes away, times the learning rate. Not of biases and norms.
    pub weight_decay: f64,
    /// Gradients longer than this, all together, are shortened; 0 for none.
    pub clip: f64,
    /// Share of an embedding's numbers that are left out.
    pub dropout: f32,
    /// Share of a class's probability that is spread over all.
    pub label_smoothing: f64,
    /// Weight of the loss that draws embeddings of a product together; 0 for none.
    pub metric: f64,
    /// Weight of the loss that draws the classifier towards a tutor's opinion, where there is one.
    #[serde(default = "whole")]
    pub tutor: f64,
    /// Weight of the loss that keeps embeddings where the network that the run began with has them, so
    /// that things other than the trained products still are told apart; 0 for none.
    pub distil: f64,
    /// Photos of other things, as a share of a batch, that are kept so too.
    pub others: f64,
    /// What batch norms do.
    pub norms: Norms,
    /// Epochs of the new classifier alone, on embeddings that are computed once.
    pub head_epochs: usize,
    /// What happens to photos.
    pub augment: Strength,
    /// Share of the averaged weights that stays at each step (of the run's last 99 %); 0 for none.
    pub average: f64,
    /// How products with few photos are made up for.
    pub balance: Balance,
    /// Side of the square that photos are letterboxed into, in pixels.
    pub side: u32,
    /// How photos are prepared, by its name in the weight manifest, where the weights do not say it.
    #[serde(default)]
    pub preprocess: Option<String>,
    /// Epochs without progress on the validation photos after which a run ends; 0 for never.
    pub patience: usize,
    /// Decides the order of photos, what happens to them and what is left out.
    pub seed: u64,
}

/// The weight of a tutor in runs that were begun before there were any.
fn whole() -> f64 {
    1.0
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epochs: 24,
            batch: 32,
            shard: 16,
            rate: 0.02,
            stage_decay: 0.95,
            frozen_stages: 0,
            unfreeze_every: 0,
            schedule: Schedule::Cosine,
            warmup: 1.0,
            optimiser: Optimiser::Sgd,
            weight_decay: 5e-4,
            clip: 5.0,
            dropout: 0.2,
            label_smoothing: 0.1,
            metric: 0.0,
            tutor: 1.0,
            distil: 0.0,
            others: 0.25,
            norms: Norms::Batch,
            head_epochs: 20,
            augment: Strength::Strong,
            average: 0.998,
            balance: Balance::None,
            side: 224,
            preprocess: None,
            patience: 0,
            seed: 1,
        }
    }
}

/// How the learning rate changes over a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Along half a cosine to nothing (Loshchilov and Hutter, 2017).
    Cosine,
    /// Times `factor` after every `every` epochs.
    Step {
        /// Epochs between two changes.
        every: usize,
        /// Above 0, below 1.
        factor: f64,
    },
    /// Times `factor` when the validation loss has not fallen for `patience` epochs
    /// ("ReduceLROnPlateau").
    Plateau {
        /// Epochs that are waited.
        patience: usize,
        /// Above 0, below 1.
        factor: f64,
    },
}

/// How parameters follow gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimiser {
    /// With Nesterov's momentum of 0.9 (Sutskever et al., 2013).
    Sgd,
    /// Loshchilov and Hutter, 2019, with betas of 0.9 and 0.999.
    AdamW,
}

/// What batch norms do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norms {
    /// They use the statistics they came with; folded ones stay folded.
    Fixed,
    /// They use each batch's own; folded ones are put back.
    Batch,
}

/// How products with few photos are made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Not at all.
    None,
    /// Photos are drawn so that a product counts by the root of its photos' number.
    Root,
    /// Photos are drawn so that all products count the same.
    Full,
}

/// What happens to training photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// [`Augmentation::NONE`]
    None,
    /// [`Augmentation::LIGHT`]
    Light,
    /// [`Augmentation::STRONG`]
    Strong,
}

impl Strength {
    /// What it stands for.
    pub fn augmentation(self) -> Augmentation {
        match self {
            Self::None => Augmentation::NONE,
            Self::Light => Augmentation::LIGHT,
            Self::Strong => Augmentation::STRONG,
        }
    }
}
