//! The arguments of `lookalike demo`.

use std::path::PathBuf;

use clap::Args;

use crate::args::shared::{ModelArgs, OutputArgs};

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// The folder for the shop, its index and the page with the answer
    #[arg(long, value_name = "FOLDER", default_value = "demo")]
    pub(crate) out: PathBuf,
    /// Number of photos to draw, of 54 products
    #[arg(long, value_name = "N", default_value_t = 648)]
    pub(crate) photos: u32,
    /// Longer side of each photo, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 256)]
    pub(crate) side: u32,
    /// Seed of the random shop
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
