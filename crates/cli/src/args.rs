//! The arguments of every command, one file each. What several commands have is in `shared`.

pub(crate) mod backbones;
pub(crate) mod curate;
pub(crate) mod demo;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod index;
pub(crate) mod objects;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod shared;
pub(crate) mod split;
pub(crate) mod train;
pub(crate) mod weights;

use clap::{Parser, Subcommand};

use crate::exit;

use curate::CurateArgs;
use demo::DemoArgs;
use embed::EmbedArgs;
use eval::EvalArgs;
use index::IndexCommand;
use search::{SearchArgs, SimilarArgs};
use serve::ServeArgs;
use split::SplitArgs;
use train::TrainCommand;
use weights::WeightsCommand;

/// Visual product search over customers' review photos: a photo in, the shop's product out
#[derive(Parser)]
#[command(name = "lookalike", version, after_help = exit::HELP, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Draw a synthetic shop, index it, and search for one of its photos; needs nothing but this program
    Demo(DemoArgs),
    /// Build, change and inspect an index of photos
    #[command(subcommand)]
    Index(IndexCommand),
    /// Name the products most similar to a photo
    Search(SearchArgs),
    /// Name the products most similar to one of the index's products
    Similar(SimilarArgs),
    /// Measure top-1 and top-3 accuracy, calibration and recall on labelled photos
    Eval(EvalArgs),
    /// Choose photos: keep or drop each, with a reason
    ///
    /// Drops blurred, dark, overexposed and tiny photos, pictures of text and near-duplicates. Deletes
    /// nothing: writes the photos that are kept as a manifest.
    Curate(Box<CurateArgs>),
    /// Split a catalogue into train, val and test, with no near-duplicates across splits
    Split(Box<SplitArgs>),
    /// Write the embeddings of photos to a file, for other tools
    Embed(EmbedArgs),
    /// Fine-tune a network on a catalogue's products
    ///
    /// Trains on photos of the split `train`. Those of `val`, or every tenth photo of a catalogue without
    /// splits, choose the best epoch. Ctrl-C stops after the current step; the same command resumes.
    Train(TrainCommand),
    /// List, fetch, verify, import and quantise weights of networks
    #[command(subcommand)]
    Weights(WeightsCommand),
    /// Serve searches over HTTP: a page for shoppers and an API
    ///
    /// The page is at /, the API's documentation at /docs. Every setting can also come from an environment
    /// variable or from a TOML file. Flags override the environment, which overrides the file.
    Serve(Box<ServeArgs>),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn former_names_of_flags_still_work() {
        for line in [
            "index build photos --directions 8 --arithmetic bf16",
            "search a.jpg --items",
            "eval photos --items 4 --items-seed 2 --shown a.jsonl",
            "curate photos --out out --by-pixels --copy-distance 4 --copy-similarity 0.9",
            "curate photos --out out --min-share 0.1 --max-products 2",
            "split photos --out a.jsonl --by-pixels",
            "weights quantize photos --out a.safetensors",
            "embed a.jpg --out a.npy --normalize",
            "train photos --rate 0.1 --norms fixed --average 0.9 --balance root --metric 0.1",
            "train photos --tutor a.safetensors --tutor-weight 0.5",
            "train photos --distil 1 --others b --others-root c --others-share 0.5",
            "train grid photos --rate 0.1 --norms fixed",
            "serve --most 7 --hold-seconds 1 --searches 2 --photos 3 --requests 4 --connections 5",
            "serve --photo-mib 1 --body-mib 2 --megapixels 3 --upload-seconds 4 --head-seconds 5",
            "serve --wait-seconds 6 --thumbnail-mib 7",
        ] {
            let parsed = Cli::try_parse_from(["lookalike"].into_iter().chain(line.split(' ')));
            assert!(
                parsed.is_ok(),
                "{line}: {}",
                parsed.err().map_or_else(String::new, |e| e.to_string())
            );
        }
    }

    #[test]
    fn help_names_no_former_flag() {
        let mut command = Cli::command();
        command.build();
        let mut pages = vec![command];
        while let Some(mut page) = pages.pop() {
            pages.extend(page.get_subcommands().cloned());
            let help = page.render_long_help().to_string();
            for former in
                ["--items", "--shown", "--directions", "--arithmetic", "--tutor", "--others"]
            {
                assert!(!help.contains(former), "{former}: {help}");
            }
        }
    }
}
