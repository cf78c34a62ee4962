use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use lookalike_backbone::{BackboneError, Device, DeviceName, Dtype, Precision};
use lookalike_catalog::Split;
use lookalike_engine::{BuildOptions, Home, Views};

use crate::curate_args::{CurateArgs, SplitArgs};
use crate::exit;
use crate::items_args::ItemsEvalArgs;
use crate::model::Backbones;
use crate::search_args::{SearchArgs, SimilarArgs};
use crate::serve_args::ServeArgs;
use crate::train_args::TrainCommand;

/// Photograph a thing, get the shop's product: visual search over customers' review photos
#[derive(Parser)]
#[command(name = "lookalike", version, after_help = exit::HELP, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Draw a made-up shop, index it, and search for one of its photos: needs nothing but this program
    Demo(DemoArgs),
    /// Build an index of photos, or look at one
    #[command(subcommand)]
    Index(IndexCommand),
    /// Name the products most like a photo
    Search(SearchArgs),
    /// Name the products most like one of the index's products
    Similar(SimilarArgs),
    /// Measure how often the right product is named first, or among the first three
    Eval(EvalArgs),
    /// Choose photos: keep or drop each, with a reason
    ///
    /// Blurred, dark, blown-out and tiny photos, pictures of text and copies are dropped. Nothing is deleted:
    /// what is kept is written as a manifest.
    Curate(Box<CurateArgs>),
    /// Split a catalogue into train, val and test, with no photo's copy on another side
    Split(Box<SplitArgs>),
    /// Write the embeddings of photos, for other tools
    Embed(EmbedArgs),
    /// Fine-tune a network on a catalogue's products
    ///
    /// Photos of the split `train` are trained on; those of `val`, or every tenth of a catalogue
    /// without splits, choose the best epoch. Ctrl-C stops after the step that is under way; the same
    /// command goes on from there.
    Train(TrainCommand),
    /// List, fetch, verify and import the weights of networks
    #[command(subcommand)]
    Weights(WeightsCommand),
    /// Answer over HTTP, with a page for shoppers and an API
    ///
    /// The page is at /, the API's documentation at /docs. Every setting can also come from the
    /// environment or from a TOML file; flags win over the environment, and that over the file.
    Serve(Box<ServeArgs>),
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
    /// Put a folder's or a manifest's photos and products into an index
    ///
    /// Photos that are there already stay; cards of products that are there are replaced.
    Add(PutArgs),
    /// Make an index hold what a folder or a manifest holds: what is new is added, what is gone goes
    Update(PutArgs),
    /// Take products, with all their photos, or single photos out of an index
    Remove(RemoveArgs),
    /// Build an index's graph anew, and forget embeddings of photos that are no longer in it
    Compact(CompactArgs),
    /// Say what an index holds and what made it
    Info(IndexArgs),
    /// Check an index thoroughly
    Verify(IndexArgs),
}

