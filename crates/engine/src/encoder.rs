use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec::IntoIter;

use candle_core::Tensor;
use lookalike_backbone::{Backbone, BackboneError, BackboneKind, Device, LoadedBackbone, stream};
use lookalike_detect::ActivationDetector;
use lookalike_photo::{DecodeLimits, PhotoError, Preprocess, RgbImage, decode_scaled};
use sha2::{Digest, Sha256};

use crate::journal::Journals;
use crate::model::absolute;
use crate::stamps::Stamp;
use crate::{EngineError, Model, ModelPart, Progress, Stage};

/// Photos prepared and embedded at once by each core. More are slower: their numbers leave its cache.
const BATCH: usize = 1;
/// Photos prepared at once by each core for a card, which takes several of these together.
const GPU_BATCH: usize = 8;

/// Photos to embeddings: one network or several, each with its one way of preparing photos.
pub struct Encoder {
    networks: Vec<Arc<dyn Backbone>>,
    /// Where all of them compute.
    device: Device,
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
    /// For each network, the probability of each class of its classifier; empty where it knows no
    /// products.
    pub(crate) shares: Vec<Vec<f32>>,
    pub(crate) sha256: [u8; 32],
    /// Whether all of it came from the journals.
    pub(crate) is_known: bool,
}

/// What the networks make of a picture.
pub(crate) struct Described {
    pub(crate) embedding: Vec<f32>,
    /// See [`Encoded::shares`].
    pub(crate) shares: Vec<Vec<f32>>,
}

/// A photo's checksum and, for each network, the embedding if a journal has it.
type Known = ([u8; 32], Vec<Option<Vec<f32>>>);

/// Photos of a batch, before the networks have seen them.
struct Prepared {
    /// Of each photo what is known of it, or why it cannot be used.
    photos: Vec<Result<Known, String>>,
    /// For each network, the tensors of the photos that it has not seen.
    batches: Vec<Vec<f32>>,
}

/// What one network makes of a photo.
#[derive(Default)]
struct Seen {
    embedding: Vec<f32>,
    /// The probability of each class, if its classifier knows products.
    shares: Option<Vec<f32>>,
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
        let device = parts.first().map(|(loaded, _)| loaded.device.clone()).unwrap_or_default();
        let (mut networks, mut preprocess, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        let mut model = Model { parts: Vec::new() };
        for (loaded, share) in parts {
            networks.push(loaded.network);
            preprocess.push(loaded.preprocess);
            classes.push(loaded.classes.filter(|ids| ids.len() == networks_classes(&networks)));
            let (identity, weights) = (loaded.identity, absolute(&loaded.weights));
            model.parts.push(ModelPart { identity, share: share / total, weights });
        }
        Self { networks, device, preprocess, classes, model, limits: DecodeLimits::default() }
    }

    /// For each network, the ids of the products that its classifier knows, if it knows any, in the
    /// order of [`Encoded::shares`].
    pub(crate) fn classes(&self) -> &[Option<Vec<String>>] {
        &self.classes
    }

    /// What makes the embeddings.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Finds things by the map of one of the networks, one that takes large photos if there is one.
    pub(crate) fn activation_detector(&self) -> ActivationDetector {
        let has_one_side = |number: &usize| {
            self.model.parts[*number].identity.backbone == BackboneKind::Vgg19.name()
        };
        let number = (0..self.networks.len()).find(|number| !has_one_side(number)).unwrap_or(0);
        let network = Arc::clone(&self.networks[number]);
        ActivationDetector::from_parts(network, self.preprocess[number], has_one_side(&number))
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
        self.encode_each(files, None, progress, |photo| {
            embeddings.push(photo.map(|photo| photo.embedding));
            Ok(())
        })?;
        progress.end();
        Ok(embeddings)
    }

    /// Embeds photos on all cores; the results come in the photos' order.
    pub(crate) fn encode_all(
        &self,
        files: &[PathBuf],
        progress: &dyn Progress,
    ) -> Result<Vec<Result<Encoded, String>>, EngineError> {
        let mut all = Vec::with_capacity(files.len());
        self.encode_each(files, None, progress, |photo| {
            all.push(photo);
            Ok(())
        })?;
        Ok(all)
    }

