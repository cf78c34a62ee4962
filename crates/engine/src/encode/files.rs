//! Photos in files to embeddings, on all cores and through the cache.

use std::path::PathBuf;

use lookalike_backbone::stream;
use lookalike_photo::PerceptualHash;
use sha2::{Digest, Sha256};

use super::embedding::{EMPTY_EMBEDDING, FileEmbedding, PhotoEmbedding, is_degenerate};
use super::embedding_cache::{CachedPhoto, EmbeddingCache};
use super::encoder::{Encoder, InputBatches, NetworkOutput};
use super::fingerprints::FileFingerprint;
use crate::error::EngineError;
use crate::progress::{EMBED, Phase, Progress};

/// Photos that a core prepares and embeds at once. More are slower: their activations leave its cache.
const CPU_BATCH: usize = 1;
/// Photos that a core prepares at once for a GPU, which takes several of these batches together.
const GPU_BATCH: usize = 8;

/// What is known of a photo before it is embedded.
struct Cached {
    /// The checksum of its file.
    sha256: [u8; 32],
    perceptual_hash: PerceptualHash,
    /// For each network, the embedding if the cache has it.
    embeddings: Vec<Option<Vec<f32>>>,
}

/// Photos of a batch, read and preprocessed.
struct Prepared {
    /// Of each photo what the cache has, or why the photo cannot be used.
    photos: Vec<Result<Cached, String>>,
    /// For each network, the input tensors of the photos that the cache lacks.
    batches: InputBatches,
}

impl Encoder {
    /// Embeds photos on all cores, in the photos' order: embeddings of length
    /// [`Model::embedding_dim`](super::Model::embedding_dim). A photo that cannot be used has its reason
    /// instead.
    ///
    /// # Errors
    /// When a network itself fails.
    pub fn embed_files(
        &self,
        files: &[PathBuf],
        progress: &dyn Progress,
    ) -> Result<Vec<Result<Vec<f32>, String>>, EngineError> {
        progress.begin(Phase::items(EMBED, files.len() as u64));
        let mut embeddings = Vec::with_capacity(files.len());
        self.embed_each(files, None, progress, |file| {
            embeddings.push(file.map(|file| file.photo.embedding));
            Ok(())
        })?;
        progress.end();
        Ok(embeddings)
    }

    /// Embeds photos on all cores; the results come in the photos' order.
    pub(super) fn embed_all(
        &self,
        files: &[PathBuf],
        progress: &dyn Progress,
    ) -> Result<Vec<Result<FileEmbedding, String>>, EngineError> {
        let mut all = Vec::with_capacity(files.len());
        self.embed_each(files, None, progress, |photo| {
            all.push(photo);
            Ok(())
        })?;
        Ok(all)
    }

    /// Embeds photos on all cores, and passes each to `then` in the photos' order as soon as it and those before it
    /// are embedded. Photos that the cache has are not embedded again, and those that it lacks are added to it; with
    /// a cache, class probabilities are not to be relied on.
    ///
    /// # Errors
    /// When a network itself fails, the cache cannot be written, or `then` fails.
    pub(crate) fn embed_each(
        &self,
        files: &[PathBuf],
        cache: Option<&EmbeddingCache>,
        progress: &dyn Progress,
        mut then: impl FnMut(Result<FileEmbedding, String>) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let batch = if self.device().is_cpu() { CPU_BATCH } else { GPU_BATCH };
        let batches: Vec<&[PathBuf]> = files.chunks(batch).collect();
        let prepare = |batch: &&[PathBuf]| self.prepare_batch(batch, cache);
        let compute = |prepared: Vec<Prepared>| {
            let photos = prepared.iter().map(|prepared| prepared.photos.len() as u64).sum();
            let embedded = self.embed_batches(prepared, cache);
            progress.advance(photos);
            embedded
        };
        stream(self.device(), &batches, prepare, compute, |photos| {
            photos.into_iter().try_for_each(&mut then)
        })
    }

