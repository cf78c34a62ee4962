//! The arguments of `lookalike embed`.

use std::path::PathBuf;

use clap::Args;

use crate::args::shared::{ModelArgs, QuietArgs};

#[derive(Args)]
pub(crate) struct EmbedArgs {
    /// Photos, and folders of photos
    #[arg(required = true)]
    pub(crate) photos: Vec<PathBuf>,
    /// The file to write: .npy (with the photos' paths in .npy.json beside it), .safetensors or .jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Scale each embedding to unit length (L2)
    #[arg(long, alias = "normalize")]
    pub(crate) normalise: bool,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) progress: QuietArgs,
}
