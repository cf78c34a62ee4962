//! Saving and restoring a run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::{Tensor, Var};

use super::{INITIAL_MEAN, Trainer};
use crate::TrainError;
use crate::checkpoint::{self, State, Tensors};
use crate::optimiser::OptimiserState;
use crate::step::PROXIES;

impl Trainer {
    /// All variables by their names in a checkpoint.
    pub(super) fn variables(&self) -> BTreeMap<String, &Var> {
        let named = |kind: &str, (name, var)| (format!("{kind}/{name}"), var);
        let parameters = self.network.parameters().iter().map(|v| named("parameter", v));
        let statistics = self.network.statistics().iter().map(|v| named("statistic", v));
        parameters.chain(statistics).collect()
    }

    /// A parameter, or the proxies, by its name among the gradients.
    pub(super) fn trained(&self, name: &str) -> Option<&Var> {
        let proxies = self.proxies.as_ref().filter(|_| name == PROXIES);
        proxies.or_else(|| self.network.parameters().get(name))
    }

    /// A copy of all variables, on their device.
    pub(super) fn current(&self) -> Result<Tensors, TrainError> {
        let values = |(name, var): (String, &Var)| Ok((name, var.as_detached_tensor().copy()?));
        self.variables().into_iter().map(values).collect()
    }

    pub(super) fn set(&self, tensors: &Tensors) -> Result<(), TrainError> {
        for (name, var) in self.variables() {
            if let Some(values) = tensors.get(&name) {
                var.set(&reshaped_like(values, var)?)?;
            }
        }
        Ok(())
    }

    pub(super) fn checkpoint_file(&self) -> PathBuf {
        self.folder.join("last.safetensors")
    }

    pub(super) fn save(&mut self) -> Result<(), TrainError> {
        self.state.steps = self.optimiser.steps;
        let mut tensors = self.current()?;
        let named = |kind: &str, of: &Tensors| -> Tensors {
            of.iter().map(|(name, values)| (format!("{kind}/{name}"), values.clone())).collect()
        };
        tensors.extend(named("first", &self.optimiser.first));
        tensors.extend(named("second", &self.optimiser.second));
        tensors.extend(named("average", &self.averages));
        if let Some(proxies) = &self.proxies {
            tensors.insert(PROXIES.into(), proxies.as_detached_tensor());
        }
        if let Some(initial) = &self.initial {
            tensors.insert(INITIAL_MEAN.into(), initial.mean.clone());
        }
        checkpoint::save(&self.checkpoint_file(), &self.state, &tensors)
    }

    pub(super) fn restore(&mut self, state: State, mut tensors: Tensors) -> Result<(), TrainError> {
        let differs = [
            ("settings", state.settings != self.state.settings),
            ("products", state.classes != self.state.classes),
            ("teacher weights", state.teacher != self.state.teacher),
            ("initial weights", state.initial != self.state.initial),
        ];
        if let Some((differs, _)) = differs.into_iter().find(|(_, differs)| *differs) {
            let (folder, differs) = (self.folder.clone(), differs.to_owned());
            return Err(TrainError::OtherRun { folder, differs });
        }
        for name in self.variables().keys() {
            if !tensors.contains_key(name) {
                let (path, reason) = (self.checkpoint_file(), format!("{name} is missing"));
                return Err(TrainError::DamagedCheckpoint { path, reason });
            }
        }
        self.set(&tensors)?;
        let device = self.network.device().candle();
        if let Some(values) = tensors.remove(PROXIES) {
            let proxies = values.reshape((self.state.classes.len(), ()))?.to_device(device)?;
            self.proxies = Some(Var::from_tensor(&proxies)?);
        }
        if let (Some(initial), Some(mean)) = (&mut self.initial, tensors.remove(INITIAL_MEAN)) {
            initial.mean = mean.reshape(initial.mean.shape())?.to_device(device)?;
        }
        let of = |kind: &str, var: &dyn Fn(&str) -> Option<Var>| -> Result<Tensors, TrainError> {
            let named = tensors.iter().filter_map(|(name, values)| {
                let name = name.strip_prefix(kind)?;
                Some((name, values, var(name)?))
            });
            named
                .map(|(name, values, var)| Ok((name.to_owned(), reshaped_like(values, &var)?)))
                .collect()
        };
        let trained = |name: &str| self.trained(name).cloned();
        let variables = self.variables();
        let variable = |name: &str| variables.get(name).map(|&var| var.clone());
        let (first, second) = (of("first/", &trained)?, of("second/", &trained)?);
        let averages = of("average/", &variable)?;
        self.optimiser = OptimiserState { steps: state.steps, first, second };
        self.averages = averages;
        self.state = state;
        self.began = true;
        Ok(())
    }
}

/// A tensor in the shape of a variable, on its device.
fn reshaped_like(values: &Tensor, var: &Var) -> candle_core::Result<Tensor> {
    values.reshape(var.shape())?.to_device(var.device())
}
