//! The objects of a photo as JSON, for people and scripts.

use std::path::Path;
use std::time::Instant;

use lookalike_detect::ObjectDetector;
use lookalike_photo::BBox;
use lookalike_rank::Verdict;
use serde::Serialize;

use super::answer::Match;
use super::filter::Filter;
use super::objects::{ObjectResult, ObjectsQuery};
use super::searcher::Searcher;
use crate::encode::Views;
use crate::error::{EngineError, PhotoRef};

/// The objects in a photo, each with the products most like it.
#[derive(Debug, Clone, Serialize)]
pub struct ObjectsAnswer {
    /// The photo's file.
    pub query: String,
    /// The detector's name.
    pub detector: String,
    /// See [`Answer::missing_percent`](super::answer::Answer::missing_percent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_percent: Option<u32>,
    /// The objects, the best candidate first.
    pub objects: Vec<ObjectAnswer>,
    /// How long reading, detecting and searching took, in milliseconds.
    pub took_ms: f64,
}

/// An object in a photo.
#[derive(Debug, Clone, Serialize)]
pub struct ObjectAnswer {
    /// Its box.
    pub bbox: ObjectBox,
    /// The boxes of other objects in the photo that are the same product.
    pub repeats: Vec<ObjectBox>,
    /// Its class, if the detector knows classes.
    pub label: Option<String>,
    /// The detector's confidence that there is an object, 0 to 1, if it has one.
    pub detection_confidence: Option<f32>,
    /// How sure the first product is, where the index could learn that: see [`Verdict`].
    pub verdict: Option<Verdict>,
    /// The products.
    pub matches: Vec<Match>,
}

/// A part of a photo as JSON has it: fractions of the photo's sides, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ObjectBox {
    /// Its left edge.
    pub x: f32,
    /// Its upper edge.
    pub y: f32,
    /// Its width.
    pub width: f32,
    /// Its height.
    pub height: f32,
}

impl From<BBox> for ObjectBox {
    fn from(area: BBox) -> Self {
        let BBox { left, top, right, bottom } = area;
        Self { x: left, y: top, width: right - left, height: bottom - top }
    }
}

impl Searcher {
    /// For each of the objects in a photo's file, the `top` products that pass a filter and are most like it.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for a photo that cannot be used, [`EngineError::Filter`],
    /// [`EngineError::Detect`].
    pub fn search_objects_in_file(
        &self,
        file: &Path,
        detector: &dyn ObjectDetector,
        filter: &Filter,
        views: Views,
        top: usize,
    ) -> Result<ObjectsAnswer, EngineError> {
        let started = Instant::now();
        let name = file.display().to_string();
        let photo = self.encoder().read(file).map_err(|error| EngineError::Photo {
            photo: PhotoRef::Named(name.clone()),
            reason: error.to_string(),
        })?;
        let limits = self.encoder().limits();
        let query = ObjectsQuery { photo: &photo, detector, filter, views, top, limits };
        let names = [name];
        let found = self.search_objects(&query).map_err(|error| error.naming_photos(&names))?;
        let [name] = names;
        Ok(ObjectsAnswer {
            query: name,
            detector: detector.name().to_owned(),
            missing_percent: found.whole.missing_percent(),
            objects: found.objects.into_iter().map(|one| self.object_answer(one)).collect(),
            took_ms: started.elapsed().as_secs_f64() * 1e3,
        })
    }

    fn object_answer(&self, one: ObjectResult) -> ObjectAnswer {
        let ObjectResult { object, repeats, result, .. } = one;
        ObjectAnswer {
            bbox: object.bbox.into(),
            repeats: repeats.into_iter().map(ObjectBox::from).collect(),
            label: object.label,
            detection_confidence: object.confidence,
            verdict: result.verdict,
            matches: self.matches(result.ranked, result.score_parts),
        }
    }
}
