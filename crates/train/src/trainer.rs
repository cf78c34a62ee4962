mod apply;
mod state;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use candle_core::{DType, Tensor, Var};
use lookalike_backbone::{
    BackboneKind, CLASSES_KEY, Device, Precision, TrainSetup, TrainableBackbone, load_on,
    load_trainable,
};
use lookalike_photo::Preprocess;

use crate::checkpoint::{self, Numbers, State};
use crate::log::append;
use crate::measure::measure;
use crate::optimiser::Memory;
use crate::order::{mix, of_epoch};
use crate::schedule::Course;
use crate::source::{Shard, Source};
use crate::step::{self, Step, Teacher, Work};
use crate::tutor::Tutor;
use crate::{EpochLog, Norms, Observer, Photos, Settings, TrainError, head, loss};

/// Photos whose statistics batch norms begin with.
const STATISTICS_OF: usize = 192;

/// The name of the teacher's mean in a checkpoint.
const TEACHER: &str = "teacher";

/// The mean of rows, `(1, d)`.
fn mean(rows: &[Vec<f32>], device: &candle_core::Device) -> candle_core::Result<Tensor> {
    let mut sum = vec![0f64; rows.first().map_or(0, Vec::len)];
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let mean = sum.iter().map(|sum| (sum / rows.len().max(1) as f64) as f32).collect();
    Tensor::from_vec(mean, (1, sum.len()), device)
}

/// A run: a network, where it stands, and a folder that holds both.
pub struct Trainer {
    network: TrainableBackbone,
    preprocess: Preprocess,
    proxies: Option<Var>,
    teacher: Option<Teacher>,
    tutor: Option<Tutor>,
    memory: Memory,
    averages: Numbers,
    state: State,
    folder: PathBuf,
    began: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whether it ran to its end; otherwise it was stopped and can go on.
    pub finished: bool,
    /// Top-1 on the validation photos of the best epoch, 0 to 1.
    pub top1: f64,
    /// Its top-3, 0 to 1.
    pub top3: f64,
    /// The best epoch, counted from 1; 0 is the new classifier on the network as it was.
    pub epoch: usize,
    /// The weights of that epoch.
    pub weights: PathBuf,
}

impl Trainer {
    /// Begins a run in a folder, or goes on with the one that is there, on the CPU or a GPU.
    /// `tutor` names weights of a network that knows the same products, see [`Settings::tutor`].
    ///
    /// # Errors
    /// [`TrainError::Backbone`] for weights that cannot be used, [`TrainError::NotOnGpu`], [`TrainError::OtherRun`] and
    /// [`TrainError::DamagedCheckpoint`] for a folder that cannot be gone on with.
    pub fn open(
        (weights, tutor): (&Path, Option<&Path>),
        kind: Option<BackboneKind>,
        folder: &Path,
        settings: Settings,
        classes: Vec<String>,
        device: &Device,
    ) -> Result<Self, TrainError> {
        if classes.len() < 2 {
            return Err(TrainError::TooFew { found: format!("{} products", classes.len()) });
        }
        let setup =
            TrainSetup { classes: Some(classes.len()), add_norms: settings.norms == Norms::Batch };
        let mut network = load_trainable(weights, kind, setup, device)?;
        let is_mobile = matches!(
            network.kind(),
            BackboneKind::MobileNetV3 | BackboneKind::MobileNetV3Minimalistic
        );
        if is_mobile && !device.is_cpu() {
            return Err(TrainError::NotOnGpu);
        }
        if let Some(name) = &settings.preprocess {
            network.prepare_photos_as(name)?;
        }
        let preprocess = network.preprocess().with_size(settings.side);
        let load_tutor = |tutor| Tutor::load(tutor, &classes, settings.side, device);
        let tutor = tutor.map(load_tutor).transpose()?;
        let mut teacher = None;
        if settings.distil > 0.0 {
            let network = load_on(weights, Some(network.kind()), device)?.network;
            let mean = Tensor::zeros((1, network.embedding_dim()), DType::F32, device.candle())?;
            teacher = Some(Teacher { network, mean });
        }
        std::fs::create_dir_all(folder)
            .map_err(|source| TrainError::Unwritable { path: folder.to_owned(), source })?;
        let course = Course::new(settings.schedule, settings.epochs, settings.warmup);
        let state = State {
            classes,
            began_with: network.sha256().to_owned(),
            tutor: tutor.as_ref().map(|tutor| tutor.sha256.clone()),
            epoch: 0,
            step: 0,
            steps: 0,
            course,
            best: None,
            sums: [0.0; 4],
            seconds: 0.0,
            settings,
        };
        let mut trainer = Self {
            network,
            preprocess,
            proxies: None,
            teacher,
            tutor,
            memory: Memory::default(),
            averages: Numbers::new(),
            state,
            folder: folder.to_owned(),
            began: false,
        };
        if let Some((state, numbers)) = checkpoint::load(&trainer.checkpoint_file())? {
            trainer.restore(state, numbers)?;
        }
        Ok(trainer)
    }

