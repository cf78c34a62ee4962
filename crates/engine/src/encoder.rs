use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use lookalike_backbone::{Backbone, BackboneError, LoadedBackbone, map_on_cores};
use lookalike_photo::{DecodeLimits, PhotoError, Preprocess, decode};
use sha2::{Digest, Sha256};

use crate::model::absolute;
use crate::{EngineError, Model, ModelPart, Progress, Stage};

/// Photos embedded at once by each core. More are slower: their activations leave the core's cache.
const BATCH: usize = 4;

/// Photos whose results are gathered before the next ones begin.
const CHUNK: usize = 512;

/// Photos to embeddings: one network or several, each with its one way of preparing photos.
pub struct Encoder {
    networks: Vec<Box<dyn Backbone>>,
    /// How photos are prepared for each network.
    preprocess: Vec<Preprocess>,
    /// The products that each network's classifier knows, by their ids, if it knows any.
    classes: Vec<Option<Vec<String>>>,
    model: Model,
    limits: DecodeLimits,
}

/// What the networks make of a photo, and the checksum of its file.
pub(crate) struct Encoded {
    pub(crate) embedding: Vec<f32>,
    /// See [`Output::shares`].
    pub(crate) shares: Vec<Vec<f32>>,
    pub(crate) sha256: [u8; 32],
}

/// What the networks make of a photo.
#[derive(Default)]
struct Output {
    embedding: Vec<f32>,
    /// For each network whose classifier knows products, the probability of each class.
    shares: Vec<Vec<f32>>,
}

/// Why a photo has no embedding.
pub(crate) const SEES_NOTHING: &str = "the network sees nothing in it: try another photo";

/// Whether an embedding has no direction.
pub(crate) fn is_blind(embedding: &[f32]) -> bool {
    embedding.iter().all(|&x| x == 0.0) || embedding.iter().any(|x| !x.is_finite())
}

impl Encoder {
    /// An encoder of one network, with the default limits on what a photo may cost.
    pub fn new(loaded: LoadedBackbone) -> Self {
        Self::blend(vec![(loaded, 1.0)])
    }

