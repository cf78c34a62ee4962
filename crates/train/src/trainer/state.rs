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

    pub(super) fn current(&self) -> Result<Numbers, TrainError> {
        let values = |(name, var): (String, &Var)| Ok((name, var.flatten_all()?.to_vec1()?));
        self.variables().into_iter().map(values).collect()
    }

    pub(super) fn set(&self, numbers: &Numbers) -> Result<(), TrainError> {
        for (name, var) in self.variables() {
            if let Some(values) = numbers.get(&name) {
                var.set(&Tensor::from_slice(values, var.shape(), var.device())?)?;
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
            numbers.insert(PROXIES.into(), proxies.flatten_all()?.to_vec1()?);
        }
        if let Some(teacher) = &self.teacher {
            numbers.insert(TEACHER.into(), teacher.mean.flatten_all()?.to_vec1()?);
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
        let device = self.network.place().device();
        if let Some(values) = numbers.remove(PROXIES) {
            let shape = (self.state.classes.len(), values.len() / self.state.classes.len());
            let proxies = Tensor::from_vec(values, shape, device)?;
            self.proxies = Some(Var::from_tensor(&proxies)?);
        }
        if let (Some(teacher), Some(mean)) = (&mut self.teacher, numbers.remove(TEACHER)) {
            teacher.mean = Tensor::from_vec(mean, teacher.mean.shape(), device)?;
        }
        let of = |kind: &str| -> Numbers {
            let named = numbers.iter().filter_map(|(name, values)| {
                Some((name.strip_prefix(kind)?.to_owned(), values.clone()))
            });
            named.collect()
        };
        self.memory = Memory { steps: state.steps, first: of("first/"), second: of("second/") };
        self.averages = of("average/");
        self.state = state;
        self.began = true;
        Ok(())
    }
}
