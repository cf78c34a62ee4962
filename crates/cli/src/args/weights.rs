//! The arguments of `lookalike weights`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use lookalike_backbone::Precision;

use crate::args::shared::{CatalogArgs, JsonArgs, OutputArgs, at_least_one};

#[derive(Subcommand)]
pub(crate) enum WeightsCommand {
    /// List known weights, and where they are on this machine
    List(ListArgs),
    /// Fetch weights into the caches that Python's tools share
    ///
    /// HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, TORCH_HOME and the usual proxy
    /// variables are honoured.
    Fetch(FetchArgs),
    /// Check weights on this machine: checksums, tensor names, shapes
    Verify(VerifyArgs),
    /// Import a downloaded file, or a checkpoint of your own
    Import(ImportArgs),
    /// Quantise a network to int8: faster, with nearly the same embeddings
    ///
    /// Calibrates on some photos of a folder or a manifest, leaving out test and validation splits. Use the
    /// file with --weights, as any other; rebuild the index with it. int8 is faster on CPUs with AVX-512
    /// VNNI. On a GPU the file computes as before.
    #[command(alias = "quantize")]
    Quantise(QuantiseArgs),
}

#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) json: JsonArgs,
}

#[derive(Args)]
pub(crate) struct FetchArgs {
    /// Names from `lookalike weights list`, or mobilenet_v3, efficientnet_lite0 to 4, resnet50, vgg19, or files of any
    /// repository: hf:OWNER/REPO, hf:OWNER/REPO@REVISION, hf:OWNER/REPO/FILE
    ///
    /// A repository's file is model.safetensors, unless another is named.
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// Names from `lookalike weights list` [default: all on this machine]
    pub(crate) names: Vec<String>,
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// A safetensors file or a PyTorch checkpoint, with tensors named as timm or torchvision name them
    pub(crate) file: PathBuf,
    /// What it is, by its name in `lookalike weights list`
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The file to write [default: in the folder where all commands look]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Its preprocessing, where that is not the network's usual one: imagenet, symmetric, inception or caffe
    #[arg(long, value_name = "NAME")]
    pub(crate) preprocess: Option<String>,
    /// The data type to store tensors in
    #[arg(long, value_enum, default_value_t = StoredAs::F32)]
    pub(crate) precision: StoredAs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StoredAs {
    /// Single precision, four bytes
    F32,
    /// Half precision, two bytes
    F16,
    /// bfloat16, two bytes: less precise than f16, with the range of f32
    Bf16,
}

impl From<StoredAs> for Precision {
    fn from(stored: StoredAs) -> Self {
        match stored {
            StoredAs::F32 => Self::F32,
            StoredAs::F16 => Self::F16,
            StoredAs::Bf16 => Self::Bf16,
        }
    }
}

#[derive(Args)]
pub(crate) struct QuantiseArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// The network's weights [default: those that a search would use]
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Number of photos to calibrate with
    #[arg(long = "photos", id = "calibration", value_name = "N", default_value_t = 256, value_parser = at_least_one)]
    pub(crate) count: usize,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
