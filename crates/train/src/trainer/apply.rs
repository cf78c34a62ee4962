//! Applying a step: statistics, parameters, averages.

use candle_core::{Tensor, Var};
use rayon::prelude::*;

use super::Trainer;
use crate::TrainError;
use crate::optimiser::{Moments, ema};
use crate::step::{self, Step};

/// Momentum of the running statistics, as in PyTorch.
const MOMENTUM: f64 = 0.1;
/// Steps over which the decay of the moving average warms up.
const AVERAGE_WARMUP: f64 = 10.0;

impl Trainer {
    /// Updates statistics, parameters and the moving average, on their device.
    pub(super) fn apply(&mut self, mut step: Step, rate: f64) -> Result<(), TrainError> {
        let shards = step.statistics.len().max(1) as f64;
        for statistics in &step.statistics {
            statistics.apply(1.0 - (1.0 - MOMENTUM).powf(1.0 / shards))?;
        }
        step::clip(&mut step.gradients, self.state.settings.clip)?;
        self.optimiser.begin_step();
        let each: Vec<_> =
            step.gradients.into_iter().map(|(n, g)| (self.optimiser.take(&n), n, g)).collect();
        let (stages, steps) = (self.network.stages(), self.optimiser.steps);
        let moved = |(mut moments, name, gradient): (Moments, String, Tensor)| {
            if let Some(var) = self.trained(&name) {
                let settings = &self.state.settings;
                let depth = stages - self.network.stage_of(&name).min(stages);
                let rate = rate * settings.stage_decay.powi(depth as i32);
                // Biases and batch norms have no weight decay.
                let decay = if var.rank() > 1 { settings.weight_decay } else { 0.0 };
                moments.update(settings, steps, var, &gradient, rate, decay)?;
            }
            Ok((name, moments))
        };
        // A GPU is driven from one thread, since it runs one kernel after the other.
        let moved: Result<Vec<_>, TrainError> = match self.network.device().is_cpu() {
            true => each.into_par_iter().map(moved).collect(),
            false => each.into_iter().map(moved).collect(),
        };
        for (name, moments) in moved? {
            self.optimiser.put(&name, moments);
        }
        if self.state.settings.ema_decay > 0.0 {
            let steps = steps as f64;
            let warm = (1.0 + steps) / (AVERAGE_WARMUP + steps);
            let stays = self.state.settings.ema_decay.min(warm);
            let moved = |(name, var): (String, &Var)| {
                let now = var.as_detached_tensor();
                let average = match self.averages.get(&name) {
                    Some(average) => ema(average, stays, &now)?,
                    None => now.copy()?,
                };
                Ok((name, average))
            };
            let variables = self.variables();
            let averages: Result<_, TrainError> = match self.network.device().is_cpu() {
                true => variables.into_par_iter().map(moved).collect(),
                false => variables.into_iter().map(moved).collect(),
            };
            self.averages = averages?;
        }
        Ok(())
    }
}