    /// An encoder whose embeddings are those of several networks side by side, each first scaled to
    /// length 1 and then by the root of its share: the cosine similarity of two photos is the mean of
    /// the networks' similarities, weighted by their shares.
    ///
    /// # Panics
    /// When there is no network, or a share is not a number above 0.
    pub fn blend(parts: Vec<(LoadedBackbone, f32)>) -> Self {
        let total: f32 = parts.iter().map(|(_, share)| share).sum();
        assert!(!parts.is_empty(), "an encoder needs a network");
        assert!(total.is_finite() && parts.iter().all(|(_, share)| *share > 0.0), "shares");
        let (mut networks, mut preprocess, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        let mut model = Model { parts: Vec::new() };
        for (loaded, share) in parts {
            networks.push(loaded.network);
            preprocess.push(loaded.preprocess);
            classes.push(loaded.classes.filter(|ids| ids.len() == networks_classes(&networks)));
            let (identity, weights) = (loaded.identity, absolute(&loaded.weights));
            model.parts.push(ModelPart { identity, share: share / total, weights });
        }
        Self { networks, preprocess, classes, model, limits: DecodeLimits::default() }
    }

    /// The networks whose classifiers know products: their names, and the ids of the products in the
    /// order of [`Encoded::shares`].
    pub(crate) fn classifiers(&self) -> Vec<(&str, &[String])> {
        let parts = self.model.parts.iter().zip(&self.classes);
        let known = parts.filter_map(|(part, ids)| {
            Some((part.identity.backbone.as_str(), ids.as_ref()?.as_slice()))
        });
        known.collect()
    }

    /// What makes the embeddings.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Embeds photos on all cores, in the photos' order. A photo that cannot be used has its reason in
    /// its place.
    ///
    /// # Errors
    /// When a network itself fails.
    pub fn embed_files(
        &self,
        files: &[PathBuf],
        progress: &dyn Progress,
    ) -> Result<Vec<Result<Vec<f32>, String>>, EngineError> {
        progress.begin(Stage::Embed, files.len() as u64);
        let mut embeddings = Vec::with_capacity(files.len());
        for chunk in files.chunks(CHUNK) {
            let encoded = self.encode_all(chunk, progress)?;
            embeddings.extend(encoded.into_iter().map(|photo| photo.map(|p| p.embedding)));
        }
        progress.end();
        Ok(embeddings)
    }

    /// Embeds photos on all cores; the results come in the photos' order.
    pub(crate) fn encode_all(
        &self,
        files: &[PathBuf],
        progress: &dyn Progress,
    ) -> Result<Vec<Result<Encoded, String>>, EngineError> {
        let batches: Vec<&[PathBuf]> = files.chunks(BATCH).collect();
        let encoded = map_on_cores(&batches, |batch| {
            let encoded = self.encode_batch(batch);
            progress.advance(batch.len() as u64);
            encoded
        });
        let encoded: Vec<_> = encoded.into_iter().collect::<Result<_, _>>()?;
        Ok(encoded.into_iter().flatten().collect())
    }

    /// Embeds photos in one batch. A photo that cannot be used has its reason in its place.
    ///
    /// # Errors
    /// When the network itself fails.
    fn encode_batch(
        &self,
        files: &[PathBuf],
    ) -> Result<Vec<Result<Encoded, String>>, BackboneError> {
        let mut batch = self.no_photos();
        let mut prepared = Vec::with_capacity(files.len());
        for file in files {
            let photo = self.read(file).and_then(|bytes| {
                self.prepare(&bytes, &mut batch)?;
                Ok(Sha256::digest(&bytes).into())
            });
            prepared.push(photo.map_err(|error| error.to_string()));
        }
        let mut outputs = self.run(batch)?.into_iter();
        let encoded = prepared.into_iter().map(|sha256| {
            let sha256 = sha256?;
            let Output { embedding, shares } = outputs.next().unwrap_or_default();
            if is_blind(&embedding) {
                return Err(SEES_NOTHING.to_owned());
            }
            Ok(Encoded { embedding, shares, sha256 })
        });
        Ok(encoded.collect())
    }

    /// The embedding of one photo from the bytes of its file.
    pub(crate) fn encode(
        &self,
        bytes: &[u8],
    ) -> Result<Result<Vec<f32>, PhotoError>, BackboneError> {
        let mut batch = self.no_photos();
        match self.prepare(bytes, &mut batch) {
            Ok(()) => Ok(Ok(self.run(batch)?.pop().unwrap_or_default().embedding)),
            Err(error) => Ok(Err(error)),
        }
    }

    /// The bytes of a photo's file, no more than the limit.
    pub(crate) fn read(&self, file: &Path) -> Result<Vec<u8>, PhotoError> {
        lookalike_photo::read(file, &self.limits)
    }

    /// Sets what a photo may cost.
    pub fn set_limits(&mut self, limits: DecodeLimits) {
        self.limits = limits;
    }

    /// One empty batch for each network.
    fn no_photos(&self) -> Vec<Vec<f32>> {
        vec![Vec::new(); self.networks.len()]
    }

    /// Adds a photo to the networks' batches.
    fn prepare(&self, bytes: &[u8], batches: &mut [Vec<f32>]) -> Result<(), PhotoError> {
        let photo = decode(bytes, &self.limits)?;
        for (number, preprocess) in self.preprocess.iter().enumerate() {
            let (before, rest) = batches.split_at_mut(number);
            let Some(batch) = rest.first_mut() else { continue };
            let start = batch.len();
            // Networks that want the same input get the same input.
            match self.preprocess[..number].iter().position(|earlier| earlier == preprocess) {
                Some(same) => batch.extend_from_slice(&before[same][start..]),
                None => {
                    batch.resize(start + preprocess.len(), 0.0);
                    preprocess.write_tensor(&photo.pixels, &mut batch[start..]);
                }
            }
        }
        Ok(())
    }

    fn run(&self, batches: Vec<Vec<f32>>) -> Result<Vec<Output>, BackboneError> {
        let mut outputs: Vec<Output> = Vec::new();
        let networks = self.networks.iter().zip(&self.classes).zip(&self.preprocess);
        let networks = networks.zip(&self.model.parts);
        for ((((network, classes), preprocess), part), batch) in networks.zip(batches) {
            let photos = batch.len() / preprocess.len();
            if photos == 0 {
                return Ok(Vec::new());
            }
            let side = preprocess.size();
            let tensor = Tensor::from_vec(batch, (photos, 3, side, side), &Device::Cpu)?;
            outputs.resize_with(photos, Output::default);
            let embeddings = if classes.is_some() {
                let (embeddings, logits) = network.embed_and_logits(&tensor)?;
                let shares = logits.to_vec2::<f32>()?.into_iter().map(softmax);
                outputs.iter_mut().zip(shares).for_each(|(output, s)| output.shares.push(s));
                embeddings
            } else {
                network.embed(&tensor)?
            };
            for (output, mut row) in outputs.iter_mut().zip(embeddings.to_vec2::<f32>()?) {
                if self.networks.len() > 1 {
                    scale_to(part.share.sqrt(), &mut row);
                }
                output.embedding.append(&mut row);
            }
        }
        Ok(outputs)
    }
}

/// Probabilities from logits.
fn softmax(mut logits: Vec<f32>) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - most).exp());
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|share| *share /= sum);
    logits
}

/// Classes of the network that was added last.
fn networks_classes(networks: &[Box<dyn Backbone>]) -> usize {
    networks.last().map_or(0, |network| network.classes())
}

/// Scales a vector to a length; one without a direction stays as it is.
fn scale_to(length: f32, vector: &mut [f32]) {
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if square > 0.0 {
        let factor = (f64::from(length) / square.sqrt()) as f32;
        vector.iter_mut().for_each(|x| *x *= factor);
    }
}
