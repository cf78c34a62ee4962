//! The arguments of `lookalike train`.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use lookalike_backbone::BackboneKind;
use lookalike_train::{Balance, Norms, Optimiser, Schedule, Settings, Strength};

use crate::args::{CatalogArgs, DeviceArgs};

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

/// Train with every combination of some settings, and compare
///
/// Each run has a folder of its own in the folder that --out names; runs that are done are not
/// repeated, and one that was stopped goes on. grid.html and grid.json compare them.
#[derive(Args)]
#[command(mut_arg("batch", |arg| arg.hide(true)), mut_arg("dropout", |arg| arg.hide(true)))]
#[command(mut_arg("schedule", |arg| arg.hide(true)))]
pub(crate) struct GridArgs {
    #[command(flatten)]
    pub(crate) common: TrainArgs,
    /// Batch sizes
    #[arg(long, value_delimiter = ',', default_value = "64,128,256", conflicts_with = "batch")]
    batches: Vec<usize>,
    /// Schedules
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "step,plateau",
        conflicts_with = "schedule"
    )]
    schedules: Vec<ScheduleName>,
    /// Shares of dropout
    #[arg(long, value_delimiter = ',', default_value = "0,0.3", conflicts_with = "dropout")]
    dropouts: Vec<f32>,
}

impl GridArgs {
    /// The names of what the runs differ in, as [`GridRun::differs`] has them.
    pub(crate) const COLUMNS: [&str; 3] = ["Batch", "Schedule", "Dropout"];

    /// Every combination once, in the order given.
    ///
    /// # Errors
    /// Numbers outside their ranges.
    pub(crate) fn runs(&self) -> anyhow::Result<Vec<GridRun>> {
        let mut runs: Vec<GridRun> = Vec::new();
        for &batch in &self.batches {
            for &schedule in &self.schedules {
                for &dropout in &self.dropouts {
                    let settings = self.common.settings_with(batch, schedule, dropout)?;
                    let schedule = schedule.name();
                    let differs = [batch.to_string(), schedule, dropout.to_string()];
                    if runs.iter().all(|run| run.differs != differs) {
                        runs.push(GridRun { differs, settings });
                    }
                }
            }
        }
        Ok(runs)
    }
}

/// One run of a grid.
pub(crate) struct GridRun {
    pub(crate) differs: [String; 3],
    pub(crate) settings: Settings,
}

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
    /// Weights that were trained on the same products, of any network, whose opinion of every photo is
    /// learned, too: a good one helps a network that begins with little
    #[arg(long, value_name = "FILE")]
    pub(crate) tutor: Option<PathBuf>,
    /// Weight of the loss that draws the classifier towards the tutor's opinion
    #[arg(long, default_value_t = Settings::default().tutor, requires = "tutor")]
    tutor_weight: f64,
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
    /// How photos are prepared, where the weights do not say it: imagenet, symmetric or caffe
    #[arg(long, value_name = "NAME")]
    preprocess: Option<String>,
    /// Epochs without progress on the validation photos after which training ends; 0 for never
    #[arg(long, default_value_t = 0)]
    patience: usize,
    /// Decides the order of photos and what happens to them
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
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

impl ScheduleName {
    /// As on the command line.
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
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
            rate: self.rate,
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
            metric: self.metric,
            tutor: self.tutor_weight,
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
            preprocess: self.preprocess.clone(),
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
        share("dropout", f64::from(dropout), true)?;
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
        anyhow::ensure!(batch > 0 && self.shard > 0, "--batch and --shard are 1 or more");
        anyhow::ensure!(
            self.side.is_multiple_of(32) && (32..=1024).contains(&self.side),
            "--side is a multiple of 32 from 32 to 1024"
        );
        Ok(settings)
    }
}
