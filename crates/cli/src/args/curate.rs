//! The arguments of `lookalike curate`, and what `lookalike split` shares with it.

use std::path::PathBuf;

use clap::Args;
use lookalike_curate::{NearDuplicateThresholds, Thresholds};

use crate::args::shared::{CatalogArgs, OutputArgs};

/// What measures photos, and which pairs are near-duplicates.
#[derive(Args)]
pub(crate) struct MeasureArgs {
    /// Weights of the network that detects objects and confirms near-duplicates [default: those that a
    /// search would use]
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Measure pixels alone, without a network: detects no objects, and only closer near-duplicates
    #[arg(long, alias = "by-pixels", conflicts_with = "weights")]
    pub(crate) pixels_only: bool,
    /// Largest Hamming distance of near-duplicates' perceptual hashes, of 64 bits [default: 5 to curate; 10
    /// to split, which also keeps photos of one moment together]
    #[arg(long, alias = "copy-distance", value_name = "BITS", value_parser = clap::value_parser!(u32).range(0..=15))]
    duplicate_distance: Option<u32>,
    /// Smallest cosine similarity of near-duplicates' embeddings, up to 1 [default: 0.85 to curate, 0.8 to
    /// split]
    #[arg(long, alias = "copy-similarity", value_name = "COSINE")]
    duplicate_similarity: Option<f32>,
}

impl MeasureArgs {
    pub(crate) fn same(&self, usual: NearDuplicateThresholds) -> NearDuplicateThresholds {
        NearDuplicateThresholds {
            max_hamming: self.duplicate_distance.unwrap_or(usual.max_hamming),
            min_cosine: self.duplicate_similarity.unwrap_or(usual.min_cosine),
            max_hamming_without_embedding: self
                .duplicate_distance
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
    /// A person's decisions, which override all others: JSON Lines like
    /// {"photo": "chairs/1.jpg", "decision": "keep"}, or CSV with these columns
    ///
    /// They are added to overrides.jsonl in the folder of --out, which later runs read, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) overrides: Option<PathBuf>,
    /// Smallest shorter side, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = Thresholds::default().min_side)]
    min_side: u32,
    /// Smallest sharpness: variance of the Laplacian; decisions.jsonl has that of every photo
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().min_sharpness)]
    min_sharpness: f64,
    /// Smallest 95th percentile of the luminance, 0 for black to 1 for white
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().min_highlights)]
    min_highlights: f64,
    /// Largest 5th percentile of the luminance
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().max_shadows)]
    max_shadows: f64,
    /// Largest likeness to a picture of text, 0 to 1
    #[arg(long, value_name = "N", default_value_t = Thresholds::default().max_text_score)]
    max_text: f64,
    /// Smallest fraction of the photo that objects cover, 0 to 1; 0 for any
    #[arg(long, alias = "min-share", value_name = "FRACTION", default_value_t = Thresholds::default().min_object_area)]
    min_object_area: f64,
    /// Largest number of separate objects; 0 for any number
    #[arg(long, alias = "max-products", value_name = "N", default_value_t = Thresholds::default().max_objects)]
    max_objects: usize,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl CurateArgs {
    pub(crate) fn limits(&self) -> Thresholds {
        Thresholds {
            min_side: self.min_side,
            min_sharpness: self.min_sharpness,
            min_highlights: self.min_highlights,
            max_shadows: self.max_shadows,
            max_text_score: self.max_text,
            min_object_area: self.min_object_area,
            max_objects: self.max_objects,
            near_duplicates: self.measure.same(NearDuplicateThresholds::COPIES),
        }
    }
}
