//! What a run is, to be saved and gone on with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::{Tensor, Var};

use super::{TEACHER, Trainer};
use crate::TrainError;
use crate::checkpoint::{self, Numbers, State};
use crate::optimiser::Memory;
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

    /// A copy of all variables, where they lie.
    pub(super) fn current(&self) -> Result<Numbers, TrainError> {
        let values = |(name, var): (String, &Var)| Ok((name, var.as_detached_tensor().copy()?));
        self.variables().into_iter().map(values).collect()
    }

    pub(super) fn set(&self, numbers: &Numbers) -> Result<(), TrainError> {
        for (name, var) in self.variables() {
            if let Some(values) = numbers.get(&name) {
                var.set(&alike(values, var)?)?;
            }
        }
        Ok(())
    }

    pub(super) fn checkpoint_file(&self) -> PathBuf {
        self.folder.join("last.safetensors")
    }

    pub(super) fn save(&mut self) -> Result<(), TrainError> {
        self.state.steps = self.memory.steps;
        let mut numbers = self.current()?;
        let named = |kind: &str, of: &Numbers| -> Numbers {
            of.iter().map(|(name, values)| (format!("{kind}/{name}"), values.clone())).collect()
        };
        numbers.extend(named("first", &self.memory.first));
        numbers.extend(named("second", &self.memory.second));
        numbers.extend(named("average", &self.averages));
        if let Some(proxies) = &self.proxies {
            numbers.insert(PROXIES.into(), proxies.as_detached_tensor());
        }
        if let Some(teacher) = &self.teacher {
            numbers.insert(TEACHER.into(), teacher.mean.clone());
        }
        checkpoint::save(&self.checkpoint_file(), &self.state, &numbers)
    }

    pub(super) fn restore(&mut self, state: State, mut numbers: Numbers) -> Result<(), TrainError> {
        let differs = [
            ("settings", state.settings != self.state.settings),
            ("products", state.classes != self.state.classes),
            ("the tutor", state.tutor != self.state.tutor),
            ("weights to begin with", state.began_with != self.state.began_with),
        ];
        if let Some((differs, _)) = differs.into_iter().find(|(_, differs)| *differs) {
            let (folder, differs) = (self.folder.clone(), differs.to_owned());
            return Err(TrainError::OtherRun { folder, differs });
        }
        for name in self.variables().keys() {
            if !numbers.contains_key(name) {
                let (path, reason) = (self.checkpoint_file(), format!("{name} is missing"));
                return Err(TrainError::DamagedCheckpoint { path, reason });
            }
        }
        self.set(&numbers)?;
        let device = self.network.device().candle();
        if let Some(values) = numbers.remove(PROXIES) {
            let proxies = values.reshape((self.state.classes.len(), ()))?.to_device(device)?;
            self.proxies = Some(Var::from_tensor(&proxies)?);
        }
        if let (Some(teacher), Some(mean)) = (&mut self.teacher, numbers.remove(TEACHER)) {
            teacher.mean = mean.reshape(teacher.mean.shape())?.to_device(device)?;
        }
        let of = |kind: &str, var: &dyn Fn(&str) -> Option<Var>| -> Result<Numbers, TrainError> {
            let named = numbers.iter().filter_map(|(name, values)| {
                let name = name.strip_prefix(kind)?;
                Some((name, values, var(name)?))
            });
            named.map(|(name, values, var)| Ok((name.to_owned(), alike(values, &var)?))).collect()
        };
        let trained = |name: &str| self.trained(name).cloned();
        let variables = self.variables();
        let variable = |name: &str| variables.get(name).map(|&var| var.clone());
        let (first, second) = (of("first/", &trained)?, of("second/", &trained)?);
        let averages = of("average/", &variable)?;
        self.memory = Memory { steps: state.steps, first, second };
        self.averages = averages;
        self.state = state;
        self.began = true;
        Ok(())
    }
}

/// Numbers in the shape of a variable, where it lies.
fn alike(numbers: &Tensor, var: &Var) -> candle_core::Result<Tensor> {
    numbers.reshape(var.shape())?.to_device(var.device())
}
