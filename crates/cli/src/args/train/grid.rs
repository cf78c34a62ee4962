//! The arguments of `lookalike train grid`.

use clap::Args;
use lookalike_train::Settings;

use super::{ScheduleName, TrainArgs};

/// Train with every combination of some settings, and compare the runs (grid search)
///
/// Each run has its own folder in the folder of --out. Finished runs are not repeated, and a stopped one
/// resumes. grid.html and grid.json compare the runs.
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
    /// Dropout rates
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
