//! The optimisers: SGD with Nesterov momentum, and AdamW.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var};

use crate::{Optimiser, Settings};

const MOMENTUM: f64 = 0.9;
const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;

/// The moments of all parameters, by name, each on its parameter's device.
#[derive(Debug, Clone, Default)]
pub(crate) struct OptimiserState {
    /// Steps so far.
    pub(crate) steps: u64,
    pub(crate) first: BTreeMap<String, Tensor>,
    /// AdamW's second moments.
    pub(crate) second: BTreeMap<String, Tensor>,
}

impl OptimiserState {
    /// Begins a step that updates several parameters.
    pub(crate) fn begin_step(&mut self) {
        self.steps += 1;
    }

    /// Takes the moments of one parameter out, to be put back by [`Self::put`].
    pub(crate) fn take(&mut self, name: &str) -> Moments {
        Moments { first: self.first.remove(name), second: self.second.remove(name) }
    }

    pub(crate) fn put(&mut self, name: &str, moments: Moments) {
        for (to, moments) in [(&mut self.first, moments.first), (&mut self.second, moments.second)]
        {
            to.extend(moments.map(|moments| (name.to_owned(), moments)));
        }
    }
}

/// The moments of one parameter; none before its first step.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    first: Option<Tensor>,
    second: Option<Tensor>,
}

/// An exponential moving average, one step: `decay * average + (1 - decay) * value`.
pub(crate) fn ema(average: &Tensor, decay: f64, value: &Tensor) -> Result<Tensor> {
    (average * decay)? + (value * (1.0 - decay))?
}

impl Moments {
    /// Updates a parameter by its gradient, in step number `steps`, with weight decay of `decay`. Neither
    /// result tracks gradients.
    pub(crate) fn update(
        &mut self,
        settings: &Settings,
        steps: u64,
        parameter: &Var,
        gradient: &Tensor,
        rate: f64,
        decay: f64,
    ) -> Result<()> {
        let x = parameter.as_detached_tensor();
        let step = match settings.optimiser {
            Optimiser::Sgd => {
                let mut step = gradient.clone();
                if decay > 0.0 {
                    step = (step + (&x * decay)?)?;
                }
                let velocity = match &self.first {
                    Some(velocity) => ((velocity * MOMENTUM)? + &step)?,
                    None => step.clone(),
                };
                let step = (step + (&velocity * MOMENTUM)?)?;
                self.first = Some(velocity);
                step
            }
            Optimiser::AdamW => {
                let nothing = || gradient.zeros_like();
                let first = self.first.take().map_or_else(nothing, Ok)?;
                let second = self.second.take().map_or_else(nothing, Ok)?;
                let first = ema(&first, BETAS.0, gradient)?;
                let second = ema(&second, BETAS.1, &gradient.sqr()?)?;
                let steps = steps.min(i32::MAX as u64) as i32;
                let unbias = |beta: f64| 1.0 / (1.0 - beta.powi(steps));
                let deviation = ((&second * unbias(BETAS.1))?.sqrt()? + EPSILON)?;
                let step = ((&first * unbias(BETAS.0))? / deviation)?;
                (self.first, self.second) = (Some(first), Some(second));
                if decay > 0.0 { (step + (&x * decay)?)? } else { step }
            }
        };
        parameter.set(&(x - (step * rate)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::tests::devices;
    use candle_core::Device;

    fn steps(optimiser: Optimiser, count: usize, device: &Device) -> Result<f32> {
        let settings = Settings { optimiser, ..Settings::default() };
        let (mut state, x) = (OptimiserState::default(), Var::new(&[1f32], device)?);
        for _ in 0..count {
            state.begin_step();
            let gradient = (x.as_detached_tensor() * 2.0)?;
            let mut moments = state.take("x");
            moments.update(&settings, state.steps, &x, &gradient, 0.05, 0.0)?;
            state.put("x", moments);
        }
        x.reshape(())?.to_scalar()
    }

    #[test]
    fn both_find_the_bottom_of_a_bowl() -> Result<()> {
        for device in devices("an optimiser") {
            let steps = |optimiser, count| steps(optimiser, count, &device);
            // By hand: v = 2, x = 1 - 0.05 * (2 + 0.9 * 2).
            assert!((steps(Optimiser::Sgd, 1)? - 0.81).abs() < 1e-6);
            // The gradient is 1.62 and v 0.9 * 2 + 1.62 = 3.42: x = 0.81 - 0.05 * (1.62 + 0.9 * 3.42).
            assert!((steps(Optimiser::Sgd, 2)? - 0.5751).abs() < 1e-6);
            // AdamW's first step is the rate, whatever the gradient.
            assert!((steps(Optimiser::AdamW, 1)? - 0.95).abs() < 1e-6);
            for optimiser in [Optimiser::Sgd, Optimiser::AdamW] {
                assert!(steps(optimiser, 200)?.abs() < 1e-2, "{optimiser:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn decay_shrinks_what_has_no_gradient() -> Result<()> {
        for optimiser in [Optimiser::Sgd, Optimiser::AdamW] {
            let settings = Settings { optimiser, ..Settings::default() };
            let (mut moments, x) = (Moments::default(), Var::new(&[1f32], &Device::Cpu)?);
            let gradient = x.zeros_like()?;
            moments.update(&settings, 1, &x, &gradient, 0.1, 0.5)?;
            let x: f32 = x.reshape(())?.to_scalar()?;
            assert!(x < 0.96 && x > 0.85, "{optimiser:?}: {x:?}");
        }
        Ok(())
    }

    #[test]
    fn moments_track_no_gradients() -> Result<()> {
        // Tracked, they would keep every step's tensors in state.
        let x = Var::new(&[1f32], &Device::Cpu)?;
        for optimiser in [Optimiser::Sgd, Optimiser::AdamW] {
            let settings = Settings { optimiser, ..Settings::default() };
            let mut moments = Moments::default();
            for steps in 1..3 {
                moments.update(&settings, steps, &x, &x.ones_like()?.detach(), 0.1, 0.5)?;
            }
            for moment in [moments.first, moments.second].iter().flatten() {
                assert!(!moment.track_op(), "{optimiser:?}");
            }
        }
        Ok(())
    }
}
