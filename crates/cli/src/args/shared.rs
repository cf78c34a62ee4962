//! Arguments that several commands have.

use std::path::{Path, PathBuf};

use clap::Args;
use lookalike_backbone::{BackboneError, Device, DeviceName, Dtype};
use lookalike_catalog::{Catalog, CatalogError, CataloguePictures, OpenOptions};
use lookalike_engine::IndexLocation;

use crate::args::backbones::Backbones;
use crate::web_photos;

/// How a command reports what it did.
#[derive(Args)]
pub(crate) struct OutputArgs {
    #[command(flatten)]
    pub(crate) format: JsonArgs,
    #[command(flatten)]
    pub(crate) progress: QuietArgs,
}

impl OutputArgs {
    pub(crate) fn json(&self) -> bool {
        self.format.json
    }

    pub(crate) fn quiet(&self) -> bool {
        self.progress.quiet
    }
}

/// In which form a result is printed.
#[derive(Args)]
pub(crate) struct JsonArgs {
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whether progress is shown.
#[derive(Args)]
pub(crate) struct QuietArgs {
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Which photos.
#[derive(Args)]
pub(crate) struct CatalogArgs {
    /// A folder with one folder of photos per product, a .jsonl or .csv manifest, or a product feed
    #[arg(value_name = "PHOTOS")]
    pub(crate) photos: PathBuf,
    /// The folder that a manifest's paths are relative to [default: the manifest's own]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) root: Option<PathBuf>,
    /// Go on without the lines of a manifest that are wrong; they are listed with the photos that were skipped
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
}

impl CatalogArgs {
    /// Reads the catalogue: [`web_photos::open_catalogue`].
    ///
    /// # Errors
    /// [`Catalog::open_with`]'s.
    pub(crate) fn open(
        &self,
        pictures: CataloguePictures,
        quiet: bool,
    ) -> Result<Catalog, CatalogError> {
        let options = OpenOptions { pictures, skip_bad_rows: self.skip_bad_rows };
        web_photos::open_catalogue(&self.photos, self.root.as_deref(), options, quiet)
    }
}

/// Photos of things that are not sold.
#[derive(Args)]
pub(crate) struct UnsoldArgs {
    /// Photos of objects that are not sold, a folder or a manifest, to measure how well a search rejects them
    #[arg(long, value_name = "PHOTOS")]
    pub(crate) unsold: Option<PathBuf>,
    /// The folder that the paths of --unsold are relative to [default: the manifest's own]
    #[arg(long, value_name = "FOLDER", requires = "unsold")]
    pub(crate) unsold_root: Option<PathBuf>,
}

impl UnsoldArgs {
    /// The photos, if there are any.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) fn open(&self, quiet: bool) -> Result<Option<Catalog>, CatalogError> {
        let (root, options) = (self.unsold_root.as_deref(), OpenOptions::default());
        let open = |photos: &PathBuf| web_photos::open_catalogue(photos, root, options, quiet);
        self.unsold.as_ref().map(open).transpose()
    }
}

/// Where embeddings come from.
#[derive(Args)]
pub(crate) struct ModelArgs {
    /// Weights of a network (safetensors or a PyTorch checkpoint), or a folder of such files; repeat for
    /// several networks
    ///
    /// Default: the files that the index was built with; else files in the folder that the environment
    /// variable LOOKALIKE_WEIGHTS names, or imported ones; else, with --backbone, fetched ones; else the
    /// weights that are part of the program. `bundled` names these.
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Vec<PathBuf>,
    /// The network: mobilenet_v3, efficientnet_lite0 to 4, resnet50 or vgg19; several, separated by commas, are an ensemble
    ///
    /// An ensemble concatenates its networks' embeddings. Each network may have a weight, from 0.01 to 100:
    /// mobilenet_v3=2,resnet50. `all` is mobilenet_v3, resnet50 and vgg19.
    #[arg(long, value_name = "NAMES")]
    pub(crate) backbone: Option<Backbones>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// The device that networks run on, and its data type.
#[derive(Args, Clone, Copy)]
pub(crate) struct DeviceArgs {
    /// The device: cpu, cuda or cuda:N (an NVIDIA GPU, counted from 0), or auto: a GPU, if the program was
    /// built with `--features cuda` and finds one
    #[arg(long = "device", id = "device", value_name = "DEVICE", default_value_t = DeviceName::Auto)]
    pub(crate) name: DeviceName,
    /// The data type of computations on a GPU: f32, tf32 (f32, multiplied with 19 bits), bf16 or f16
    #[arg(long, alias = "arithmetic", value_name = "DTYPE", default_value_t = Dtype::F32)]
    pub(crate) dtype: Dtype,
}

impl DeviceArgs {
    /// Opens the device that is asked for. Prints which, unless that is the CPU, and why it is the CPU where
    /// the program could have used a GPU.
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

/// Where an index is.
#[derive(Args, Clone)]
pub(crate) struct IndexLocationArgs {
    /// The folder of the index
    #[arg(long, value_name = "FOLDER", default_value = "index")]
    pub(crate) index: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Args, Clone, Default)]
pub(crate) struct StoreArgs {
    /// The vector store that holds the index instead of the folder: postgres://USER:PASSWORD@HOST/DATABASE
    /// or qdrant://HOST:6334/COLLECTION; the folder then holds the embedding cache only
    ///
    /// Set an address with a password in the environment: other users of the machine see a process's flags.
    #[arg(long, value_name = "ADDRESS", env = "LOOKALIKE_STORE", hide_env_values = true)]
    pub(crate) store: Option<String>,
}

impl IndexLocationArgs {
    /// # Errors
    /// As [`StoreArgs::location`].
    pub(crate) fn resolve(&self) -> anyhow::Result<IndexLocation> {
        self.store.resolve(&self.index)
    }
}

impl StoreArgs {
    /// The store, or else a folder.
    ///
    /// # Errors
    /// An address that is none, or a program without stores.
    pub(crate) fn resolve(&self, folder: &Path) -> anyhow::Result<IndexLocation> {
        match &self.store {
            None => Ok(IndexLocation::Folder(folder.to_owned())),
            #[cfg(feature = "stores")]
            Some(address) => Ok(IndexLocation::Store(lookalike_stores::open(address)?)),
            #[cfg(not(feature = "stores"))]
            Some(_) => anyhow::bail!(
                "this program was built without stores: build it with \
                 `cargo build --release --features stores`, or leave out --store"
            ),
        }
    }
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number >= 1 => Ok(number),
        _ => Err("must be a whole number, 1 or more".to_owned()),
    }
}