/// Where embeddings come from.
#[derive(Args)]
pub(crate) struct ModelArgs {
    /// Weights of a network (safetensors or a PyTorch checkpoint), or a folder that holds them; again
    /// for each of several networks
    ///
    /// Without it: the files that the index was built with; else what is in the folder named by the
    /// environment variable LOOKALIKE_WEIGHTS or was imported; else, for --backbone, what was fetched, and
    /// otherwise the weights that are part of the program, which `bundled` names.
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Vec<PathBuf>,
    /// Which network: mobilenet_v3, resnet50 or vgg19; several, separated by commas, put their
    /// embeddings side by side, each with the share behind an equals sign (mobilenet_v3=2,resnet50);
    /// all is all three
    #[arg(long, value_name = "NAMES")]
    pub(crate) backbone: Option<Backbones>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// What networks compute on, and with.
#[derive(Args)]
pub(crate) struct DeviceArgs {
    /// What to compute on: cpu, cuda or cuda:N (an NVIDIA GPU, counted from 0), or auto: a GPU, if the
    /// program was built for one (`--features cuda`) and one answers
    #[arg(long = "device", id = "device", value_name = "DEVICE", default_value_t = DeviceName::Auto)]
    pub(crate) name: DeviceName,
    /// Data type that a GPU computes with: f32, tf32 (f32, multiplied with 19 bits), bf16 or f16
    #[arg(long, alias = "arithmetic", value_name = "DTYPE", default_value_t = Dtype::F32)]
    pub(crate) dtype: Dtype,
}

impl DeviceArgs {
    /// Opens the device. Says which, where that is a GPU, and why it is the CPU, where the program could
    /// have used a GPU.
    pub(crate) fn open(&self) -> Result<Device, BackboneError> {
        let device = Device::open(self.name, self.dtype)?;
        if !device.is_cpu() {
            eprintln!("computing on {device}");
        } else if self.name == DeviceName::Auto
            && let Err(error @ BackboneError::NoDevice { .. }) =
                Device::open(DeviceName::Cuda(0), self.dtype)
        {
            eprintln!("computing on {device}: {error}");
        }
        Ok(device)
    }
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

/// Where an index is.
#[derive(Args, Clone)]
pub(crate) struct HomeArgs {
    /// The folder of the index
    #[arg(long, value_name = "FOLDER", default_value = "index")]
    pub(crate) index: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Args, Clone, Default)]
pub(crate) struct StoreArgs {
    /// The store that has the index in place of the folder: postgres://USER:PASSWORD@HOST/DATABASE or
    /// qdrant://HOST:6334/COLLECTION; the folder then keeps what a later build need not do again
    ///
    /// With a password better set in the environment: other users of the machine see a process's flags.
    #[arg(long, value_name = "ADDRESS", env = "LOOKALIKE_STORE", hide_env_values = true)]
    pub(crate) store: Option<String>,
}

impl HomeArgs {
    /// # Errors
    /// As [`StoreArgs::home`].
    pub(crate) fn home(&self) -> anyhow::Result<Home> {
        self.store.home(&self.index)
    }
}

impl StoreArgs {
    /// The store, or else a folder.
    ///
    /// # Errors
    /// An address that is none, or a program without stores.
    pub(crate) fn home(&self, folder: &Path) -> anyhow::Result<Home> {
        match &self.store {
            None => Ok(Home::Folder(folder.to_owned())),
            #[cfg(feature = "stores")]
            Some(address) => Ok(Home::Store(lookalike_stores::open(address)?)),
            #[cfg(not(feature = "stores"))]
            Some(_) => anyhow::bail!(
                "this program was built without stores: build it with \
                 `cargo build --release --features stores`, or leave out --store"
            ),
        }
    }
}

/// What goes into an index, and how.
#[derive(Args)]
pub(crate) struct IntoArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// Splits to index, separated by commas; photos without a split always are
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "train")]
    pub(crate) split: Vec<Split>,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Print what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) what: IntoArgs,
    /// The folder to put the index into
    #[arg(long, value_name = "FOLDER", default_value = "index")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Directions that are kept of each network's embeddings, after those in which photos of one product
    /// differ are made to count less; 0 to keep embeddings as they are but for their mean
    #[arg(long, value_name = "N", default_value_t = BuildOptions::default().directions)]
    pub(crate) directions: usize,
}

