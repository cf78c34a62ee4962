//! The arguments of `lookalike index`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lookalike_catalog::{Catalog, CatalogError, CataloguePictures, Split};
use lookalike_engine::{BuildOptions, Index};
use lookalike_vectors::GraphBuilder;

use crate::args::shared::{
    CatalogArgs, IndexLocationArgs, JsonArgs, ModelArgs, OutputArgs, StoreArgs, UnsoldArgs,
};
use crate::web_photos;

#[derive(Subcommand)]
pub(crate) enum IndexCommand {
    /// Build an index from a folder of photos or from a manifest
    Build(BuildArgs),
    /// Add a folder's or a manifest's photos and products to an index
    ///
    /// Photos that are indexed already stay; their products' cards are replaced.
    Add(UpsertArgs),
    /// Bring an index in line with a folder or a manifest: add what is new, remove what is gone
    Update(UpsertArgs),
    /// Remove products, with all their photos, or single photos from an index
    Remove(RemoveArgs),
    /// Rebuild an index's graph, and drop cached embeddings of photos that are no longer in it
    Compact(CompactArgs),
    /// Calibrate an index's confidence on photos that were really searched for, without a rebuild
    ///
    /// Shows how far verdicts on these photos can be trusted before, and after by what the other photos taught
    /// (5-fold cross-validation). A new calibration replaces the one before; a rebuild forgets it.
    Calibrate(CalibrateArgs),
    /// Show what an index holds, and which networks and settings built it
    Info(IndexArgs),
    /// Check an index: does a search find its own photos, with which recall, are files missing
    Verify(IndexArgs),
}

/// What goes into an index, and how.
#[derive(Args)]
pub(crate) struct IntoArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// Index the products' catalogue pictures, too: the column `image` of a manifest [default: as the index has
    /// it]
    #[arg(long, conflicts_with = "only_catalogue_pictures")]
    with_catalogue_pictures: bool,
    /// Index the catalogue pictures, and no other photos
    #[arg(long)]
    only_catalogue_pictures: bool,
    /// Splits to index, separated by commas; photos without a split are always indexed
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "train")]
    pub(crate) split: Vec<Split>,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl IntoArgs {
    /// Reads the catalogue, with its pictures if they are asked for, or else as in an index.
    pub(crate) fn catalogue(&self, index: Option<&Index>) -> Result<Catalog, CatalogError> {
        let asked_for = match (self.with_catalogue_pictures, self.only_catalogue_pictures) {
            (true, _) => Some(CataloguePictures::Along),
            (_, true) => Some(CataloguePictures::Only),
            _ => None,
        };
        let pictures = asked_for.or(index.map(Index::catalogue_pictures)).unwrap_or_default();
        let mut catalog = self.catalog.open(pictures, self.output.quiet());
        if let Ok(known) = &mut catalog
            && asked_for.is_none()
            && known.photos.is_empty()
            && known.has_pictures()
        {
            eprintln!("there are no customers' photos in it: its catalogue pictures are indexed");
            *known = std::mem::take(known).with_catalogue_pictures(CataloguePictures::Only);
            web_photos::fetch(known, self.output.quiet());
        }
        if asked_for.is_some() && catalog.as_ref().is_ok_and(|catalog| !catalog.has_pictures()) {
            return Err(CatalogError::NoCataloguePictures { path: self.catalog.photos.clone() });
        }
        catalog
    }
}

#[derive(Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) what: IntoArgs,
    /// The folder to write the index to
    #[arg(long, value_name = "FOLDER", default_value = "index")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Dimensions to keep of each network's embeddings after within-class covariance normalisation
    /// (WCCN); 0 only subtracts the mean
    #[arg(long, alias = "directions", value_name = "N", default_value_t = BuildOptions::default().dims)]
    pub(crate) dims: usize,
    /// What builds the HNSW graph: batched (as ParlayANN; the same graph on any number of cores) or hnsw-rs (the
    /// crate hnsw_rs)
    #[arg(long, value_name = "NAME", default_value_t = GraphBuilder::default())]
    pub(crate) graph_builder: GraphBuilder,
}

#[derive(Args)]
pub(crate) struct UpsertArgs {
    #[command(flatten)]
    pub(crate) what: IntoArgs,
    #[command(flatten)]
    pub(crate) location: IndexLocationArgs,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct RemoveArgs {
    /// The id of a product; repeat for several
    #[arg(long, value_name = "ID", group = "what")]
    pub(crate) product: Vec<String>,
    /// A photo's path, as in the index or in the file system; repeat for several
    #[arg(long, value_name = "PATH", group = "what")]
    pub(crate) photo: Vec<String>,
    #[command(flatten)]
    pub(crate) location: IndexLocationArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args)]
pub(crate) struct CompactArgs {
    #[command(flatten)]
    pub(crate) location: IndexLocationArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args)]
pub(crate) struct CalibrateArgs {
    /// Photos that were searched for: a folder with one folder per product, or a .jsonl or .csv manifest
    #[arg(value_name = "QUERIES", required_unless_present = "feedback")]
    pub(crate) queries: Option<PathBuf>,
    /// The folder that a manifest's paths are relative to [default: the manifest's own]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) root: Option<PathBuf>,
    /// Calibrate on the feedback that a server collected in the index's folder (`serve --feedback`), too
    #[arg(long)]
    pub(crate) feedback: bool,
    #[command(flatten)]
    pub(crate) unsold: UnsoldArgs,
    /// Splits to calibrate on, separated by commas [default: all photos that are not in the index]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) split: Vec<Split>,
    #[command(flatten)]
    pub(crate) location: IndexLocationArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Also write the reliability plot, before and after, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args)]
pub(crate) struct IndexArgs {
    #[command(flatten)]
    pub(crate) location: IndexLocationArgs,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}
