use serde::{Deserialize, Serialize};

use crate::Schedule;

/// The learning rate's course over a run, as a factor of the rate that was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Course {
    schedule: Schedule,
    /// Epochs of the run, and of its warm-up.
    epochs: f64,
    warmup: f64,
    /// What plateaus have left of the rate.
    reduced: f64,
    least_loss: Option<f64>,
    waited: usize,
}

impl Course {
    pub(crate) fn new(schedule: Schedule, epochs: usize, warmup: f64) -> Self {
        let epochs = epochs as f64;
        Self { schedule, epochs, warmup, reduced: 1.0, least_loss: None, waited: 0 }
    }

    /// The factor at a time, in epochs since the beginning.
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

    /// Is told the validation loss after every epoch.
    pub(crate) fn saw(&mut self, loss: f64) {
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
        let course = Course::new(Schedule::Cosine, 11, 1.0);
        let at = |epoch: f64| (course.factor(epoch) * 1e6).round() / 1e6;
        assert_eq!([at(0.0), at(0.5), at(1.0), at(6.0), at(11.0)], [0.0, 0.5, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn steps_come_at_their_epochs() {
        let course = Course::new(Schedule::Step { every: 3, factor: 0.1 }, 9, 0.0);
        assert_eq!([course.factor(2.9), course.factor(3.0)], [1.0, 0.1]);
        assert!((course.factor(6.5) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn a_plateau_reduces_the_rate_once_it_is_one() {
        let mut course = Course::new(Schedule::Plateau { patience: 2, factor: 0.2 }, 9, 0.0);
        for (loss, factor) in [(1.0, 1.0), (1.0, 1.0), (1.1, 1.0), (1.0, 0.2), (0.5, 0.2)] {
            course.saw(loss);
            assert_eq!(course.factor(1.0), factor, "after a loss of {loss}");
        }
    }
}
