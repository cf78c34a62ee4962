//! Photos to embeddings: one network or an ensemble, each network with its own preprocessing.

use std::path::Path;
use std::sync::Arc;
use std::vec::IntoIter;

use candle_core::Tensor;
use lookalike_backbone::{Backbone, BackboneError, BackboneKind, Device, LoadedBackbone};
use lookalike_detect::ActivationDetector;
use lookalike_photo::{
    DecodeLimits, DecodedPhoto, PhotoError, Preprocess, RgbImage, decode_damaged, decode_scaled,
};

use super::embedding::PhotoEmbedding;
use super::model::{Model, ModelPart, absolute};
use crate::metric::{MetricPrior, metric_priors};

/// Photos to embeddings: one network or several, each with its own preprocessing.
#[derive(Clone)]
pub struct Encoder {
    networks: Vec<Arc<dyn Backbone>>,
    /// The device that all of them run on.
    device: Device,
    /// How photos are prepared for each network.
    preprocess: Vec<Preprocess>,
    /// The ids of the products that each network's classifier knows, if it knows any.
    classes: Vec<Option<Vec<String>>>,
    model: Model,
    /// What is to be taken for known of each network's embeddings, in place of what the program knows.
    metric_priors: Option<Vec<Option<Arc<MetricPrior>>>>,
    limits: DecodeLimits,
}

/// The output of one network for a picture.
#[derive(Default)]
pub(super) struct NetworkOutput {
    pub(super) embedding: Vec<f32>,
    /// The probability of each class, if its classifier knows products.
    pub(super) probabilities: Option<Vec<f32>>,
}

/// For each network, the input tensors of several pictures, one after the other.
pub(super) type InputBatches = Vec<Vec<f32>>;

impl Encoder {
    /// An encoder of one network, with the default limits on decoding.
    pub fn new(loaded: LoadedBackbone) -> Self {
        Self::ensemble(vec![(loaded, 1.0)])
    }

