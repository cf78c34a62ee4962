use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use lookalike_backbone::{Device, DeviceName};
use lookalike_catalog::{Catalog, Split};
use lookalike_train::{Outcome, Photos, Settings, TrainError, Trainer};
use serde_json::json;

use crate::commands::grid;
use crate::model::none_for;
use crate::output::{count, print, print_json, skipped};
use crate::progress;
use crate::shelf::Shelf;
use crate::train_args::{TrainArgs, TrainCommand};

/// Of a catalogue without splits, every so many-th photo of a product is measured on.
const HELD_OUT: usize = 10;

pub(crate) fn command(command: &TrainCommand) -> anyhow::Result<()> {
    begin_anew_with_better_surroundings();
    match command {
        TrainCommand::Run(args) => run(args),
        TrainCommand::Grid(args) => grid::run(args),
    }
}

fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let settings = args.settings()?;
    let data = Data::load(args, settings.side)?;
    let stop = stop_on_ctrl_c()?;
    let mut trainer = data.trainer(args, args.out.clone(), settings.clone())?;
    if !args.quiet && trainer.epochs_done() > 0 {
        eprintln!("going on after epoch {}", trainer.epochs_done());
    }
    let outcome = data.train(args, &mut trainer, &stop)?;
    if args.json {
        print_json(&json!({
            "finished": outcome.finished, "epochs": trainer.epochs_done(),
            "best_epoch": outcome.epoch, "top1": outcome.top1, "top3": outcome.top3,
            "weights": outcome.weights, "settings": settings,
        }))?;
        return if outcome.finished { Ok(()) } else { Err(Interrupted.into()) };
    }
    let (top1, top3) = (100.0 * outcome.top1, 100.0 * outcome.top3);
    let mut text = format!(
        "best on the validation photos: top-1 {top1:.1} %, top-3 {top3:.1} %, after epoch {}\n  {}\n",
        outcome.epoch,
        outcome.weights.display()
    );
    if !outcome.finished {
        text.push_str("stopped: the same command goes on from here\n");
    }
    print(&text)?;
    if outcome.finished { Ok(()) } else { Err(Interrupted.into()) }
}

/// A run that ctrl-C stopped. That was said already; it is an error only so that scripts do not go on with
/// what is half done.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Interrupted;

/// What is trained on, and what it begins with.
pub(crate) struct Data {
    pub(crate) weights: PathBuf,
    pub(crate) classes: Vec<String>,
    pub(crate) train: Photos,
    pub(crate) val: Photos,
    others: Option<Photos>,
    device: Device,
}

impl Data {
    pub(crate) fn load(args: &TrainArgs, side: u32) -> anyhow::Result<Self> {
        let catalog = Catalog::open(&args.catalog.photos, args.catalog.root.as_deref())?;
        let weights = match &args.weights {
            Some(weights) => weights.clone(),
            None => {
                let shelf = Shelf::from_env();
                let find = |kind| shelf.find(kind).ok_or_else(|| none_for(&[kind]));
                args.backbone.map_or_else(|| Ok(shelf.default()), find)?
            }
        };
        let device = args.device.open()?;
        let classes = Photos::classes(&catalog, Split::Train);
        let is_split = catalog.photos.iter().any(|photo| photo.split.is_some());
        let mut train = Photos::load(&catalog, is_split.then_some(Split::Train), &classes, side)?;
        let has_val = catalog.photos.iter().any(|photo| photo.split == Some(Split::Val));
        let val = if has_val {
            Photos::load(&catalog, Some(Split::Val), &classes, side)?
        } else {
            train.hold_out(HELD_OUT)
        };
        let mut others = None;
        if let Some(photos) = &args.others {
            let catalog = Catalog::open(photos, args.others_root.as_deref())?;
            others = Some(Photos::of_anything(&catalog, side)?);
        }
        eprint!("{}", skipped(&train.skipped));
        if !args.quiet {
            eprintln!(
                "training on {} of {}, measuring on {}; beginning with {}",
                count(train.len() as u64, "photo"),
                count(classes.len() as u64, "product"),
                count(val.len() as u64, "photo"),
                weights.display()
            );
        }
        Ok(Self { weights, classes, train, val, others, device })
    }

    /// A run in a folder: begun, or gone on with.
    pub(crate) fn trainer(
        &self,
        args: &TrainArgs,
        folder: PathBuf,
        settings: Settings,
    ) -> anyhow::Result<Trainer> {
        let open = |device: &Device| {
            let (weights, classes) =
                ((&*self.weights, args.tutor.as_deref()), self.classes.clone());
            Trainer::open(weights, args.backbone, &folder, settings.clone(), classes, device)
        };
        match open(&self.device) {
            Err(TrainError::NotOnGpu) if args.device.name == DeviceName::Auto => {
                eprintln!("training on the CPU: {}", TrainError::NotOnGpu);
                Ok(open(&Device::default())?)
            }
            opened => Ok(opened?),
        }
    }

    pub(crate) fn train(
        &self,
        args: &TrainArgs,
        trainer: &mut Trainer,
        stop: &AtomicBool,
    ) -> anyhow::Result<Outcome> {
        let observer = progress::training(args.quiet, stderr().is_terminal());
        Ok(trainer.run(&self.train, &self.val, self.others.as_ref(), &*observer, stop)?)
    }
}

/// A flag that ctrl-C sets.
pub(crate) fn stop_on_ctrl_c() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        // Asked twice: at once.
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("stopping after this step; again to stop at once");
    })
    .context("cannot listen for ctrl-C")?;
    Ok(stop)
}

/// Starts this program again with its surroundings set for training, where they are not yet: candle
/// would share single operations out among the cores that already have a shard each (half as fast),
/// and glibc would give back and ask again for every large tensor's memory (a third slower).
#[cfg(unix)]
fn begin_anew_with_better_surroundings() {
    use std::os::unix::process::CommandExt as _;
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1)).env(THREADS, "1");
    for (variable, value) in [
        ("MALLOC_MMAP_THRESHOLD_", "1073741824"),
        ("MALLOC_TRIM_THRESHOLD_", "8589934592"),
        ("MALLOC_TOP_PAD_", "67108864"),
    ] {
        if std::env::var_os(variable).is_none() {
            command.env(variable, value);
        }
    }
    // Comes back only if it failed; then this process does the work, slower.
    let _ = command.exec();
}

#[cfg(not(unix))]
fn begin_anew_with_better_surroundings() {}