    /// Embeds photos on all cores, and hands each on in the photos' order as soon as it and those before it
    /// are there. What the journals have is not embedded again, and what they lack is added; then there
    /// are no [`Encoded::shares`].
    ///
    /// # Errors
    /// When a network itself fails, a journal cannot be written, or `then` fails.
    pub(crate) fn encode_each(
        &self,
        files: &[PathBuf],
        journals: Option<&Journals>,
        progress: &dyn Progress,
        mut then: impl FnMut(Result<Encoded, String>) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let batch = if self.device.is_cpu() { BATCH } else { GPU_BATCH };
        let batches: Vec<&[PathBuf]> = files.chunks(batch).collect();
        let prepare = |batch: &&[PathBuf]| self.prepare_batch(batch, journals);
        let compute = |prepared: Vec<Prepared>| {
            let photos = prepared.iter().map(|prepared| prepared.photos.len() as u64).sum();
            let encoded = self.encode_batches(prepared, journals);
            progress.advance(photos);
            encoded
        };
        stream(&self.device, &batches, prepare, compute, |photos| {
            photos.into_iter().try_for_each(&mut then)
        })
    }

    /// Reads photos and turns those that are not known into the networks' input.
    fn prepare_batch(&self, files: &[PathBuf], journals: Option<&Journals>) -> Prepared {
        let networks = 0..self.networks.len();
        let mut batches = self.no_photos();
        let mut photos = Vec::with_capacity(files.len());
        for file in files {
            let stamp = journals.and_then(|_| Stamp::of(file));
            let before = journals.zip(stamp).and_then(|(all, stamp)| all.of_file(file, stamp));
            if let Some((sha256, known)) = before {
                photos.push(Ok((sha256, known.into_iter().map(Some).collect())));
                continue;
            }
            let photo = self.read(file).and_then(|bytes| {
                let sha256: [u8; 32] = Sha256::digest(&bytes).into();
                let known = |network| journals.and_then(|journals| journals.get(network, &sha256));
                let known: Vec<Option<Vec<f32>>> = networks.clone().map(known).collect();
                let lacking: Vec<bool> = known.iter().map(Option::is_none).collect();
                if lacking.contains(&true) {
                    self.prepare(&bytes, &lacking, &mut batches)?;
                }
                if let Some((journals, stamp)) = journals.zip(stamp) {
                    journals.note_file(file, stamp, sha256);
                }
                Ok((sha256, known))
            });
            photos.push(photo.map_err(|error| error.to_string()));
        }
        Prepared { photos, batches }
    }

    /// Embeds the photos of several batches together; they stay apart in the result. A photo that cannot be
    /// used has its reason in its place.
    ///
    /// # Errors
    /// When a network itself fails, or a journal cannot be written.
    fn encode_batches(
        &self,
        prepared: Vec<Prepared>,
        journals: Option<&Journals>,
    ) -> Result<Vec<Vec<Result<Encoded, String>>>, EngineError> {
        let (photos, batches): (Vec<_>, Vec<_>) =
            prepared.into_iter().map(|prepared| (prepared.photos, prepared.batches)).unzip();
        let mut seen = self.run(batches)?;
        let mut encode = |photo: Result<Known, String>| -> Result<_, EngineError> {
            let (sha256, known) = match photo {
                Ok(photo) => photo,
                Err(reason) => return Ok(Err(reason)),
            };
            let is_known = known.iter().all(Option::is_some);
            let mut parts = Vec::with_capacity(known.len());
            for (network, known) in known.into_iter().enumerate() {
                parts.push(match known {
                    Some(embedding) => Seen { embedding, shares: None },
                    None => {
                        let seen = seen[network].next().unwrap_or_default();
                        if let Some(journals) = journals.filter(|_| !is_blind(&seen.embedding)) {
                            journals.put(network, &sha256, &seen.embedding)?;
                        }
                        seen
                    }
                });
            }
            let Described { embedding, shares } = self.side_by_side(parts);
            Ok(if is_blind(&embedding) {
                Err(SEES_NOTHING.to_owned())
            } else {
                Ok(Encoded { embedding, shares, sha256, is_known })
            })
        };
        let mut encode_all = |photos: Vec<_>| photos.into_iter().map(&mut encode).collect();
        photos.into_iter().map(&mut encode_all).collect()
    }

    /// The bytes of a photo's file, no more than the limit.
    pub(crate) fn read(&self, file: &Path) -> Result<Vec<u8>, PhotoError> {
        lookalike_photo::read(file, &self.limits)
    }

