//! The arguments of `lookalike curate` and `lookalike split`.

use std::path::PathBuf;

use clap::Args;
use lookalike_curate::{NearDuplicateThresholds, SplitSettings, Thresholds};

use crate::args::CatalogArgs;

/// What looks at photos, and when two are the same.
#[derive(Args)]
pub(crate) struct LookArgs {
    /// Weights of the network that finds things and confirms copies; without it, those that `lookalike
    /// weights list` finds
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Look at pixels alone, without a network: things are not found, and only closer copies are
    #[arg(long, conflicts_with = "weights")]
    pub(crate) by_pixels: bool,
    /// Most bits, of 64, in which the hashes of copies differ; without it, 5 for choosing, and 10 for
    /// splitting, where photos of one moment stay together, too
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(0..=15))]
    copy_distance: Option<u32>,
    /// Least similarity of the embeddings of copies, up to 1; without it, 0.85 for choosing and 0.8 for
    /// splitting
    #[arg(long, value_name = "COSINE")]
    copy_similarity: Option<f32>,
}

impl LookArgs {
    fn same(&self, usual: NearDuplicateThresholds) -> NearDuplicateThresholds {
        NearDuplicateThresholds {
            max_hamming: self.copy_distance.unwrap_or(usual.max_hamming),
            min_cosine: self.copy_similarity.unwrap_or(usual.min_cosine),
            max_hamming_without_embedding: self
                .copy_distance
                .unwrap_or(usual.max_hamming_without_embedding),
        }
    }
}

#[derive(Args)]
pub(crate) struct CurateArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// The folder to write decisions.jsonl, sheet.html and catalog.jsonl into
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// A person's decisions, which win: JSON Lines like {"photo": "chairs/1.jpg", "decision": "keep"},
    /// or CSV with these columns
    ///
    /// They are added to overrides.jsonl in the folder of --out, which counts in later runs, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) overrides: Option<PathBuf>,
    /// Least pixels of a photo's shorter side
    #[arg(long, value_name = "PIXELS", default_value_t = Thresholds::default().min_side)]
    min_side: u32,
    /// Least sharpness; decisions.jsonl has that of every photo
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().min_sharpness)]
    min_sharpness: f64,
    /// How light, 0 for black to 1 for white, the lightest twentieth of a photo must be
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().min_highlights)]
    min_highlights: f64,
    /// How light the darkest twentieth of a photo may be
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().max_shadows)]
    max_shadows: f64,
    /// How much a photo may look like a picture of text, 0 to 1
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().max_text_score)]
    max_text: f64,
    /// Least of a photo, 0 to 1, that things must seem to fill; 0 for any
    #[arg(long, value_name = "SHARE", default_value_t = Thresholds::default().min_object_area)]
    min_share: f64,
    /// Most things that may seem to stand apart; 0 for any number
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().max_objects)]
    max_products: usize,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Print the counts as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl CurateArgs {
    pub(crate) fn limits(&self) -> Thresholds {
        Thresholds {
            min_side: self.min_side,
            min_sharpness: self.min_sharpness,
            min_highlights: self.min_highlights,
            max_shadows: self.max_shadows,
            max_text_score: self.max_text,
            min_object_area: self.min_share,
            max_objects: self.max_products,
            near_duplicates: self.look.same(NearDuplicateThresholds::COPIES),
        }
    }
}

#[derive(Args)]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// The manifest to write
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) out: PathBuf,
    /// Share of photos to choose settings with, 0 to below 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    val: f64,
    /// Share of photos to measure with, 0 to below 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    test: f64,
    /// Another number gives another split, the same one the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also keep photos together that have this in common: a column of the manifest, or what the groups
    /// of a regular expression match in their paths
    #[arg(long, value_name = "COLUMN|REGEX")]
    pub(crate) group_by: Option<String>,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Print the counts as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl SplitArgs {
    pub(crate) fn settings(&self) -> SplitSettings {
        SplitSettings {
            val: self.val,
            test: self.test,
            seed: self.seed,
            group_by: None,
            near_duplicates: self.look.same(NearDuplicateThresholds::SAME_SCENE),
        }
    }
}
