//! Objects detected by how strongly a classification network responds where they are: selective convolutional
//! descriptor aggregation (SCDA) with connected components at several thresholds.

mod map;
mod regions;

use std::sync::Arc;

use candle_core::{Device, Tensor};
use lookalike_backbone::{Backbone, BackboneError, BackboneKind, LoadedBackbone};
use lookalike_photo::{Preprocess, RgbImage};

use self::regions::resize_bilinear;
use crate::{DetectError, DetectedObject, ObjectDetector};

pub use self::map::{ActivationMap, Foreground};

/// Side of the square that photos are scaled to, in pixels: larger than the network was trained with, so that
/// its map is finer.
const SIDE: u32 = 448;
/// Pixels of that square to a cell of the map: the last map of this stride locates objects better than the
/// network's last map.
const STRIDE: usize = 16;
/// Cells along the longer side of the map that is cut into regions.
const CELLS: usize = 32;
/// Side of the square, and cells along the longer side of its map, for region proposals.
const FINE_SIDE: u32 = 640;
const FINE_CELLS: usize = 80;

/// Detects objects by a late feature map of a classification network: where its response is strong, cut into
/// connected regions, after Wei, Luo, Wu and Zhou, "Selective convolutional descriptor aggregation", 2017,
/// section III. They take the sum of the last map's channels above its mean; the L2 norm over the channels of
/// a finer map agrees better with boxes drawn by people.
///
/// It needs no weights of its own, knows no classes, and is uncertain: it gives what the network responds to,
/// which need not be an object.
pub struct ActivationDetector {
    network: Arc<dyn Backbone>,
    preprocess: Preprocess,
    fine_preprocess: Preprocess,
}

impl ActivationDetector {
    /// A detector by the map of a loaded network.
    pub fn new(loaded: &LoadedBackbone) -> Self {
        let network = Arc::clone(&loaded.network);
        let has_fixed_input = loaded.identity.backbone == BackboneKind::Vgg19.name();
        Self::from_parts(network, loaded.preprocess, has_fixed_input)
    }

    /// [`Self::new`], of a network's parts. A network that `has_fixed_input` takes photos of its own side only;
    /// its map is coarser then.
    pub fn from_parts(
        network: Arc<dyn Backbone>,
        preprocess: Preprocess,
        has_fixed_input: bool,
    ) -> Self {
        let sized = |side| if has_fixed_input { preprocess } else { preprocess.with_size(side) };
        Self { network, preprocess: sized(SIDE), fine_preprocess: sized(FINE_SIDE) }
    }

    /// The network's activation map of a photo, at 448 pixels a side.
    ///
    /// # Errors
    /// When the network fails.
    pub fn activation_map(&self, photo: &RgbImage) -> Result<ActivationMap, BackboneError> {
        self.map_with(&self.preprocess, CELLS, photo)
    }

    /// [`Self::activation_map`], at 640 pixels a side: what [`ObjectDetector::detect`] uses.
    ///
    /// # Errors
    /// When the network fails.
    pub fn fine_activation_map(&self, photo: &RgbImage) -> Result<ActivationMap, BackboneError> {
        self.map_with(&self.fine_preprocess, FINE_CELLS, photo)
    }

    fn map_with(
        &self,
        preprocess: &Preprocess,
        resized_cells: usize,
        photo: &RgbImage,
    ) -> Result<ActivationMap, BackboneError> {
        let side = preprocess.size();
        let tensor = preprocess.tensor(photo);
        let batch = Tensor::from_vec(tensor, (1, 3, side, side), &Device::Cpu)?;
        let (embedding, map) = self.network.embed_with_map(&batch, side / STRIDE)?;
        let embedding = embedding.flatten_all()?.to_vec1()?;
        let norms = map.sqr()?.sum(1)?.sqrt()?.squeeze(0)?.to_vec2::<f32>()?;
        // Only the cells over the photo: those over the letterbox's padding mean nothing.
        let cells = norms.len();
        let (width, height) = photo.dimensions();
        let longest = width.max(height).max(1) as usize;
        let over_photo = |length: u32| (length as usize * cells).div_ceil(longest).clamp(1, cells);
        let covered = (over_photo(width), over_photo(height));
        let (left, top) = ((cells - covered.0) / 2, (cells - covered.1) / 2);
        let lines = norms.iter().skip(top).take(covered.1);
        let values: Vec<f32> =
            lines.flat_map(|line| line[left..left + covered.0].iter().copied()).collect();
        let resized = |length: u32| (length as usize * resized_cells / longest).max(1);
        let (columns, rows) = (resized(width), resized(height));
        let values = resize_bilinear(&values, covered, (columns, rows));
        Ok(ActivationMap::new(embedding, values, columns, rows))
    }
}

impl ObjectDetector for ActivationDetector {
    fn name(&self) -> &str {
        "activation map"
    }

    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedObject>, DetectError> {
        Ok(self.fine_activation_map(photo)?.proposals())
    }
}
