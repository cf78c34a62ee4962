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

    /// Moves a parameter against its gradient. `decay` is taken away from it beside that.
    pub(crate) fn update(
        &mut self,
        settings: &Settings,
        name: &str,
        values: &mut [f32],
        gradient: &[f32],
        rate: f32,
        decay: f32,
    ) {
        let zeros = || vec![0f32; values.len()];
        let first = self.first.entry(name.to_owned()).or_insert_with(zeros);
        match settings.optimiser {
            Optimiser::Sgd => {
                for ((x, g), v) in values.iter_mut().zip(gradient).zip(first) {
                    let g = g + decay * *x;
                    *v = MOMENTUM * *v + g;
                    *x -= rate * (g + MOMENTUM * *v);
                }
            }
            Optimiser::AdamW => {
                let second = self.second.entry(name.to_owned()).or_insert_with(zeros);
                let steps = self.steps.min(i32::MAX as u64) as i32;
                let unbias = |beta: f32| 1.0 - beta.powi(steps);
                let (bias_1, bias_2) = (unbias(BETAS.0), unbias(BETAS.1));
                let moments = first.iter_mut().zip(second);
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
            memory.update(&settings, "x", &mut x, &gradient, 0.05, 0.0);
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
            let (mut memory, mut x) = (Memory::default(), [1f32]);
            memory.begin_step();
            memory.update(&settings, "x", &mut x, &[0.0], 0.1, 0.5);
            assert!(x[0] < 0.96 && x[0] > 0.85, "{optimiser:?}: {x:?}");
        }
    }
}
