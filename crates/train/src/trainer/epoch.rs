//! An epoch: its steps, and what follows them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use lookalike_backbone::{CLASSES_KEY, Precision};
use lookalike_base::progress::{Phase, Unit};

use super::Trainer;
use crate::data_loader::{DataLoader, Shard};
use crate::epoch_log::append;
use crate::sampler::epoch_order;
use crate::step::{self, Step, StepContext};
use crate::validate::validate;
use crate::{Dataset, EpochLog, Metrics, TrainError, TrainingProgress};

impl Trainer {
    /// Runs the remaining steps of an epoch; `false` if it was stopped.
    pub(super) fn epoch(
        &mut self,
        train: &Dataset,
        others: Option<&Dataset>,
        progress: &dyn TrainingProgress,
        stop: &AtomicBool,
    ) -> Result<bool, TrainError> {
        let settings = self.state.settings.clone();
        let steps = train.len() / settings.batch;
        let epoch = self.state.epoch;
        let order = epoch_order(&train.classes, settings.class_balance, settings.seed, epoch);
        let batches: Vec<Vec<usize>> =
            order.chunks_exact(settings.batch).take(steps).map(<[usize]>::to_vec).collect();
        let loader = DataLoader {
            photos: train,
            others: others.filter(|_| self.initial.is_some()),
            settings: &settings,
            preprocess: self.preprocess,
            for_teacher: self.teacher.as_ref().map(|teacher| teacher.preprocess),
            epoch,
        };
        let label = format!("epoch {} of {}", epoch + 1, settings.epochs);
        let (total, done) = (Some(steps as u64), self.state.step as u64);
        progress.begin(Phase { label: &label, total, done, unit: Unit::Items });
        let finished = thread::scope(|scope| {
            let is_gpu = !self.network.device().is_cpu();
            let ahead = is_gpu.then(|| loader.ahead(scope, batches[self.state.step..].to_vec()));
            for (number, batch) in batches.iter().enumerate().skip(self.state.step) {
                if stop.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                let started = Instant::now();
                let prepared = ahead.as_ref().and_then(|ahead| ahead.recv().ok());
                let step = self.step(&loader, batch, prepared)?;
                let (loss, right) = (step.loss, step.right);
                let at = epoch as f64 + (number + 1) as f64 / steps as f64;
                self.apply(step, settings.learning_rate * self.state.scheduler.factor(at))?;
                self.state.step = number + 1;
                let seconds = started.elapsed().as_secs_f64();
                let new = [loss, right as f64, batch.len() as f64, seconds];
                self.state.sums.iter_mut().zip(new).for_each(|(sum, new)| *sum += new);
                self.state.seconds += seconds;
                let [losses, rights, photos, _] = self.state.sums;
                let (loss, top1) = (losses / (number + 1) as f64, 100.0 * rights / photos);
                progress.advance(1);
                progress.status(&format!("loss {loss:.3}, top-1 {top1:.1} %"));
            }
            Ok(true)
        });
        progress.end();
        finished
    }

    /// The gradients of a batch, of photos that were prepared ahead if there are any.
    fn step(
        &self,
        loader: &DataLoader,
        batch: &[usize],
        prepared: Option<Vec<Shard>>,
    ) -> Result<Step, TrainError> {
        let settings = loader.settings;
        let thawed = loader.epoch.checked_div(settings.unfreeze_every).unwrap_or(0);
        let context = StepContext {
            network: &self.network,
            proxies: self.proxies.as_ref(),
            initial: self.initial.as_ref(),
            teacher: self.teacher.as_ref(),
            settings,
            frozen_stages: settings.frozen_stages.saturating_sub(thawed),
        };
        let step = match prepared {
            Some(shards) => step::run_prepared(&context, shards)?,
            None => step::run(&context, loader, batch)?,
        };
        if !step.loss.is_finite() {
            let learning_rate = settings.learning_rate / 4.0;
            return Err(TrainError::Diverged { epoch: loader.epoch + 1, learning_rate });
        }
        Ok(step)
    }

    /// Validates the averaged weights, logs, and writes a checkpoint.
    pub(super) fn end_epoch(
        &mut self,
        val: &Dataset,
        progress: &dyn TrainingProgress,
    ) -> Result<(), TrainError> {
        let [losses, rights, photos, seconds] = std::mem::take(&mut self.state.sums);
        let steps = std::mem::take(&mut self.state.step);
        self.state.epoch += 1;
        let now = self.current()?;
        if !self.averages.is_empty() {
            self.set(&self.averages)?;
        }
        let metrics = validate(&self.network, &self.preprocess, val)?;
        if !metrics.loss.is_finite() {
            let (epoch, learning_rate) =
                (self.state.epoch, self.state.settings.learning_rate / 4.0);
            return Err(TrainError::Diverged { epoch, learning_rate });
        }
        self.state.scheduler.end_epoch(metrics.loss);
        let loss = losses / steps.max(1) as f64;
        self.log(loss, rights / photos.max(1.0), metrics, photos / seconds.max(1e-9), progress)?;
        self.keep_if_best(metrics)?;
        if self.state.epoch == self.state.settings.epochs {
            self.export("final.safetensors")?;
        }
        self.set(&now)?;
        self.save()
    }

    pub(super) fn log(
        &self,
        loss: f64,
        train_top1: f64,
        metrics: Metrics,
        photos_per_second: f64,
        progress: &dyn TrainingProgress,
    ) -> Result<(), TrainError> {
        let epoch = self.state.epoch;
        let rate = self.state.settings.learning_rate * self.state.scheduler.factor(epoch as f64);
        let log = EpochLog {
            epoch,
            loss,
            train_top1,
            top1: metrics.top1,
            top3: metrics.top3,
            val_loss: metrics.loss,
            learning_rate: rate,
            photos_per_second,
            seconds: self.state.seconds,
        };
        append(&self.folder.join("log.jsonl"), &log)?;
        progress.on_epoch(&log);
        Ok(())
    }

    /// Writes the current weights if they are the best so far.
    pub(super) fn keep_if_best(&mut self, metrics: Metrics) -> Result<(), TrainError> {
        let is_best = self.state.best.is_none_or(|(top1, _, loss, _)| {
            metrics.top1 > top1 || (metrics.top1 == top1 && metrics.loss < loss)
        });
        if is_best {
            self.export("best.safetensors")?;
            self.state.best = Some((metrics.top1, metrics.top3, metrics.loss, self.state.epoch));
        }
        Ok(())
    }

    pub(super) fn export(&self, name: &str) -> Result<(), TrainError> {
        let classes = serde_json::to_string(&self.state.classes).unwrap_or_default();
        let preprocess = self.network.preprocess_name(self.state.settings.side);
        let about = [(CLASSES_KEY, classes)];
        Ok(self.network.export(&self.folder.join(name), &preprocess, Precision::F32, &about)?)
    }
}
