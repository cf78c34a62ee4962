//! What a training run begins with: weights, photos, the device.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use lookalike_backbone::{Device, DeviceName};
use lookalike_catalog::{CataloguePictures, OpenOptions, Split};
use lookalike_train::{Dataset, Outcome, Settings, TrainError, Trainer};
use lookalike_weights::{WeightStore, WeightsError};

use crate::args::train::TrainArgs;
use crate::output::{count, skipped};
use crate::{progress, web_photos};

/// Of a catalogue without splits, one photo in this many of each product is held out for validation.
const HELD_OUT: usize = 10;

/// The data of a run, its initial weights and its device.
pub(crate) struct Data {
    pub(crate) weights: PathBuf,
    pub(crate) classes: Vec<String>,
    pub(crate) train: Dataset,
    pub(crate) val: Dataset,
    others: Option<Dataset>,
    device: Device,
}

impl Data {
    pub(crate) fn load(args: &TrainArgs, side: u32) -> anyhow::Result<Self> {
        let catalog = args.catalog.open(CataloguePictures::Shown, args.output.quiet())?;
        let weights = match &args.weights {
            Some(weights) => weights.clone(),
            None => {
                let store = WeightStore::from_env();
                let find = |kind| store.find(kind).ok_or_else(|| WeightsError::not_found(kind));
                args.backbone.map_or_else(|| Ok(store.default_weights()), find)?
            }
        };
        let device = args.device.open()?;
        let classes = Dataset::classes(&catalog, Split::Train);
        let is_split = catalog.photos.iter().any(|photo| photo.split.is_some());
        let mut train = Dataset::load(&catalog, is_split.then_some(Split::Train), &classes, side)?;
        let has_val = catalog.photos.iter().any(|photo| photo.split == Some(Split::Val));
        let val = if has_val {
            Dataset::load(&catalog, Some(Split::Val), &classes, side)?
        } else {
            train.hold_out(HELD_OUT)
        };
        let mut others = None;
        if let Some(photos) = &args.distil_photos {
            let (root, options) = (args.distil_root.as_deref(), OpenOptions::default());
            let catalog = web_photos::open_catalogue(photos, root, options, args.output.quiet())?;
            others = Some(Dataset::load_unlabelled(&catalog, side)?);
        }
        eprint!("{}", skipped(&train.skipped));
        if !args.output.quiet() {
            eprintln!(
                "training on {} of {}, validating on {}, starting from {}",
                count(train.len() as u64, "photo"),
                count(classes.len() as u64, "product"),
                count(val.len() as u64, "photo"),
                weights.display()
            );
        }
        Ok(Self { weights, classes, train, val, others, device })
    }

    /// A run in a folder: a new one, or one to resume.
    pub(crate) fn trainer(
        &self,
        args: &TrainArgs,
        folder: PathBuf,
        settings: Settings,
    ) -> anyhow::Result<Trainer> {
        let open = |device: &Device| {
            let (weights, classes) =
                ((&*self.weights, args.teacher.as_deref()), self.classes.clone());
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
        let observer = progress::training(args.output.quiet(), stderr().is_terminal());
        Ok(trainer.run(&self.train, &self.val, self.others.as_ref(), &*observer, stop)?)
    }
}
