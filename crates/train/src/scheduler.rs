//! The learning rate scheduler.

use serde::{Deserialize, Serialize};

use crate::Schedule;

/// The learning rate over a run, as a factor of the base rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LrScheduler {
    schedule: Schedule,
    /// Epochs of the run, and of its warm-up.
    epochs: f64,
    warmup: f64,
    /// The factor after all plateaus so far.
    reduced: f64,
    least_loss: Option<f64>,
    waited: usize,
}

impl LrScheduler {
    pub(crate) fn new(schedule: Schedule, epochs: usize, warmup: f64) -> Self {
        let epochs = epochs as f64;
        Self { schedule, epochs, warmup, reduced: 1.0, least_loss: None, waited: 0 }
    }

    /// The factor after `epoch` epochs.
    pub(crate) fn factor(&self, epoch: f64) -> f64 {
        if epoch < self.warmup {
            return epoch / self.warmup;
        }
        match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Cosine => {
                let done = (epoch - self.warmup) / (self.epochs - self.warmup).max(f64::EPSILON);
                (1.0 + (std::f64::consts::PI * done.min(1.0)).cos()) / 2.0
            }
            Schedule::Step { every, factor } => {
                factor.powi((epoch / every.max(1) as f64).floor() as i32)
            }
            Schedule::Plateau { .. } => self.reduced,
        }
    }

    /// Ends an epoch with this validation loss.
    pub(crate) fn end_epoch(&mut self, loss: f64) {
        let Schedule::Plateau { patience, factor } = self.schedule else { return };
        if self.least_loss.is_none_or(|least| loss < least * (1.0 - 1e-4)) {
            (self.least_loss, self.waited) = (Some(loss), 0);
            return;
        }
        self.waited += 1;
        if self.waited > patience {
            self.reduced *= factor;
            self.waited = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_and_falls_to_nothing() {
        let scheduler = LrScheduler::new(Schedule::Cosine, 11, 1.0);
        let at = |epoch: f64| (scheduler.factor(epoch) * 1e6).round() / 1e6;
        assert_eq!([at(0.0), at(0.5), at(1.0), at(6.0), at(11.0)], [0.0, 0.5, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn steps_come_at_their_epochs() {
        let scheduler = LrScheduler::new(Schedule::Step { every: 3, factor: 0.1 }, 9, 0.0);
        assert_eq!([scheduler.factor(2.9), scheduler.factor(3.0)], [1.0, 0.1]);
        assert!((scheduler.factor(6.5) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn a_plateau_reduces_the_rate_once_it_is_one() {
        let mut scheduler =
            LrScheduler::new(Schedule::Plateau { patience: 2, factor: 0.2 }, 9, 0.0);
        for (loss, factor) in [(1.0, 1.0), (1.0, 1.0), (1.1, 1.0), (1.0, 0.2), (0.5, 0.2)] {
            scheduler.end_epoch(loss);
            assert_eq!(scheduler.factor(1.0), factor, "after a loss of {loss}");
        }
    }
}