    /// An upright photo, with as many pixels as are needed to embed parts of it that are so large, in shares of its
    /// sides (above 0 to 1).
    pub(crate) fn pixels(
        &self,
        bytes: &[u8],
        limits: &DecodeLimits,
        share: f64,
    ) -> Result<RgbImage, PhotoError> {
        let longest =
            self.preprocess.iter().map(Preprocess::min_longer_side).max().unwrap_or(u32::MAX);
        let longest = (f64::from(longest) / share) as u32;
        Ok(decode_scaled(bytes, limits, longest)?.pixels)
    }

    /// What a photo may cost.
    pub(crate) fn limits(&self) -> DecodeLimits {
        self.limits
    }

    /// Sets what a photo may cost.
    pub fn set_limits(&mut self, limits: DecodeLimits) {
        self.limits = limits;
    }

    /// One empty batch for each network.
    fn no_photos(&self) -> Vec<Vec<f32>> {
        vec![Vec::new(); self.networks.len()]
    }

    /// What the networks make of upright pictures, in one batch: embeddings, and what classifiers say.
    pub(crate) fn encode_pictures(
        &self,
        pictures: &[RgbImage],
    ) -> Result<Vec<Described>, BackboneError> {
        let mut batches = self.no_photos();
        let all = vec![true; self.networks.len()];
        pictures.iter().for_each(|picture| self.add(picture, &all, &mut batches));
        let mut seen = self.run(vec![batches])?;
        let one = |_: &RgbImage| {
            self.side_by_side(seen.iter_mut().map(|s| s.next().unwrap_or_default()).collect())
        };
        Ok(pictures.iter().map(one).collect())
    }

    /// Adds a photo to the batches of the networks that want it.
    fn prepare(
        &self,
        bytes: &[u8],
        wanted: &[bool],
        batches: &mut [Vec<f32>],
    ) -> Result<(), PhotoError> {
        self.add(&self.pixels(bytes, &self.limits, 1.0)?, wanted, batches);
        Ok(())
    }

    /// Adds an upright picture to the batches of the networks that want it.
    fn add(&self, picture: &RgbImage, wanted: &[bool], batches: &mut [Vec<f32>]) {
        for (number, preprocess) in self.preprocess.iter().enumerate() {
            let (before, rest) = batches.split_at_mut(number);
            let Some(batch) = rest.first_mut().filter(|_| wanted[number]) else { continue };
            let start = batch.len();
            // Networks that want the same input get the same input.
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

    /// What each network makes of the photos in its batches, one after the other: `batches` has those of
    /// all networks again and again.
    fn run(&self, batches: Vec<Vec<Vec<f32>>>) -> Result<Vec<IntoIter<Seen>>, BackboneError> {
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
        let mut seen = Vec::with_capacity(self.networks.len());
        for (number, batches) in of_network.into_iter().enumerate() {
            if batches.is_empty() {
                seen.push(Vec::new().into_iter());
                continue;
            }
            let (network, batch) = (&self.networks[number], Tensor::cat(&batches, 0)?);
            let (embeddings, shares) = if self.classes[number].is_some() {
                let (embeddings, logits) = network.embed_and_logits(&batch)?;
                let logits = logits.to_vec2::<f32>()?.into_iter();
                (embeddings, logits.map(|logits| Some(softmax(logits))).collect())
            } else {
                (network.embed(&batch)?, vec![None; batch.dim(0)?])
            };
            let embeddings = embeddings.to_vec2::<f32>()?.into_iter();
            let each = embeddings.zip(shares).map(|(embedding, shares)| Seen { embedding, shares });
            seen.push(each.collect::<Vec<_>>().into_iter());
        }
        Ok(seen)
    }

    /// The embeddings of all networks as one, and what their classifiers say.
    fn side_by_side(&self, mut parts: Vec<Seen>) -> Described {
        let shares = parts.iter_mut().map(|seen| seen.shares.take().unwrap_or_default()).collect();
        let embeddings = parts.into_iter().map(|seen| seen.embedding).collect();
        Described { embedding: self.model.side_by_side(embeddings), shares }
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
fn networks_classes(networks: &[Arc<dyn Backbone>]) -> usize {
    networks.last().map_or(0, |network| network.classes())
}
