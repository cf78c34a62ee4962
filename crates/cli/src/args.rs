use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lookalike_backbone::BackboneKind;
use lookalike_catalog::Split;

use crate::exit;

/// Photograph a thing, get the shop's product: visual search over customers' review photos
#[derive(Parser)]
#[command(name = "lookalike", version, after_help = exit::HELP, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Build an index of photos, or look at one
    #[command(subcommand)]
    Index(IndexCommand),
    /// Name the products most like a photo
    Search(SearchArgs),
    /// Measure how often the right product is named first, or among the first three
    Eval(EvalArgs),
    /// Answer over HTTP: POST /v1/similar, GET /healthz
    Serve(ServeArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand)]
pub(crate) enum IndexCommand {
    /// Build an index of a folder of photos or of a manifest's
    Build(BuildArgs),
    /// Say what an index holds and what made it
    Info(IndexArgs),
    /// Check an index thoroughly
    Verify(IndexArgs),
}

/// Where embeddings come from.
#[derive(Args)]
pub(crate) struct ModelArgs {
    /// Weights of the network (safetensors), or a folder that holds them
    ///
    /// Without it: the file that the index was built with, else one of the known files in the folder
    /// named by the environment variable LOOKALIKE_WEIGHTS.
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Which network, where a folder holds several: mobilenet_v3 or mobilenet_v3_minimalistic
    #[arg(long, value_name = "NAME")]
    pub(crate) backbone: Option<BackboneKind>,
    /// What to compute on
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    pub(crate) device: Device,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Device {
    /// All cores of the processor
    Cpu,
}

/// Which photos.
#[derive(Args)]
pub(crate) struct CatalogArgs {
    /// A folder with one folder of photos per product, or a .jsonl or .csv manifest
    #[arg(value_name = "PHOTOS")]
    pub(crate) photos: PathBuf,
    /// The folder that a manifest's paths are relative to; without it, the manifest's own
    #[arg(long, value_name = "FOLDER")]
    pub(crate) root: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// The folder to put the index into
    #[arg(long, value_name = "FOLDER", default_value = "index")]
    pub(crate) out: PathBuf,
    /// Splits to index, separated by commas; photos without a split always are
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "train")]
    pub(crate) split: Vec<Split>,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Print the build's report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct IndexArgs {
    /// The folder of the index
    #[arg(long, value_name = "FOLDER", default_value = "index")]
    pub(crate) index: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct SearchArgs {
    /// The photo
    pub(crate) photo: PathBuf,
    /// The folder of the index
    #[arg(long, value_name = "FOLDER", default_value = "index")]
    pub(crate) index: PathBuf,
    /// How many products to name
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    pub(crate) top: usize,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write the answer as a page with all pictures in it
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Args)]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// The split to measure on
    #[arg(long, value_name = "NAME", default_value = "test")]
    pub(crate) split: Split,
    /// The folder of the index
    #[arg(long, value_name = "FOLDER", default_value = "index")]
    pub(crate) index: PathBuf,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// The folder of the index
    #[arg(long, value_name = "FOLDER", default_value = "index")]
    pub(crate) index: PathBuf,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) addr: SocketAddr,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number >= 1 => Ok(number),
        _ => Err("must be a whole number, 1 or more".to_owned()),
    }
}
