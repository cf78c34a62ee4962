//! The settings of a training run.

use lookalike_photo::Augmentation;
use serde::{Deserialize, Serialize};

/// Everything that decides what a training run computes. A run is resumed only with the settings that it
/// was started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Passes over the training photos.
    pub epochs: usize,
    /// Batch size: photos for each step of the optimiser.
    pub batch: usize,
    /// Photos of a batch that one core computes together. With [`BatchNormMode::Batch`] they share their
    /// statistics ("ghost batch norm": Hoffer et al., 2017).
    pub shard: usize,
    /// Learning rate of the classifier; earlier stages have lower ones, see `stage_decay`.
    pub learning_rate: f64,
    /// Layer-wise decay: the learning rate of a stage over that of the next one, 0 to 1.
    pub stage_decay: f64,
    /// Number of stages, counted from the input, that are not trained.
    pub frozen_stages: usize,
    /// Epochs after which one more frozen stage is trained; 0 for never.
    pub unfreeze_every: usize,
    /// The learning rate schedule.
    pub schedule: Schedule,
    /// Epochs over which the learning rate rises from 0.
    pub warmup: f64,
    /// The optimiser.
    pub optimiser: Optimiser,
    /// Weight decay. Biases and batch norms have none.
    pub weight_decay: f64,
    /// Largest norm of the gradient of all parameters together (gradient clipping); 0 for no limit.
    pub clip: f64,
    /// Dropout rate of the embedding.
    pub dropout: f32,
    /// Label smoothing, 0 to below 1.
    pub label_smoothing: f64,
    /// Weight of the proxy loss, which pulls embeddings of a product together; 0 for none.
    pub metric_weight: f64,
    /// Weight of the distillation loss towards a teacher's class probabilities, where there is a teacher.
    pub teacher_weight: f64,
    /// Weight of the loss that keeps embeddings near those of the initial network, so that objects other
    /// than the trained products can still be told apart; 0 for none.
    pub distil_weight: f64,
    /// Photos of other objects that the same loss is computed on, as a fraction of a batch.
    pub distil_fraction: f64,
    /// What statistics batch norms use.
    pub batch_norm: BatchNormMode,
    /// Epochs of the linear probe: the new classifier alone, on embeddings that are computed once.
    pub head_epochs: usize,
    /// How strongly photos are augmented.
    pub augment: AugmentationStrength,
    /// Decay of the exponential moving average of the weights at each step; 0 for no average.
    pub ema_decay: f64,
    /// How products with few photos are oversampled.
    pub class_balance: ClassBalance,
    /// Side of the letterbox, in pixels.
    pub side: u32,
    /// The preprocessing, by name, if the weights do not state it; see
    /// [`lookalike_backbone::preprocess_named`].
    pub preprocess: Option<String>,
    /// Early stopping: epochs without a better result on the validation photos; 0 for never.
    pub patience: usize,
    /// Decides the order of photos, their augmentation and dropout.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epochs: 24,
            batch: 32,
            shard: 16,
            learning_rate: 0.02,
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
            metric_weight: 0.0,
            teacher_weight: 1.0,
            distil_weight: 0.0,
            distil_fraction: 0.25,
            batch_norm: BatchNormMode::Batch,
            head_epochs: 20,
            augment: AugmentationStrength::Strong,
            ema_decay: 0.998,
            class_balance: ClassBalance::None,
            side: 224,
            preprocess: None,
            patience: 0,
            seed: 1,
        }
    }
}

/// The learning rate schedule of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Along half a cosine to 0 (Loshchilov and Hutter, "SGDR", 2017).
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
        /// Epochs without a lower loss that are tolerated.
        patience: usize,
        /// Above 0, below 1.
        factor: f64,
    },
}

/// The optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimiser {
    /// Stochastic gradient descent with Nesterov momentum of 0.9 (Sutskever et al., 2013).
    Sgd,
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019), with betas of 0.9 and 0.999.
    AdamW,
}

/// What statistics batch norms use while they are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchNormMode {
    /// The running ones of the weights file; folded batch norms stay folded.
    Fixed,
    /// Each batch's own; folded batch norms are added again.
    Batch,
}

/// How products with few photos are oversampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassBalance {
    /// Not at all.
    None,
    /// A product is drawn in proportion to the root of its number of photos.
    Root,
    /// All products are drawn equally often.
    Full,
}

/// How strongly training photos are augmented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AugmentationStrength {
    /// [`Augmentation::NONE`]
    None,
    /// [`Augmentation::LIGHT`]
    Light,
    /// [`Augmentation::STRONG`]
    Strong,
}

impl AugmentationStrength {
    /// The augmentation of this strength.
    pub fn augmentation(self) -> Augmentation {
        match self {
            Self::None => Augmentation::NONE,
            Self::Light => Augmentation::LIGHT,
            Self::Strong => Augmentation::STRONG,
        }
    }
}