    /// An encoder whose embeddings are those of several networks, concatenated. Each is first scaled to the square
    /// root of its weight, so that the cosine similarity of two photos is the weighted mean of the networks'
    /// similarities.
    ///
    /// # Panics
    /// When there is no network, or a weight is not a number above 0.
    pub fn ensemble(parts: Vec<(LoadedBackbone, f32)>) -> Self {
        let total: f32 = parts.iter().map(|(_, weight)| weight).sum();
        assert!(!parts.is_empty(), "an encoder needs a network");
        assert!(total.is_finite() && parts.iter().all(|(_, weight)| *weight > 0.0), "weights");
        let device = parts.first().map(|(loaded, _)| loaded.device.clone()).unwrap_or_default();
        let (mut networks, mut preprocess, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        let mut model = Model { parts: Vec::new() };
        for (loaded, weight) in parts {
            let outputs = loaded.network.classes();
            networks.push(loaded.network);
            preprocess.push(loaded.preprocess);
            classes.push(loaded.classes.filter(|ids| ids.len() == outputs));
            let (identity, weights) = (loaded.identity, absolute(&loaded.weights));
            model.parts.push(ModelPart { identity, weight: weight / total, weights });
        }
        let limits = DecodeLimits::default();
        Self { networks, device, preprocess, classes, model, metric_priors: None, limits }
    }

    /// With another prior of the metric, for the network that it is of, in place of the program's own; with none, without
    /// any.
    pub fn with_metric_prior(self, prior: Option<MetricPrior>) -> Self {
        let prior = prior.map(Arc::new);
        let parts = self.model.parts.iter();
        let priors = parts.map(|part| prior.clone().filter(|one| one.is_of(&part.identity)));
        Self { metric_priors: Some(priors.collect()), ..self }
    }

    /// For each network, what is known of its embeddings, if anything.
    pub(crate) fn metric_priors(&self) -> Vec<Option<Arc<MetricPrior>>> {
        // The program's own are read when an index is built, and not when the program starts.
        self.metric_priors.clone().unwrap_or_else(|| metric_priors(&self.model))
    }

    /// For each network, the ids of the products that its classifier knows, if it knows any, in the
    /// order of [`PhotoEmbedding::class_probabilities`].
    pub(crate) fn classes(&self) -> &[Option<Vec<String>>] {
        &self.classes
    }

    /// What makes the embeddings.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The device that the networks run on.
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// How many networks there are.
    pub(super) fn networks(&self) -> usize {
        self.networks.len()
    }

    /// A detector that uses the activation map of one of the networks: one that takes large photos if there is one.
    pub(crate) fn activation_detector(&self) -> ActivationDetector {
        let has_one_side = |number: &usize| {
            self.model.parts[*number].identity.backbone == BackboneKind::Vgg19.name()
        };
        let number = (0..self.networks.len()).find(|number| !has_one_side(number)).unwrap_or(0);
        let network = Arc::clone(&self.networks[number]);
        ActivationDetector::from_parts(network, self.preprocess[number], has_one_side(&number))
    }

    /// The bytes of a photo's file, no more than the limit.
    pub(crate) fn read(&self, file: &Path) -> Result<Vec<u8>, PhotoError> {
        lookalike_photo::read(file, &self.limits)
    }

    /// An upright photo, decoded with as many pixels as are needed to embed a crop of it whose longer side is
    /// `fraction` (above 0 to 1) of the photo's.
    pub(crate) fn decode(
        &self,
        bytes: &[u8],
        limits: &DecodeLimits,
        fraction: f64,
    ) -> Result<RgbImage, PhotoError> {
        Ok(decode_scaled(bytes, limits, self.longest(fraction))?.pixels)
    }

    /// As [`Self::decode`], of a photo that is searched for: a damaged one is taken as far as it goes.
    pub(crate) fn decode_query(
        &self,
        bytes: &[u8],
        limits: &DecodeLimits,
        fraction: f64,
    ) -> Result<DecodedPhoto, PhotoError> {
        decode_damaged(bytes, limits, self.longest(fraction))
    }

    fn longest(&self, fraction: f64) -> u32 {
        let longest = self.preprocess.iter().map(Preprocess::min_longer_side).max();
        (f64::from(longest.unwrap_or(u32::MAX)) / fraction) as u32
    }

    /// What a photo may cost to decode.
    pub(crate) fn limits(&self) -> DecodeLimits {
        self.limits
    }

    /// Sets what a photo may cost to decode.
    pub fn set_limits(&mut self, limits: DecodeLimits) {
        self.limits = limits;
    }

    /// Embeds upright pictures in one batch.
    pub(crate) fn embed_pictures(
        &self,
        pictures: &[RgbImage],
    ) -> Result<Vec<PhotoEmbedding>, BackboneError> {
        let mut batches = self.empty_batches();
        let all = vec![true; self.networks.len()];
        pictures.iter().for_each(|picture| self.preprocess(picture, &all, &mut batches));
        let mut outputs = self.run(vec![batches])?;
        let one = |_: &RgbImage| {
            let outputs = outputs.iter_mut().map(|output| output.next().unwrap_or_default());
            self.concatenate(outputs.collect())
        };
        Ok(pictures.iter().map(one).collect())
    }

    /// One empty batch for each network.
    pub(super) fn empty_batches(&self) -> InputBatches {
        vec![Vec::new(); self.networks.len()]
    }

    /// Adds an upright picture to the batches of the networks for which `wanted` is true.
    pub(super) fn preprocess(&self, picture: &RgbImage, wanted: &[bool], batches: &mut [Vec<f32>]) {
        for (number, preprocess) in self.preprocess.iter().enumerate() {
            let (before, rest) = batches.split_at_mut(number);
            let Some(batch) = rest.first_mut().filter(|_| wanted[number]) else { continue };
            let start = batch.len();
            // Networks with the same preprocessing share its result.
            let mut earlier = self.preprocess[..number].iter().zip(wanted);
            match earlier.position(|(earlier, &wanted)| wanted && earlier == preprocess) {
                Some(same) => {
                    let from = before[same].len() - preprocess.tensor_len();
                    batch.extend_from_slice(&before[same][from..]);
                }
                None => {
                    batch.resize(start + preprocess.tensor_len(), 0.0);
                    preprocess.write_tensor(picture, &mut batch[start..]);
                }
            }
        }
    }

    /// The outputs of each network for the pictures in all of its batches, in order.
    pub(super) fn run(
        &self,
        batches: Vec<InputBatches>,
    ) -> Result<Vec<IntoIter<NetworkOutput>>, BackboneError> {
        let mut of_network: Vec<Vec<Tensor>> = vec![Vec::new(); self.networks.len()];
        for (number, batch) in
            batches.into_iter().flat_map(|batches| batches.into_iter().enumerate())
        {
            let preprocess = &self.preprocess[number];
            let (photos, side) = (batch.len() / preprocess.tensor_len(), preprocess.size());
            if photos > 0 {
                let shape = (photos, 3, side, side);
                of_network[number].push(Tensor::from_vec(batch, shape, self.device.candle())?);
            }
        }
        let mut outputs = Vec::with_capacity(self.networks.len());
        for (number, batches) in of_network.into_iter().enumerate() {
            if batches.is_empty() {
                outputs.push(Vec::new().into_iter());
                continue;
            }
            let (network, batch) = (&self.networks[number], Tensor::cat(&batches, 0)?);
            let (embeddings, probabilities) = if self.classes[number].is_some() {
                let (embeddings, logits) = network.embed_and_logits(&batch)?;
                let logits = logits.to_vec2::<f32>()?.into_iter();
                (embeddings, logits.map(|logits| Some(softmax(logits))).collect())
            } else {
                (network.embed(&batch)?, vec![None; batch.dim(0)?])
            };
            let each = embeddings.to_vec2::<f32>()?.into_iter().zip(probabilities);
            let each =
                each.map(|(embedding, probabilities)| NetworkOutput { embedding, probabilities });
            outputs.push(each.collect::<Vec<_>>().into_iter());
        }
        Ok(outputs)
    }

    /// One embedding from the outputs of all networks.
    pub(super) fn concatenate(&self, mut outputs: Vec<NetworkOutput>) -> PhotoEmbedding {
        let probabilities = |output: &mut NetworkOutput| output.probabilities.take();
        let class_probabilities =
            outputs.iter_mut().map(|output| probabilities(output).unwrap_or_default()).collect();
        let embeddings = outputs.into_iter().map(|output| output.embedding).collect();
        PhotoEmbedding { embedding: self.model.concatenate(embeddings), class_probabilities }
    }
}

/// Probabilities from logits.
fn softmax(mut logits: Vec<f32>) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - most).exp());
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|probability| *probability /= sum);
    logits
}
