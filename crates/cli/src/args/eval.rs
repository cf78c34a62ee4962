//! The arguments of `lookalike eval`.

use std::path::PathBuf;

use clap::Args;
use lookalike_catalog::Split;
use lookalike_engine::Views;

use crate::args::objects::DetectorArgs;
use crate::args::shared::{CatalogArgs, IndexLocationArgs, ModelArgs, OutputArgs, UnsoldArgs};

#[derive(Args)]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    #[command(flatten)]
    pub(crate) unsold: UnsoldArgs,
    /// The split to measure on
    #[arg(long, value_name = "NAME", default_value = "test")]
    pub(crate) split: Split,
    /// Test-time augmentation; see `lookalike search --help`
    #[arg(long, value_name = "VIEWS", default_value_t)]
    pub(crate) views: Views,
    /// Also measure alternatives to the search: other ways to rank by the nearest photos, and other views
    #[arg(long)]
    pub(crate) variants: bool,
    /// Compare networks instead of measuring an index: names as for --backbone, weights files, or `bundled`,
    /// separated by commas
    ///
    /// For each, an index of the photos of the split train, and of those without a split, is built, measured and thrown
    /// away. One table has accuracy, confidence, time and size.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        conflicts_with_all = ["backbone", "report", "variants", "objects", "annotations", "boxes"]
    )]
    pub(crate) networks: Vec<String>,
    #[command(flatten)]
    pub(crate) objects: ObjectsEvalArgs,
    #[command(flatten)]
    pub(crate) location: IndexLocationArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Also write report.html, with plots and the most confused pairs of products, and report.json into a
    /// folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What is measured of several objects in one photo.
#[derive(Args)]
pub(crate) struct ObjectsEvalArgs {
    /// Also measure detection and search of several objects in one photo, on N composites of 2 to 6 photos
    /// of the split
    #[arg(long, alias = "items", value_name = "N", default_value_t = 0)]
    pub(crate) objects: u64,
    /// Seed of the composites
    #[arg(long, alias = "items-seed", value_name = "N", default_value_t = 1)]
    pub(crate) objects_seed: u64,
    /// Also measure that on annotated photos of several products: lines of JSON,
    /// {"photo": "a.jpg", "annotations": [{"product": "chair", "bbox": {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}}]}
    #[arg(long, alias = "shown", value_name = "FILE")]
    pub(crate) annotations: Option<PathBuf>,
    /// Also measure detection on photos with boxes in YOLO's text format: a folder of images/ and labels/
    #[arg(long, value_name = "FOLDER")]
    pub(crate) boxes: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) detector: DetectorArgs,
}

impl ObjectsEvalArgs {
    /// Whether there is anything to measure.
    pub(crate) fn are_asked_for(&self) -> bool {
        self.objects > 0 || self.annotations.is_some() || self.boxes.is_some()
    }
}
