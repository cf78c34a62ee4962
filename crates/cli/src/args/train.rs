//! The arguments of `lookalike train`.

pub(crate) mod grid;

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use lookalike_backbone::BackboneKind;
use lookalike_train::{
    AugmentationStrength, BatchNormMode, ClassBalance, Optimiser, Schedule, Settings,
};

use crate::args::shared::{CatalogArgs, DeviceArgs, OutputArgs};

use grid::GridArgs;

/// `lookalike train` and `lookalike train grid`.
pub(crate) enum TrainCommand {
    Run(Box<TrainArgs>),
    Grid(Box<GridArgs>),
}

// By hand, because a derived parser asks for the arguments of a run when a grid is wanted.
impl FromArgMatches for TrainCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(match matches.subcommand() {
            Some((_, grid)) => Self::Grid(Box::new(GridArgs::from_arg_matches(grid)?)),
            None => Self::Run(Box::new(TrainArgs::from_arg_matches(matches)?)),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for TrainCommand {
    fn augment_args(command: Command) -> Command {
        let grid = GridArgs::augment_args(Command::new("grid"));
        TrainArgs::augment_args(command)
            .subcommand(grid)
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[derive(Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// The folder of the run: checkpoint, log, best weights
    #[arg(long, value_name = "FOLDER", default_value = "run")]
    pub(crate) out: PathBuf,
    /// Weights to start from [default: those that a search would use]
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// The network: mobilenet_v3, mobilenet_v3_minimalistic, resnet50 or vgg19
    #[arg(long, value_name = "NAME")]
    pub(crate) backbone: Option<BackboneKind>,
    /// Passes over the training photos
    #[arg(long, value_name = "N", default_value_t = Settings::default().epochs)]
    epochs: usize,
    /// Photos per optimiser step
    #[arg(long, alias = "batch-size", value_name = "N", default_value_t = Settings::default().batch)]
    batch: usize,
    /// Photos of a batch that one core computes together; batch norms take statistics over these
    #[arg(long, value_name = "N", default_value_t = Settings::default().shard)]
    shard: usize,
    /// Learning rate of the classifier
    #[arg(long, alias = "rate", value_name = "RATE", default_value_t = Settings::default().learning_rate)]
    learning_rate: f64,
    /// Learning rate of a stage, relative to the stage after it (layer-wise decay)
    #[arg(long, value_name = "FACTOR", default_value_t = Settings::default().stage_decay)]
    stage_decay: f64,
    /// Number of stages to freeze, from the input on
    #[arg(long, value_name = "N", default_value_t = 0)]
    frozen_stages: usize,
    /// Unfreeze one more stage every N epochs; 0 for never
    #[arg(long, value_name = "N", default_value_t = 0)]
    unfreeze_every: usize,
    /// Learning-rate schedule
    #[arg(long, value_enum, default_value_t = ScheduleName::Cosine)]
    schedule: ScheduleName,
    /// Epochs between two changes of the schedule `step`
    #[arg(long, value_name = "N", default_value_t = 8)]
    step_every: usize,
    /// Epochs without progress before the schedule `plateau` changes the learning rate
    #[arg(long, value_name = "N", default_value_t = 2)]
    plateau_patience: usize,
    /// Factor of the learning rate at each change of the schedules `step` and `plateau`
    #[arg(long, value_name = "FACTOR", default_value_t = 0.2)]
    factor: f64,
    /// Epochs of linear learning-rate warm-up
    #[arg(long, value_name = "EPOCHS", default_value_t = Settings::default().warmup)]
    warmup: f64,
    /// The optimiser
    #[arg(long, alias = "optimizer", value_enum, default_value_t = OptimiserName::Sgd)]
    optimiser: OptimiserName,
    /// Weight decay
    #[arg(long, value_name = "FACTOR", default_value_t = Settings::default().weight_decay)]
    weight_decay: f64,
    /// Largest norm of the gradient, clipped beyond; 0 for no limit
    #[arg(long, value_name = "NORM", default_value_t = Settings::default().clip)]
    clip: f64,
    /// Dropout rate before the classifier, 0 to below 1
    #[arg(long, value_name = "RATE", default_value_t = Settings::default().dropout)]
    dropout: f32,
    /// Label smoothing, 0 to below 1
    #[arg(long, value_name = "FRACTION", default_value_t = Settings::default().label_smoothing)]
    label_smoothing: f64,
    /// Weight of the metric-learning loss, which draws embeddings of a product together; 0 for none
    #[arg(long, alias = "metric", value_name = "WEIGHT", default_value_t = Settings::default().metric_weight)]
    metric_weight: f64,
    /// Weights of a teacher: any network trained on the same products, whose class probabilities are learned,
    /// too (knowledge distillation)
    #[arg(long, alias = "tutor", value_name = "FILE")]
    pub(crate) teacher: Option<PathBuf>,
    /// Weight of the loss between the classifier's and the teacher's probabilities
    #[arg(long, alias = "tutor-weight", value_name = "WEIGHT", default_value_t = Settings::default().teacher_weight, requires = "teacher")]
    teacher_weight: f64,
    /// Weight of the loss that keeps embeddings near those of the initial weights, so that objects other
    /// than these products stay distinguishable (feature distillation); 0 for none
    #[arg(long, alias = "distil", value_name = "WEIGHT", default_value_t = Settings::default().distil_weight)]
    distil_weight: f64,
    /// Photos of other objects, a folder or a manifest, for the loss of --distil-weight
    #[arg(long, alias = "others", value_name = "PHOTOS", requires = "distil_weight")]
    pub(crate) distil_photos: Option<PathBuf>,
    /// The folder that the paths of --distil-photos are relative to [default: the manifest's own]
    #[arg(long, alias = "others-root", value_name = "FOLDER", requires = "distil_photos")]
    pub(crate) distil_root: Option<PathBuf>,
    /// Number of --distil-photos per epoch, relative to the training photos
    #[arg(long, alias = "others-share", value_name = "FRACTION", default_value_t = Settings::default().distil_fraction)]
    distil_fraction: f64,
    /// Statistics of batch norms
    #[arg(long, alias = "norms", value_enum, default_value_t = NormsName::Batch)]
    batch_norm: NormsName,
    /// Epochs that train the new classifier alone, first (linear probe)
    #[arg(long, value_name = "N", default_value_t = Settings::default().head_epochs)]
    head_epochs: usize,
    /// Augmentation of training photos
    #[arg(long, value_enum, default_value_t = StrengthName::Strong)]
    augment: StrengthName,
    /// Decay of the exponential moving average of weights; 0 for no averaging
    #[arg(long, alias = "average", value_name = "DECAY", default_value_t = Settings::default().ema_decay)]
    ema_decay: f64,
    /// Weighting of products by their number of photos
    #[arg(long, alias = "balance", value_enum, default_value_t = BalanceName::None)]
    class_balance: BalanceName,
    /// Side of the square input that photos are letterboxed into, in pixels: a multiple of 32
    #[arg(long, value_name = "PIXELS", default_value_t = Settings::default().side)]
    side: u32,
    /// Preprocessing, where the weights do not name it: imagenet, symmetric, inception or caffe
    #[arg(long, value_name = "NAME")]
    preprocess: Option<String>,
    /// Early stopping: epochs without progress on the validation photos; 0 for never
    #[arg(long, value_name = "N", default_value_t = 0)]
    patience: usize,
    /// Seed of the order of photos and their augmentation
    #[arg(long, value_name = "N", default_value_t = Settings::default().seed)]
    seed: u64,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum ScheduleName {
    /// The learning rate stays
    Constant,
    /// Half a cosine down to 0
    Cosine,
    /// Multiplied by a factor every few epochs
    Step,
    /// Multiplied by a factor when the validation loss stops falling
    Plateau,
}

impl ScheduleName {
    /// As on the command line.
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum OptimiserName {
    /// SGD with Nesterov momentum of 0.9
    Sgd,
    /// Adam with decoupled weight decay
    Adamw,
}

#[derive(Clone, Copy, ValueEnum)]
enum NormsName {
    /// Frozen: the statistics of the initial weights
    Fixed,
    /// Those of each batch; norms folded into convolutions are restored
    Batch,
}

#[derive(Clone, Copy, ValueEnum)]
enum StrengthName {
    /// None
    None,
    /// Crops of at least half a photo, mild colour jitter
    Light,
    /// Crops of at least a quarter, colour jitter, rotation, blur, JPEG artefacts, random erasing
    Strong,
}

#[derive(Clone, Copy, ValueEnum)]
enum BalanceName {
    /// Every photo counts the same
    None,
    /// A product counts by the square root of its number of photos
    Root,
    /// Every product counts the same
    Full,
}

impl TrainArgs {
    /// # Errors
    /// Numbers outside their ranges.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        self.settings_with(self.batch, self.schedule, self.dropout)
    }

    fn settings_with(
        &self,
        batch: usize,
        schedule: ScheduleName,
        dropout: f32,
    ) -> anyhow::Result<Settings> {
        let settings = Settings {
            epochs: self.epochs,
            batch,
            shard: self.shard.min(batch),
            learning_rate: self.learning_rate,
            stage_decay: self.stage_decay,
            frozen_stages: self.frozen_stages,
            unfreeze_every: self.unfreeze_every,
            schedule: match schedule {
                ScheduleName::Constant => Schedule::Constant,
                ScheduleName::Cosine => Schedule::Cosine,
                ScheduleName::Step => {
                    Schedule::Step { every: self.step_every, factor: self.factor }
                }
                ScheduleName::Plateau => {
                    Schedule::Plateau { patience: self.plateau_patience, factor: self.factor }
                }
            },
            warmup: self.warmup,
            optimiser: match self.optimiser {
                OptimiserName::Sgd => Optimiser::Sgd,
                OptimiserName::Adamw => Optimiser::AdamW,
            },
            weight_decay: self.weight_decay,
            clip: self.clip,
            dropout,
            label_smoothing: self.label_smoothing,
            metric_weight: self.metric_weight,
            teacher_weight: self.teacher_weight,
            distil_weight: self.distil_weight,
            distil_fraction: self.distil_fraction,
            batch_norm: match self.batch_norm {
                NormsName::Fixed => BatchNormMode::Fixed,
                NormsName::Batch => BatchNormMode::Batch,
            },
            head_epochs: self.head_epochs,
            augment: match self.augment {
                StrengthName::None => AugmentationStrength::None,
                StrengthName::Light => AugmentationStrength::Light,
                StrengthName::Strong => AugmentationStrength::Strong,
            },
            ema_decay: self.ema_decay,
            class_balance: match self.class_balance {
                BalanceName::None => ClassBalance::None,
                BalanceName::Root => ClassBalance::Root,
                BalanceName::Full => ClassBalance::Full,
            },
            side: self.side,
            preprocess: self.preprocess.clone(),
            patience: self.patience,
            seed: self.seed,
        };
        let fraction = |name: &str, value: f64, below: bool| {
            let fits = (0.0..=1.0).contains(&value) && !(below && value >= 1.0);
            anyhow::ensure!(
                fits,
                "--{name} is a fraction from 0 to {}1",
                if below { "below " } else { "" }
            );
            Ok(())
        };
        fraction("dropout", f64::from(dropout), true)?;
        fraction("label-smoothing", self.label_smoothing, true)?;
        fraction("ema-decay", self.ema_decay, true)?;
        fraction("stage-decay", self.stage_decay, false)?;
        fraction("factor", self.factor, false)?;
        let positive = |name: &str, value: f64| {
            anyhow::ensure!(value.is_finite() && value >= 0.0, "--{name} is a number, 0 or more");
            Ok(())
        };
        positive("learning-rate", self.learning_rate)?;
        positive("weight-decay", self.weight_decay)?;
        positive("clip", self.clip)?;
        positive("metric-weight", self.metric_weight)?;
        positive("distil-weight", self.distil_weight)?;
        fraction("distil-fraction", self.distil_fraction, false)?;
        positive("warmup", self.warmup)?;
        anyhow::ensure!(batch > 0 && self.shard > 0, "--batch and --shard are 1 or more");
        anyhow::ensure!(
            self.side.is_multiple_of(32) && (32..=1024).contains(&self.side),
            "--side is a multiple of 32 from 32 to 1024"
        );
        Ok(settings)
    }
}