    /// Epochs that are done.
    pub fn epochs_done(&self) -> usize {
        self.state.epoch
    }

    /// Trains to the end, or until `stop` is set: then the step that is under way is finished and a
    /// checkpoint written. `others` are photos of other things, see [`Settings::others`].
    ///
    /// # Errors
    /// [`TrainError`]; a checkpoint of the last epoch is left.
    pub fn run(
        &mut self,
        train: &Photos,
        val: &Photos,
        others: Option<&Photos>,
        observer: &dyn Observer,
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
            self.begin(train, val, observer)?;
        }
        while self.state.epoch < self.state.settings.epochs && !self.is_stuck() {
            if !self.epoch(train, others, observer, stop)? {
                self.save()?;
                return Ok(self.outcome(false));
            }
            self.end_epoch(val, observer)?;
        }
        Ok(self.outcome(true))
    }

    /// The part before the first epoch: statistics, classifier, proxies.
    fn begin(
        &mut self,
        train: &Photos,
        val: &Photos,
        observer: &dyn Observer,
    ) -> Result<(), TrainError> {
        let Self { network, preprocess, .. } = self;
        let settings = &self.state.settings;
        if settings.norms == Norms::Batch {
            let (side, seed) = (preprocess.size(), settings.seed);
            let mut batch = Vec::new();
            let order = of_epoch(&train.classes, settings.balance, mix(seed, u64::MAX), 0);
            let chosen = &order[..STATISTICS_OF.min(order.len())];
            for &number in chosen {
                let picture = &train.pictures[number];
                let augmentation = settings.augment.augmentation();
                let square = augmentation.apply(picture, side as u32, mix(seed, number as u64));
                batch.extend(preprocess.tensor(&square));
            }
            let batch =
                Tensor::from_vec(batch, (chosen.len(), 3, side, side), &candle_core::Device::Cpu)?;
            network.adopt_statistics(&batch)?;
        }
        if settings.head_epochs > 0 || settings.metric > 0.0 || settings.distil > 0.0 {
            observer.begin("embedding photos", 1);
            let embedded = head::embed(network, preprocess, train)?;
            observer.end();
            head::train(network, &embedded, settings, observer)?;
            if settings.metric > 0.0 {
                let classes = self.state.classes.len();
                let proxies = loss::proxies(&embedded.rows, &embedded.classes, classes)?;
                let proxies = proxies.to_device(network.device().candle())?;
                self.proxies = Some(Var::from_tensor(&proxies)?);
            }
            if let Some(teacher) = &mut self.teacher {
                teacher.mean = mean(&embedded.rows, network.device().candle())?;
            }
        }
        self.averages = if settings.average > 0.0 { self.current()? } else { Numbers::new() };
        self.began = true;
        let found = measure(&self.network, &self.preprocess, val)?;
        self.log(0.0, 0.0, found, 0.0, observer)?;
        self.keep_if_best(found)?;
        self.save()
    }

    /// Runs what is left of an epoch; `false` if it was stopped.
    fn epoch(
        &mut self,
        train: &Photos,
        others: Option<&Photos>,
        observer: &dyn Observer,
        stop: &AtomicBool,
    ) -> Result<bool, TrainError> {
        let settings = self.state.settings.clone();
        let steps = train.len() / settings.batch;
        let epoch = self.state.epoch;
        let order = of_epoch(&train.classes, settings.balance, settings.seed, epoch);
        let batches: Vec<Vec<usize>> =
            order.chunks_exact(settings.batch).take(steps).map(<[usize]>::to_vec).collect();
        let source = Source {
            photos: train,
            others: others.filter(|_| self.teacher.is_some()),
            settings: &settings,
            preprocess: self.preprocess,
            for_tutor: self.tutor.as_ref().map(|tutor| tutor.preprocess),
            epoch,
        };
        observer.begin(&format!("epoch {} of {}", epoch + 1, settings.epochs), steps as u64);
        observer.advance(self.state.step as u64, "");
        let finished = thread::scope(|scope| {
            let is_gpu = !self.network.device().is_cpu();
            let ahead = is_gpu.then(|| source.ahead(scope, batches[self.state.step..].to_vec()));
            for (number, batch) in batches.iter().enumerate().skip(self.state.step) {
                if stop.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                let started = Instant::now();
                let prepared = ahead.as_ref().and_then(|ahead| ahead.recv().ok());
                let step = self.step(&source, batch, prepared)?;
                let (loss, right) = (step.loss, step.right);
                let at = epoch as f64 + (number + 1) as f64 / steps as f64;
                self.apply(step, settings.rate * self.state.course.factor(at))?;
                self.state.step = number + 1;
                let seconds = started.elapsed().as_secs_f64();
                let new = [loss, right as f64, batch.len() as f64, seconds];
                self.state.sums.iter_mut().zip(new).for_each(|(sum, new)| *sum += new);
                self.state.seconds += seconds;
                let [losses, rights, photos, _] = self.state.sums;
                let (loss, top1) = (losses / (number + 1) as f64, 100.0 * rights / photos);
                observer.advance(1, &format!("loss {loss:.3}, top-1 {top1:.1} %"));
            }
            Ok(true)
        });
        observer.end();
        finished
    }

    /// A batch's gradients; of photos that are prepared, if they are.
    fn step(
        &self,
        source: &Source,
        batch: &[usize],
        prepared: Option<Vec<Shard>>,
    ) -> Result<Step, TrainError> {
        let settings = source.settings;
        let thawed = source.epoch.checked_div(settings.unfreeze_every).unwrap_or(0);
        let work = Work {
            network: &self.network,
            proxies: self.proxies.as_ref(),
            teacher: self.teacher.as_ref(),
            tutor: self.tutor.as_ref(),
            settings,
            frozen_stages: settings.frozen_stages.saturating_sub(thawed),
        };
        let step = match prepared {
            Some(shards) => step::run_prepared(&work, shards)?,
            None => step::run(&work, source, batch)?,
        };
        if !step.loss.is_finite() {
            let rate = settings.rate / 4.0;
            return Err(TrainError::Diverged { epoch: source.epoch + 1, rate });
        }
        Ok(step)
    }

    fn end_epoch(&mut self, val: &Photos, observer: &dyn Observer) -> Result<(), TrainError> {
        let [losses, rights, photos, seconds] = std::mem::take(&mut self.state.sums);
        let steps = std::mem::take(&mut self.state.step);
        self.state.epoch += 1;
        let now = self.current()?;
        if !self.averages.is_empty() {
            self.set(&self.averages)?;
        }
        let found = measure(&self.network, &self.preprocess, val)?;
        if !found.loss.is_finite() {
            let (epoch, rate) = (self.state.epoch, self.state.settings.rate / 4.0);
            return Err(TrainError::Diverged { epoch, rate });
        }
        self.state.course.saw(found.loss);
        let loss = losses / steps.max(1) as f64;
        self.log(loss, rights / photos.max(1.0), found, photos / seconds.max(1e-9), observer)?;
        self.keep_if_best(found)?;
        if self.state.epoch == self.state.settings.epochs {
            self.export("final.safetensors")?;
        }
        self.set(&now)?;
        self.save()
    }

    fn log(
        &self,
        loss: f64,
        train_top1: f64,
        found: crate::Measured,
        photos_per_second: f64,
        observer: &dyn Observer,
    ) -> Result<(), TrainError> {
        let epoch = self.state.epoch;
        let rate = self.state.settings.rate * self.state.course.factor(epoch as f64);
        let log = EpochLog {
            epoch,
            loss,
            train_top1,
            top1: found.top1,
            top3: found.top3,
            val_loss: found.loss,
            rate,
            photos_per_second,
            seconds: self.state.seconds,
        };
        append(&self.folder.join("log.jsonl"), &log)?;
        observer.epoch(&log);
        Ok(())
    }

    /// Writes the weights that are in the network if they are the best so far.
    fn keep_if_best(&mut self, found: crate::Measured) -> Result<(), TrainError> {
        let is_best = self.state.best.is_none_or(|(top1, _, loss, _)| {
            found.top1 > top1 || (found.top1 == top1 && found.loss < loss)
        });
        if is_best {
            self.export("best.safetensors")?;
            self.state.best = Some((found.top1, found.top3, found.loss, self.state.epoch));
        }
        Ok(())
    }

    fn export(&self, name: &str) -> Result<(), TrainError> {
        let classes = serde_json::to_string(&self.state.classes).unwrap_or_default();
        let preprocess = self.network.preprocess_name(self.state.settings.side);
        let about = [(CLASSES_KEY, classes)];
        Ok(self.network.export(&self.folder.join(name), &preprocess, Precision::F32, &about)?)
    }

    fn is_stuck(&self) -> bool {
        let State { settings, best, epoch, .. } = &self.state;
        let since = best.map_or(0, |(_, _, _, best)| epoch - best);
        settings.patience > 0 && since >= settings.patience
    }

    fn outcome(&self, finished: bool) -> Outcome {
        let (top1, top3, _, epoch) = self.state.best.unwrap_or_default();
        Outcome { finished, top1, top3, epoch, weights: self.folder.join("best.safetensors") }
    }
}
