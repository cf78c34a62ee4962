use std::path::Path;

use candle_core::{Device, Tensor};
use lookalike_backbone::{BackboneError, LoadedBackbone, ModelIdentity};
use lookalike_photo::{DecodeLimits, PhotoError, decode};
use sha2::{Digest, Sha256};

/// Photos to embeddings: a network with the one way of preparing photos for it.
pub struct Encoder {
    loaded: LoadedBackbone,
    limits: DecodeLimits,
}

/// A photo's embedding and the checksum of its file.
pub(crate) struct Encoded {
    pub(crate) embedding: Vec<f32>,
    pub(crate) sha256: [u8; 32],
}

/// Why a photo has no embedding.
pub(crate) const SEES_NOTHING: &str = "the network sees nothing in it: try another photo";

/// Whether an embedding has no direction.
pub(crate) fn is_blind(embedding: &[f32]) -> bool {
    embedding.iter().all(|&x| x == 0.0) || embedding.iter().any(|x| !x.is_finite())
}

impl Encoder {
    /// An encoder with the default limits on what a photo may cost.
    pub fn new(loaded: LoadedBackbone) -> Self {
        Self { loaded, limits: DecodeLimits::default() }
    }

    /// What is stored with the embeddings.
    pub fn identity(&self) -> &ModelIdentity {
        &self.loaded.identity
    }

    /// The weights file.
    pub fn weights(&self) -> &Path {
        &self.loaded.weights
    }

    /// Embeds photos in one batch. A photo that cannot be used has its reason in its place.
    ///
    /// # Errors
    /// When the network itself fails.
    pub(crate) fn encode_files(
        &self,
        files: &[&Path],
    ) -> Result<Vec<Result<Encoded, String>>, BackboneError> {
        let mut batch = Vec::new();
        let mut prepared = Vec::with_capacity(files.len());
        for file in files {
            let photo = self.read(file).and_then(|bytes| {
                self.prepare(&bytes, &mut batch)?;
                Ok(Sha256::digest(&bytes).into())
            });
            prepared.push(photo.map_err(|error| error.to_string()));
        }
        let mut embeddings = self.embed(batch)?.into_iter();
        let encoded = prepared.into_iter().map(|sha256| {
            let sha256 = sha256?;
            let embedding = embeddings.next().unwrap_or_default();
            if is_blind(&embedding) {
                return Err(SEES_NOTHING.to_owned());
            }
            Ok(Encoded { embedding, sha256 })
        });
        Ok(encoded.collect())
    }

    /// The embedding of one photo from the bytes of its file.
    pub(crate) fn encode(
        &self,
        bytes: &[u8],
    ) -> Result<Result<Vec<f32>, PhotoError>, BackboneError> {
        let mut batch = Vec::new();
        match self.prepare(bytes, &mut batch) {
            Ok(()) => Ok(Ok(self.embed(batch)?.pop().unwrap_or_default())),
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

    fn prepare(&self, bytes: &[u8], batch: &mut Vec<f32>) -> Result<(), PhotoError> {
        let photo = decode(bytes, &self.limits)?;
        let start = batch.len();
        batch.resize(start + self.loaded.preprocess.len(), 0.0);
        self.loaded.preprocess.write_tensor(&photo.pixels, &mut batch[start..]);
        Ok(())
    }

    fn embed(&self, batch: Vec<f32>) -> Result<Vec<Vec<f32>>, BackboneError> {
        let photos = batch.len() / self.loaded.preprocess.len();
        if photos == 0 {
            return Ok(Vec::new());
        }
        let side = self.loaded.preprocess.size();
        let tensor = Tensor::from_vec(batch, (photos, 3, side, side), &Device::Cpu)?;
        Ok(self.loaded.network.embed(&tensor)?.to_vec2()?)
    }
}