#[derive(Args)]
pub(crate) struct IndexArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// The folder for the shop, its index and the answer's page
    #[arg(long, value_name = "FOLDER", default_value = "demo")]
    pub(crate) out: PathBuf,
    /// How many photos of the shop's 54 products to draw
    #[arg(long, value_name = "N", default_value_t = 648)]
    pub(crate) photos: u32,
    /// Pixels of a photo's longer side
    #[arg(long, value_name = "PIXELS", default_value_t = 256)]
    pub(crate) side: u32,
    /// Another shop for another number
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct PutArgs {
    #[command(flatten)]
    pub(crate) what: IntoArgs,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct RemoveArgs {
    /// The id of a product; again for each of several
    #[arg(long, value_name = "ID", group = "what")]
    pub(crate) product: Vec<String>,
    /// A photo's path, as the index or the file system has it; again for each of several
    #[arg(long, value_name = "PATH", group = "what")]
    pub(crate) photo: Vec<String>,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Print what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct CompactArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Print what the index then is as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// Photos of things that are not sold, a folder or a manifest: how well are they told apart?
    #[arg(long, value_name = "PHOTOS")]
    pub(crate) unsold: Option<PathBuf>,
    /// The folder that the paths of --unsold are relative to; without it, the manifest's own
    #[arg(long, value_name = "FOLDER", requires = "unsold")]
    pub(crate) unsold_root: Option<PathBuf>,
    /// The split to measure on
    #[arg(long, value_name = "NAME", default_value = "test")]
    pub(crate) split: Split,
    /// What of each photo is looked at; see `lookalike search --help`
    #[arg(long, value_name = "VIEWS", default_value_t)]
    pub(crate) views: Views,
    /// Measure what a search does not do, too: other ways of ranking by the nearest photos, and other views
    #[arg(long)]
    pub(crate) variants: bool,
    #[command(flatten)]
    pub(crate) items: ItemsEvalArgs,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Also write report.html, with plots and the worst pairs of products, and report.json into a
    /// folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) report: Option<PathBuf>,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct EmbedArgs {
    /// Photos, and folders of photos
    #[arg(required = true)]
    pub(crate) photos: Vec<PathBuf>,
    /// The file to write: .npy (the photos' names beside it, in .npy.json), .safetensors or .jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Scale each embedding to length 1
    #[arg(long)]
    pub(crate) normalise: bool,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Subcommand)]
pub(crate) enum WeightsCommand {
    /// Say which weights there are, and where they are on this machine
    List(ListArgs),
    /// Fetch weights into the caches that Python's tools use, too
    ///
    /// HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, TORCH_HOME and the usual proxy
    /// variables are honoured.
    Fetch(FetchArgs),
    /// Check the weights that are here: checksums, names, shapes
    Verify(VerifyArgs),
    /// Take in a file fetched elsewhere, or a checkpoint of your own
    Import(ImportArgs),
    /// Write a network down that computes with bytes: faster, and nearly the same
    ///
    /// It looks at some of the photos of a folder or a manifest, those of test and validation splits left out, to
    /// choose what bytes stand for. Use the file with --weights, as any other; an index has to be built with
    /// it. Bytes need a processor with AVX-512 VNNI to be faster; on a card the file computes as it did.
    Quantise(QuantiseArgs),
}

#[derive(Args)]
pub(crate) struct QuantiseArgs {
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
    /// The network's weights; without it, those that a search would use
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// How many photos to look at
    #[arg(long = "photos", id = "looked_at", value_name = "N", default_value_t = 256, value_parser = at_least_one)]
    pub(crate) count: usize,
    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct FetchArgs {
    /// Names from `lookalike weights list`, or mobilenet_v3, resnet50, vgg19
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    /// Print what was fetched as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// Names from `lookalike weights list`; without any, all that are here
    pub(crate) names: Vec<String>,
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// A safetensors file or a PyTorch checkpoint, named as timm or torchvision name tensors
    pub(crate) file: PathBuf,
    /// What it is, by its name in `lookalike weights list`
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where to write it; without it, where all commands find it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How photos are prepared for it, where that is not as usual for its network: imagenet, symmetric
    /// or caffe
    #[arg(long, value_name = "NAME")]
    pub(crate) preprocess: Option<String>,
    /// How numbers are stored
    #[arg(long, value_enum, default_value_t = StoredAs::F32)]
    pub(crate) precision: StoredAs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StoredAs {
    /// Four bytes a number
    F32,
    /// Two bytes, three digits
    F16,
    /// Two bytes, two digits, a wide range
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

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number >= 1 => Ok(number),
        _ => Err("must be a whole number, 1 or more".to_owned()),
    }
}
