//! The arguments of `lookalike split`.

use std::path::PathBuf;

use clap::Args;
use lookalike_curate::{NearDuplicateThresholds, SplitSettings};

use crate::args::curate::MeasureArgs;
use crate::args::shared::{CatalogArgs, OutputArgs};

#[derive(Args)]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// The manifest to write
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) out: PathBuf,
    /// Fraction of photos for validation, 0 to below 1
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1)]
    val: f64,
    /// Fraction of photos for testing, 0 to below 1
    #[arg(long, value_name = "FRACTION", default_value_t = 0.2)]
    test: f64,
    /// Seed of the random split
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Also keep photos with the same value together: of a column of the manifest, or of the groups that a
    /// regular expression matches in their paths
    #[arg(long, value_name = "COLUMN|REGEX")]
    pub(crate) group_by: Option<String>,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl SplitArgs {
    pub(crate) fn settings(&self) -> SplitSettings {
        SplitSettings {
            val: self.val,
            test: self.test,
            seed: self.seed,
            group_by: None,
            near_duplicates: self.measure.same(NearDuplicateThresholds::SAME_SCENE),
        }
    }
}
