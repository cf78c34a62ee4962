use std::collections::BTreeMap;

use crate::{Optimiser, Settings};

const MOMENTUM: f32 = 0.9;
const BETAS: (f32, f32) = (0.9, 0.999);
const EPSILON: f32 = 1e-8;

/// What an optimiser remembers of each parameter, by its name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Memory {
    /// Steps so far.
    pub(crate) steps: u64,
    pub(crate) first: BTreeMap<String, Vec<f32>>,
    /// AdamW's second moments.
    pub(crate) second: BTreeMap<String, Vec<f32>>,
}

impl Memory {
    /// Begins a step that updates several parameters.
    pub(crate) fn begin_step(&mut self) {
        self.steps += 1;
    }

    /// What is remembered of one parameter, to be given back by [`Self::put`].
    pub(crate) fn take(&mut self, name: &str) -> Moments {
        let taken = |from: &mut BTreeMap<String, Vec<f32>>| from.remove(name).unwrap_or_default();
        Moments { first: taken(&mut self.first), second: taken(&mut self.second) }
    }

    pub(crate) fn put(&mut self, name: &str, moments: Moments) {
        for (to, moments) in [(&mut self.first, moments.first), (&mut self.second, moments.second)]
        {
            if !moments.is_empty() {
                to.insert(name.to_owned(), moments);
            }
        }
    }
}

/// What an optimiser remembers of one parameter; nothing before its first step.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Moments {
    /// Moves a parameter against its gradient, in step number `steps`. `decay` is taken away from it
    /// beside that.
    pub(crate) fn update(
        &mut self,
        settings: &Settings,
        steps: u64,
        values: &mut [f32],
        gradient: &[f32],
        rate: f32,
        decay: f32,
    ) {
        self.first.resize(values.len(), 0.0);
        match settings.optimiser {
            Optimiser::Sgd => {
                for ((x, g), v) in values.iter_mut().zip(gradient).zip(&mut self.first) {
                    let g = g + decay * *x;
                    *v = MOMENTUM * *v + g;
                    *x -= rate * (g + MOMENTUM * *v);
                }
            }
            Optimiser::AdamW => {
                self.second.resize(values.len(), 0.0);
                let steps = steps.min(i32::MAX as u64) as i32;
                let unbias = |beta: f32| 1.0 - beta.powi(steps);
                let (bias_1, bias_2) = (unbias(BETAS.0), unbias(BETAS.1));
                let moments = self.first.iter_mut().zip(&mut self.second);
                for ((x, g), (m, v)) in values.iter_mut().zip(gradient).zip(moments) {
                    *m = BETAS.0 * *m + (1.0 - BETAS.0) * g;
                    *v = BETAS.1 * *v + (1.0 - BETAS.1) * g * g;
                    let step = (*m / bias_1) / ((*v / bias_2).sqrt() + EPSILON);
                    *x -= rate * (step + decay * *x);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(optimiser: Optimiser, count: usize) -> f32 {
        let settings = Settings { optimiser, ..Settings::default() };
        let (mut memory, mut x) = (Memory::default(), [1f32]);
        for _ in 0..count {
            memory.begin_step();
            let gradient = [2.0 * x[0]];
            let mut moments = memory.take("x");
            moments.update(&settings, memory.steps, &mut x, &gradient, 0.05, 0.0);
            memory.put("x", moments);
        }
        x[0]
    }

    #[test]
    fn both_find_the_bottom_of_a_bowl() {
        // By hand: v = 2, x = 1 - 0.05 * (2 + 0.9 * 2).
        assert!((steps(Optimiser::Sgd, 1) - 0.81).abs() < 1e-6);
        // AdamW's first step is the rate, whatever the gradient.
        assert!((steps(Optimiser::AdamW, 1) - 0.95).abs() < 1e-6);
        for optimiser in [Optimiser::Sgd, Optimiser::AdamW] {
            assert!(steps(optimiser, 200).abs() < 1e-2, "{optimiser:?}");
        }
    }

    #[test]
    fn decay_shrinks_what_has_no_gradient() {
        for optimiser in [Optimiser::Sgd, Optimiser::AdamW] {
            let settings = Settings { optimiser, ..Settings::default() };
            let (mut moments, mut x) = (Moments::default(), [1f32]);
            moments.update(&settings, 1, &mut x, &[0.0], 0.1, 0.5);
            assert!(x[0] < 0.96 && x[0] > 0.85, "{optimiser:?}: {x:?}");
        }
    }
}
