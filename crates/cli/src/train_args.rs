//! The arguments of `lookalike train`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lookalike_backbone::BackboneKind;
use lookalike_train::{Balance, Norms, Optimiser, Schedule, Settings, Strength};

use crate::args::CatalogArgs;

#[derive(Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// The folder of the run: checkpoint, log, the best weights
    #[arg(long, value_name = "FOLDER", default_value = "run")]
    pub(crate) out: PathBuf,
    /// Weights to begin with; without it, those that `lookalike weights list` finds
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Which network: mobilenet_v3, mobilenet_v3_minimalistic, resnet50 or vgg19
    #[arg(long, value_name = "NAME")]
    pub(crate) backbone: Option<BackboneKind>,
    /// Times that every photo is seen
    #[arg(long, default_value_t = Settings::default().epochs)]
    epochs: usize,
    /// Photos between two steps of the optimiser
    #[arg(long, default_value_t = Settings::default().batch)]
    batch: usize,
    /// Photos of a batch that one core works on together, and whose statistics are taken together
    #[arg(long, default_value_t = Settings::default().shard)]
    shard: usize,
    /// Learning rate of the classifier
    #[arg(long, default_value_t = Settings::default().rate)]
    rate: f64,
    /// The learning rate of a stage, as a share of that of the stage after it
    #[arg(long, default_value_t = Settings::default().stage_decay)]
    stage_decay: f64,
    /// Stages next to the picture that stay as they are
    #[arg(long, default_value_t = 0)]
    frozen_stages: usize,
    /// Epochs after which one more of the frozen stages is trained; 0 for never
    #[arg(long, default_value_t = 0)]
    unfreeze_every: usize,
    /// How the learning rate changes
    #[arg(long, value_enum, default_value_t = ScheduleName::Cosine)]
    schedule: ScheduleName,
    /// Epochs between two changes, of the schedule `step`
    #[arg(long, default_value_t = 8)]
    step_every: usize,
    /// Epochs without progress, of the schedule `plateau`
    #[arg(long, default_value_t = 2)]
    plateau_patience: usize,
    /// What the learning rate is multiplied by, of the schedules `step` and `plateau`
    #[arg(long, default_value_t = 0.2)]
    factor: f64,
    /// Epochs over which the learning rate rises from nothing
    #[arg(long, default_value_t = Settings::default().warmup)]
    warmup: f64,
    /// How parameters follow gradients
    #[arg(long, value_enum, default_value_t = OptimiserName::Sgd)]
    optimiser: OptimiserName,
    /// Share of a weight that a step takes away, times the learning rate
    #[arg(long, default_value_t = Settings::default().weight_decay)]
    weight_decay: f64,
    /// Longest gradient, of all parameters together; 0 for no limit
    #[arg(long, default_value_t = Settings::default().clip)]
    clip: f64,
    /// Share of an embedding's numbers that are left out, 0 to below 1
    #[arg(long, default_value_t = Settings::default().dropout)]
    dropout: f32,
    /// Share of a class's probability that is spread over all
    #[arg(long, default_value_t = Settings::default().label_smoothing)]
    label_smoothing: f64,
    /// Weight of the loss that draws embeddings of a product together; 0 for none
    #[arg(long, default_value_t = Settings::default().metric)]
    metric: f64,
    /// Weight of the loss that keeps embeddings where the network had them before, so that things other
    /// than these products still are told apart; 0 for none
    #[arg(long, default_value_t = Settings::default().distil)]
    distil: f64,
    /// Photos of other things, a folder or a manifest, that --distil keeps apart, too
    #[arg(long, value_name = "PHOTOS", requires = "distil")]
    pub(crate) others: Option<PathBuf>,
    /// The folder that the paths of --others are relative to; without it, the manifest's own
    #[arg(long, value_name = "FOLDER", requires = "others")]
    pub(crate) others_root: Option<PathBuf>,
    /// How many of --others are seen, as a share of the photos that are learned from
    #[arg(long, default_value_t = Settings::default().others)]
    others_share: f64,
    /// What batch norms do
    #[arg(long, value_enum, default_value_t = NormsName::Batch)]
    norms: NormsName,
    /// Epochs of the new classifier alone
    #[arg(long, default_value_t = Settings::default().head_epochs)]
    head_epochs: usize,
    /// What happens to training photos
    #[arg(long, value_enum, default_value_t = StrengthName::Strong)]
    augment: StrengthName,
    /// Share of the averaged weights that stays at each step; 0 for no averaging
    #[arg(long, default_value_t = Settings::default().average)]
    average: f64,
    /// How products with few photos are made up for
    #[arg(long, value_enum, default_value_t = BalanceName::None)]
    balance: BalanceName,
    /// Side of the square that photos are letterboxed into, in pixels: a multiple of 32
    #[arg(long, default_value_t = Settings::default().side)]
    side: u32,
    /// Epochs without progress on the validation photos after which training ends; 0 for never
    #[arg(long, default_value_t = 0)]
    patience: usize,
    /// Decides the order of photos and what happens to them
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ScheduleName {
    /// Not at all
    Constant,
    /// Along half a cosine to nothing
    Cosine,
    /// Times a factor every few epochs
    Step,
    /// Times a factor when the validation loss no longer falls
    Plateau,
}

