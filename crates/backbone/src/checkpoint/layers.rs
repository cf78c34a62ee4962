//! Layers from a weights file: batch norm folded into the convolution for inference, apart and variable for
//! training.

use candle_core::{DType, Device, Tensor, Var};

use super::names::Naming;
use super::reader::{Checkpoint, is_head};
use super::variables::Use;
use crate::BackboneError;
use crate::layers::batch_norm::BatchNorm;
use crate::layers::conv::{BiasOrNorm, Conv};
use crate::ops::activation::Activation;
use crate::ops::conv::ConvShape;
use crate::ops::random::kaiming_normal;

impl Checkpoint {
    /// A convolution by its own name (`blocks.3.expand`), batch norm folded into it.
    ///
    /// `wanted` is the shape of its weight: `(out, in / groups, k, k)`.
    pub(crate) fn conv(
        &self,
        layer: &str,
        wanted: [usize; 4],
        shape: ConvShape,
        activation: Activation,
    ) -> Result<Conv, BackboneError> {
        let names = self.naming.layer(layer);
        let weight_name = format!("{}.weight", names.layer);
        let stage = self.kind.stage_of(layer);
        if self.new_head(layer).is_some() {
            let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu);
            let weight = self.variable(&weight_name, zeros(&wanted)?, stage)?;
            let bias =
                self.variable(&format!("{}.bias", names.layer), zeros(&wanted[..1])?, stage)?;
            return Ok(Conv::new(weight, BiasOrNorm::Bias(bias), shape, activation));
        }
        if self.is_left_out(&weight_name) {
            let weight = self.variable(&weight_name, kaiming_normal(&wanted, layer)?, stage)?;
            let bias_name = format!("{}.bias", names.layer);
            let zeros = Tensor::zeros(wanted[0], DType::F32, &Device::Cpu)?;
            let bias_or_norm = match self.used_for {
                Use::Training(setup) if setup.add_norms && may_be_normed(layer) => {
                    BiasOrNorm::Norm(self.added_norm(&names.layer, &zeros, stage, true)?)
                }
                _ => BiasOrNorm::Bias(self.variable(&bias_name, zeros, stage)?),
            };
            return Ok(Conv::new(weight, bias_or_norm, shape, activation));
        }
        // A 1x1 layer on pooled features may be stored as a matrix, and a dense layer on a whole map as a
        // convolution with a kernel of the map's size.
        let found = self.shape(&weight_name)?;
        let is_matrix = wanted[2..] == [1, 1] && found[..] == wanted[..2];
        let is_map = wanted[2..] == [1, 1]
            && found.len() == 4
            && found[0] == wanted[0]
            && found[1..].iter().product::<usize>() == wanted[1];
        let stored = if is_matrix || is_map { found.clone() } else { wanted.to_vec() };
        let weight = self.parameter(&weight_name, &stored, stage)?;
        let weight = weight.reshape(&wanted[..])?;
        let channels = wanted[0];
        let (weight, bias_or_norm) = match (names.norm, self.used_for) {
            (None, Use::Training(setup)) if setup.add_norms && may_be_normed(layer) => {
                let bias = self.tensor(&format!("{}.bias", names.layer), &[channels])?;
                let norm = self.added_norm(&names.layer, &bias, stage, false)?;
                (weight, BiasOrNorm::Norm(norm))
            }
            (None, _) => {
                let bias = self.parameter(&format!("{}.bias", names.layer), &[channels], stage)?;
                (weight, BiasOrNorm::Bias(bias))
            }
            (Some(norm), Use::Inference) => {
                let (weight, bias) = self.fold(weight, &norm, channels)?;
                (weight, BiasOrNorm::Bias(bias))
            }
            (Some(norm), Use::Training(_)) => {
                (weight, BiasOrNorm::Norm(self.norm(&norm, channels, stage)?))
            }
        };
        let (weight, bias_or_norm) = match (self.used_for, bias_or_norm) {
            (Use::Inference, BiasOrNorm::Bias(bias)) => {
                (self.device.upload(&weight)?, BiasOrNorm::Bias(self.device.upload(&bias)?))
            }
            variables => (weight, variables.1),
        };
        Ok(Conv::new(weight, bias_or_norm, shape, activation))
    }

    /// The classifier on embeddings of `input` values. None, if the file has none and no new one is to be trained: then
    /// it is a network for embeddings only.
    pub(crate) fn classifier(
        &self,
        layer: &str,
        input: usize,
    ) -> Result<Option<Conv>, BackboneError> {
        let name = self.naming.layer(layer).layer;
        let has = |part: &str| self.file.shapes.contains_key(&format!("{name}.{part}"));
        if self.new_head(layer).is_none() && !has("weight") && !has("bias") {
            return Ok(None);
        }
        let shape = [self.outputs(layer)?, input, 1, 1];
        self.conv(layer, shape, ConvShape::Pointwise, Activation::None).map(Some)
    }

    /// `gamma * (conv(x) - mean) / sqrt(variance + eps) + beta` as a weight and a bias.
    fn fold(
        &self,
        weight: Tensor,
        norm: &str,
        channels: usize,
    ) -> Result<(Tensor, Tensor), BackboneError> {
        let part = |name: &str| self.tensor(&format!("{norm}.{name}"), &[channels]);
        let deviation = (part("running_var")? + self.naming.batch_norm_eps())?.sqrt()?;
        let scale = (part("weight")? / deviation)?;
        // The root of a negative variance; ReLU would hide it behind zeros.
        self.check_finite(&scale, &format!("{norm}.running_var"))?;
        let bias = (part("bias")? - (part("running_mean")? * &scale)?)?;
        Ok((weight.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?, bias))
    }

    fn norm(&self, norm: &str, channels: usize, stage: usize) -> Result<BatchNorm, BackboneError> {
        let statistic = |part: &str| {
            let name = format!("{norm}.{part}");
            let value = self.tensor(&name, &[channels])?;
            self.statistic(name, &value)
        };
        let (mean, variance) = (statistic("running_mean")?, statistic("running_var")?);
        let eps = self.naming.batch_norm_eps();
        let deviation = (variance.as_tensor() + eps)?.sqrt()?;
        self.check_finite(&deviation, &format!("{norm}.running_var"))?;
        let part = |part: &str| {
            let name = format!("{norm}.{part}");
            self.new_variable(&name, &self.tensor(&name, &[channels])?, stage)
        };
        let (gamma, beta) = (part("weight")?, part("bias")?);
        Ok(BatchNorm { gamma, beta, mean, variance, eps, is_new: false })
    }

    /// A batch norm behind a layer that has a bias: as if it were not there.
    fn added_norm(
        &self,
        layer: &str,
        bias: &Tensor,
        stage: usize,
        is_new: bool,
    ) -> Result<BatchNorm, BackboneError> {
        let eps = self.naming.batch_norm_eps();
        let (zeros, ones) = (bias.zeros_like()?, bias.ones_like()?);
        let name = |part: &str| format!("{layer}.norm.{part}");
        let norm = BatchNorm {
            gamma: self.new_variable(&name("weight"), &ones, stage)?,
            beta: self.new_variable(&name("bias"), bias, stage)?,
            mean: self.statistic(name("running_mean"), &zeros)?,
            variance: self.statistic(name("running_var"), &(ones - eps)?)?,
            eps,
            is_new,
        };
        self.variables.borrow_mut().added.push((layer.to_owned(), norm.clone()));
        Ok(norm)
    }

    fn statistic(&self, name: String, value: &Tensor) -> Result<Var, BackboneError> {
        let statistic = Var::from_tensor(&value.to_device(self.device.candle())?)?;
        self.variables.borrow_mut().statistics.insert(name, statistic.clone());
        Ok(statistic)
    }

    /// A tensor that training changes, then as a variable.
    fn parameter(
        &self,
        name: &str,
        wanted: &[usize],
        stage: usize,
    ) -> Result<Tensor, BackboneError> {
        let tensor = self.tensor(name, wanted)?;
        if self.used_for == Use::Inference {
            Ok(tensor)
        } else {
            self.variable(name, tensor, stage)
        }
    }

    fn variable(&self, name: &str, value: Tensor, stage: usize) -> Result<Tensor, BackboneError> {
        Ok(self.new_variable(name, &value, stage)?.as_tensor().clone())
    }

    fn new_variable(&self, name: &str, value: &Tensor, stage: usize) -> Result<Var, BackboneError> {
        let variable = Var::from_tensor(&value.to_device(self.device.candle())?)?;
        let mut variables = self.variables.borrow_mut();
        variables.parameters.insert(name.to_owned(), variable.clone());
        variables.stages.insert(name.to_owned(), stage);
        Ok(variable)
    }

    /// Whether a layer is to be trained from scratch, since the file has only the network's first blocks.
    fn is_left_out(&self, weight: &str) -> bool {
        let is_part = self.naming == Naming::PlainVgg && self.used_for != Use::Inference;
        is_part && !self.file.shapes.contains_key(weight)
    }
}

/// Whether a batch norm may be added behind a layer. Layers on pooled features have one value a photo and
/// channel, too few for statistics.
fn may_be_normed(layer: &str) -> bool {
    let pooled = ["conv_2", "dense_1", "dense_2"].contains(&layer);
    !(pooled || is_head(layer) || layer.ends_with("squeeze") || layer.ends_with("excite"))
}
