//! Quantisation to int8 after training: the ranges of a network's feature maps are measured on calibration
//! photos, and written into its weights file. How the file holds them: `checkpoint/ranges.rs`.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use candle_core::Tensor;
use lookalike_infer::{Ranges, SimdLevel};
use lookalike_photo::Preprocess;

use crate::checkpoint::activation_ranges::describe;
use crate::checkpoint::metadata::{CLASSES_KEY, INT8_KEY};
use crate::checkpoint::reader::Checkpoint;
use crate::checkpoint::variables::{TrainSetup, Use};
use crate::checkpoint::write::Precision;
use crate::networks;
use crate::networks::compiled::CompiledNetwork;
use crate::trainable::load_trainable;
use crate::{Backbone, BackboneError, BackboneKind, Device};

/// Measures the ranges of a network's feature maps, and writes the network with them.
pub struct Quantiser {
    weights: PathBuf,
    kind: BackboneKind,
    preprocess: Preprocess,
    network: CompiledNetwork,
    /// The ranges so far, over so many photos.
    ranges: Mutex<(Ranges, usize)>,
}

impl Quantiser {
    /// Opens a weights file. Ranges that it has already are ignored.
    ///
    /// # Errors
    /// As [`crate::load`].
    pub fn open(weights: &Path, wanted: Option<BackboneKind>) -> Result<Self, BackboneError> {
        let checkpoint = Checkpoint::open(weights, wanted, Use::Inference, &Device::default())?;
        let (kind, preprocess) = (checkpoint.kind(), checkpoint.preprocess()?);
        let network = networks::compile(&checkpoint, preprocess.size(), None)?;
        let (weights, ranges) = (weights.to_owned(), Mutex::default());
        Ok(Self { weights, kind, preprocess, network, ranges })
    }

    /// Which network it is.
    pub fn kind(&self) -> BackboneKind {
        self.kind
    }

    /// The network in f32.
    pub fn network(&self) -> &dyn Backbone {
        &self.network
    }

    /// How photos are prepared for it.
    pub fn preprocess(&self) -> Preprocess {
        self.preprocess
    }

    /// Widens the ranges by those of a prepared photo, `(3, side, side)`. May be called from several
    /// threads at once.
    ///
    /// # Errors
    /// candle's, when the photo has another shape.
    pub fn calibrate(&self, photo: Vec<f32>) -> Result<(), BackboneError> {
        let side = self.preprocess.size();
        let photo = Tensor::from_vec(photo, (1, 3, side, side), &candle_core::Device::Cpu)?;
        let ranges = self.network.ranges(&photo)?;
        let mut all = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        if all.1 == 0 {
            all.0 = ranges;
        } else {
            all.0.merge(&ranges);
        }
        all.1 += 1;
        Ok(())
    }

    /// Writes the network with its ranges, its weights in f32, as [`crate::import`] does.
    ///
    /// # Errors
    /// [`BackboneError::NoPhotos`] without calibration photos, [`BackboneError::Unwritable`].
    pub fn write(&self, to: &Path) -> Result<(), BackboneError> {
        let (ranges, photos) = self.ranges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if photos == 0 {
            return Err(BackboneError::NoPhotos { path: self.weights.clone() });
        }
        let network =
            load_trainable(&self.weights, None, TrainSetup::default(), &Device::default())?;
        let (description, tensor) = describe(ranges, photos)?;
        let mut about = vec![(INT8_KEY, description)];
        let classes = network.classes().and_then(|classes| serde_json::to_string(classes).ok());
        about.extend(classes.map(|classes| (CLASSES_KEY, classes)));
        let preprocess = network.preprocess_name(self.preprocess.size() as u32);
        let more = vec![(INT8_KEY.to_owned(), tensor)];
        network.export_with(to, &preprocess, Precision::F32, &about, more)
    }
}

/// Whether this CPU has the instructions (AVX-512 VNNI) that make quantised networks faster than f32 ones.
pub fn int8_is_fast() -> bool {
    SimdLevel::has_fast_int8()
}