#[derive(Clone, Copy, ValueEnum)]
enum OptimiserName {
    /// With Nesterov's momentum of 0.9
    Sgd,
    /// Adam with weight decay apart
    Adamw,
}

#[derive(Clone, Copy, ValueEnum)]
enum NormsName {
    /// They use the statistics they came with
    Fixed,
    /// They use each batch's; where they are folded into the convolutions, they are put back
    Batch,
}

#[derive(Clone, Copy, ValueEnum)]
enum StrengthName {
    /// Nothing
    None,
    /// Crops of half a photo and more, mild colours
    Light,
    /// Crops of a quarter and more, colours, rotation, blur, JPEG, erased rectangles
    Strong,
}

#[derive(Clone, Copy, ValueEnum)]
enum BalanceName {
    /// Not at all
    None,
    /// A product counts by the root of its photos' number
    Root,
    /// All products count the same
    Full,
}

impl TrainArgs {
    /// # Errors
    /// Numbers outside their ranges.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let settings = Settings {
            epochs: self.epochs,
            batch: self.batch,
            shard: self.shard.min(self.batch),
            rate: self.rate,
            stage_decay: self.stage_decay,
            frozen_stages: self.frozen_stages,
            unfreeze_every: self.unfreeze_every,
            schedule: match self.schedule {
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
            dropout: self.dropout,
            label_smoothing: self.label_smoothing,
            metric: self.metric,
            distil: self.distil,
            others: self.others_share,
            norms: match self.norms {
                NormsName::Fixed => Norms::Fixed,
                NormsName::Batch => Norms::Batch,
            },
            head_epochs: self.head_epochs,
            augment: match self.augment {
                StrengthName::None => Strength::None,
                StrengthName::Light => Strength::Light,
                StrengthName::Strong => Strength::Strong,
            },
            average: self.average,
            balance: match self.balance {
                BalanceName::None => Balance::None,
                BalanceName::Root => Balance::Root,
                BalanceName::Full => Balance::Full,
            },
            side: self.side,
            patience: self.patience,
            seed: self.seed,
        };
        let share = |name: &str, value: f64, below: bool| {
            let fits = (0.0..=1.0).contains(&value) && !(below && value >= 1.0);
            anyhow::ensure!(
                fits,
                "--{name} is a share from 0 to {}1",
                if below { "below " } else { "" }
            );
            Ok(())
        };
        share("dropout", f64::from(self.dropout), true)?;
        share("label-smoothing", self.label_smoothing, true)?;
        share("average", self.average, true)?;
        share("stage-decay", self.stage_decay, false)?;
        share("factor", self.factor, false)?;
        let positive = |name: &str, value: f64| {
            anyhow::ensure!(value.is_finite() && value >= 0.0, "--{name} is a number, 0 or more");
            Ok(())
        };
        positive("rate", self.rate)?;
        positive("weight-decay", self.weight_decay)?;
        positive("clip", self.clip)?;
        positive("metric", self.metric)?;
        positive("distil", self.distil)?;
        share("others-share", self.others_share, false)?;
        positive("warmup", self.warmup)?;
        anyhow::ensure!(self.batch > 0 && self.shard > 0, "--batch and --shard are 1 or more");
        anyhow::ensure!(
            self.side.is_multiple_of(32) && (32..=1024).contains(&self.side),
            "--side is a multiple of 32 from 32 to 1024"
        );
        Ok(settings)
    }
}