    /// Reads photos, and preprocesses those that the cache lacks.
    fn prepare_batch(&self, files: &[PathBuf], cache: Option<&EmbeddingCache>) -> Prepared {
        let networks = 0..self.networks();
        let mut batches = self.empty_batches();
        let mut photos = Vec::with_capacity(files.len());
        for file in files {
            let fingerprint = cache.and_then(|_| FileFingerprint::of(file));
            let both = cache.zip(fingerprint);
            let unchanged = both.and_then(|(cache, print)| cache.of_file(file, print));
            if let Some(CachedPhoto { sha256, perceptual_hash, embeddings }) = unchanged {
                let embeddings = embeddings.into_iter().map(Some).collect();
                photos.push(Ok(Cached { sha256, perceptual_hash, embeddings }));
                continue;
            }
            let photo = self.read(file).and_then(|bytes| {
                let sha256: [u8; 32] = Sha256::digest(&bytes).into();
                let cached = |network| cache.and_then(|cache| cache.get(network, &sha256));
                let embeddings: Vec<Option<Vec<f32>>> = networks.clone().map(cached).collect();
                let lacking: Vec<bool> = embeddings.iter().map(Option::is_none).collect();
                let known_hash = cache.and_then(|cache| cache.perceptual_hash(&sha256));
                let perceptual_hash = match known_hash.filter(|_| !lacking.contains(&true)) {
                    Some(hash) => hash,
                    None => {
                        let picture = self.decode(&bytes, &self.limits(), 1.0)?;
                        self.preprocess(&picture, &lacking, &mut batches);
                        PerceptualHash::of(&picture)
                    }
                };
                if let Some((cache, fingerprint)) = both {
                    cache.note_file(file, fingerprint, sha256);
                }
                Ok(Cached { sha256, perceptual_hash, embeddings })
            });
            photos.push(photo.map_err(|error| error.to_string()));
        }
        Prepared { photos, batches }
    }

    /// Embeds the photos of several batches together; they stay apart in the result.
    fn embed_batches(
        &self,
        prepared: Vec<Prepared>,
        cache: Option<&EmbeddingCache>,
    ) -> Result<Vec<Vec<Result<FileEmbedding, String>>>, EngineError> {
        let (photos, batches): (Vec<_>, Vec<_>) =
            prepared.into_iter().map(|prepared| (prepared.photos, prepared.batches)).unzip();
        let mut outputs = self.run(batches)?;
        let mut embed = |photo: Result<Cached, String>| -> Result<_, EngineError> {
            let Cached { sha256, perceptual_hash, embeddings } = match photo {
                Ok(photo) => photo,
                Err(reason) => return Ok(Err(reason)),
            };
            let is_cached = embeddings.iter().all(Option::is_some);
            if let Some(cache) = cache {
                cache.put_perceptual_hash(&sha256, perceptual_hash)?;
            }
            let mut parts = Vec::with_capacity(embeddings.len());
            for (network, cached) in embeddings.into_iter().enumerate() {
                parts.push(match cached {
                    Some(embedding) => NetworkOutput { embedding, probabilities: None },
                    None => {
                        let output = outputs[network].next().unwrap_or_default();
                        if let Some(cache) = cache.filter(|_| !is_degenerate(&output.embedding)) {
                            cache.put(network, &sha256, &output.embedding)?;
                        }
                        output
                    }
                });
            }
            let photo: PhotoEmbedding = self.concatenate(parts);
            Ok(if is_degenerate(&photo.embedding) {
                Err(EMPTY_EMBEDDING.to_owned())
            } else {
                Ok(FileEmbedding { photo, sha256, perceptual_hash, is_cached })
            })
        };
        let mut embed_all = |photos: Vec<_>| photos.into_iter().map(&mut embed).collect();
        photos.into_iter().map(&mut embed_all).collect()
    }
}
