//! A training run, from its first step to its last, in a folder that it can be resumed from.

mod apply;
mod begin;
mod epoch;
mod state;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use candle_core::{DType, Tensor, Var};
use lookalike_backbone::{
    BackboneKind, Device, TrainSetup, TrainableBackbone, load_on, load_trainable,
};
use lookalike_photo::Preprocess;

use crate::checkpoint::{self, State, Tensors};
use crate::optimiser::OptimiserState;
use crate::scheduler::LrScheduler;
use crate::step::InitialNetwork;
use crate::teacher::Teacher;
use crate::{BatchNormMode, Dataset, Settings, TrainError, TrainingProgress};

/// The name in a checkpoint of the mean of the initial network's embeddings.
const INITIAL_MEAN: &str = "initial_mean";

/// A run: a network, the state of its training, and the folder that keeps both.
pub struct Trainer {
    network: TrainableBackbone,
    preprocess: Preprocess,
    proxies: Option<Var>,
    initial: Option<InitialNetwork>,
    teacher: Option<Teacher>,
    optimiser: OptimiserState,
    averages: Tensors,
    state: State,
    folder: PathBuf,
    began: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whether it ran to its end; otherwise it was stopped and can be resumed.
    pub finished: bool,
    /// Top-1 accuracy on the validation photos after the best epoch, 0 to 1.
    pub top1: f64,
    /// Its top-3 accuracy, 0 to 1.
    pub top3: f64,
    /// The best epoch, counted from 1; 0 is the linear probe.
    pub epoch: usize,
    /// The weights of that epoch.
    pub weights: PathBuf,
}

impl Trainer {
    /// Starts a run in a folder, or resumes the one that is there. `teacher` is the weights file of a network
    /// trained on the same products; see [`Settings::teacher_weight`].
    ///
    /// # Errors
    /// [`TrainError::Backbone`] for weights that cannot be used, [`TrainError::NotOnGpu`],
    /// [`TrainError::Teacher`]; [`TrainError::OtherRun`] and [`TrainError::DamagedCheckpoint`] for a folder
    /// whose run cannot be resumed.
    pub fn open(
        (weights, teacher): (&Path, Option<&Path>),
        kind: Option<BackboneKind>,
        folder: &Path,
        settings: Settings,
        classes: Vec<String>,
        device: &Device,
    ) -> Result<Self, TrainError> {
        if classes.len() < 2 {
            return Err(TrainError::TooFew { found: format!("{} products", classes.len()) });
        }
        let setup = TrainSetup {
            classes: Some(classes.len()),
            add_norms: settings.batch_norm == BatchNormMode::Batch,
        };
        let mut network = load_trainable(weights, kind, setup, device)?;
        let trains_on_gpu = matches!(network.kind(), BackboneKind::ResNet50 | BackboneKind::Vgg19);
        if !trains_on_gpu && !device.is_cpu() {
            return Err(TrainError::NotOnGpu);
        }
        if let Some(name) = &settings.preprocess {
            network.prepare_photos_as(name)?;
        }
        let preprocess = network.preprocess().with_size(settings.side);
        let load_teacher = |teacher| Teacher::load(teacher, &classes, settings.side, device);
        let teacher = teacher.map(load_teacher).transpose()?;
        let mut initial = None;
        if settings.distil_weight > 0.0 {
            let network = load_on(weights, Some(network.kind()), device)?.network;
            let mean = Tensor::zeros((1, network.embedding_dim()), DType::F32, device.candle())?;
            initial = Some(InitialNetwork { network, mean });
        }
        std::fs::create_dir_all(folder)
            .map_err(|source| TrainError::Unwritable { path: folder.to_owned(), source })?;
        let scheduler = LrScheduler::new(settings.schedule, settings.epochs, settings.warmup);
        let state = State {
            classes,
            initial: network.sha256().to_owned(),
            teacher: teacher.as_ref().map(|teacher| teacher.sha256.clone()),
            epoch: 0,
            step: 0,
            steps: 0,
            scheduler,
            best: None,
            sums: [0.0; 4],
            seconds: 0.0,
            settings,
        };
        let mut trainer = Self {
            network,
            preprocess,
            proxies: None,
            initial,
            teacher,
            optimiser: OptimiserState::default(),
            averages: Tensors::new(),
            state,
            folder: folder.to_owned(),
            began: false,
        };
        if let Some((state, numbers)) = checkpoint::load(&trainer.checkpoint_file())? {
            trainer.restore(state, numbers)?;
        }
        Ok(trainer)
    }

    /// Number of finished epochs.
    pub fn epochs_done(&self) -> usize {
        self.state.epoch
    }

    /// Trains to the end, or until `stop` is set: then it finishes the current step and writes a
    /// checkpoint. `others` are photos of other objects, see [`Settings::distil_fraction`].
    ///
    /// # Errors
    /// [`TrainError`]; the checkpoint of the last epoch stays.
    pub fn run(
        &mut self,
        train: &Dataset,
        val: &Dataset,
        others: Option<&Dataset>,
        progress: &dyn TrainingProgress,
        stop: &AtomicBool,
    ) -> Result<Outcome, TrainError> {
        if train.len() < self.state.settings.batch {
            let found = format!("{} photos, batches of {}", train.len(), self.state.settings.batch);
            return Err(TrainError::TooFew { found });
        }
        if val.is_empty() {
            let found = "no photos to measure on".to_owned();
            return Err(TrainError::TooFew { found });
        }
        if !self.began {
            self.begin(train, val, progress)?;
        }
        while self.state.epoch < self.state.settings.epochs && !self.has_converged() {
            if !self.epoch(train, others, progress, stop)? {
                self.save()?;
                return Ok(self.outcome(false));
            }
            self.end_epoch(val, progress)?;
        }
        Ok(self.outcome(true))
    }

    fn has_converged(&self) -> bool {
        let State { settings, best, epoch, .. } = &self.state;
        let since = best.map_or(0, |(_, _, _, best)| epoch - best);
        settings.patience > 0 && since >= settings.patience
    }

    fn outcome(&self, finished: bool) -> Outcome {
        let (top1, top3, _, epoch) = self.state.best.unwrap_or_default();
        Outcome { finished, top1, top3, epoch, weights: self.folder.join("best.safetensors") }
    }
}
