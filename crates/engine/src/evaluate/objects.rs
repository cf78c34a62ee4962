//! How well several objects in one photo are detected, and their products found.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Instant;

use lookalike_backbone::map_on_cores;
use lookalike_catalog::{Catalog, Skipped, Split};
use lookalike_detect::ObjectDetector;
use lookalike_eval::{DetectionCounts, match_boxes};
use lookalike_photo::{BBox, RgbImage, decode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::composites::Maker;
use crate::encode::Views;
use crate::error::EngineError;
use crate::progress::{MEASURE, Phase, Progress};
use crate::search::{Filter, ObjectResult, ObjectsQuery, Searcher};

/// A photo annotated with the boxes of its objects.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxAnnotations {
    /// Its file.
    pub file: PathBuf,
    /// The box of each object.
    pub boxes: Vec<BBox>,
}

/// A photo annotated with its products and their boxes.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductAnnotations {
    /// Its file.
    pub file: PathBuf,
    /// The ids of products, each with its box.
    pub products: Vec<(String, BBox)>,
}

/// What to measure.
#[derive(Clone, Copy)]
pub struct ObjectsEvalOptions<'a> {
    /// The detectors; each is measured on the same photos.
    pub detectors: &'a [&'a dyn ObjectDetector],
    /// The views of each object that are embedded.
    pub views: Views,
    /// The number of composites to make, each of 2 to 6 photos of the split, of different products.
    pub composites: u64,
    /// The split.
    pub split: Split,
    /// The seed of the composites.
    pub seed: u64,
    /// Photos annotated with products.
    pub photos: &'a [ProductAnnotations],
    /// Photos annotated with boxes only.
    pub boxes: &'a [BoxAnnotations],
    /// The same with the boxes of household objects only.
    pub household: &'a [BoxAnnotations],
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct ObjectsEvaluation {
    /// The seed of the composites.
    pub seed: u64,
    /// On composites, for each detector.
    pub composites: Vec<DetectorScore>,
    /// On photos annotated with products, for each detector.
    pub photos: Vec<DetectorScore>,
    /// On photos annotated with boxes, for each detector.
    pub boxes: Vec<DetectorScore>,
    /// The same, of household objects; other detections count as false positives.
    pub household: Vec<DetectorScore>,
    /// Photos of several products that were left out because the very same file is in the index.
    pub in_index: u64,
    /// Photos that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
}

/// How well a detector and the search of its boxes do.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DetectorScore {
    /// [`ObjectDetector::name`].
    pub detector: String,
    /// Photos that were searched.
    pub photos: u64,
    /// Annotated boxes, detected boxes, and those that match.
    pub boxes: DetectionCounts,
    /// The fraction of the annotated boxes that were detected, 0 to 1.
    pub recall: f64,
    /// The fraction of the detected boxes that match an annotated one, 0 to 1.
    pub precision: f64,
    /// Objects whose box was detected and whose product came first; none where products are not annotated.
    pub top1_correct: Option<u64>,
    /// Objects whose box was detected and whose product was among the first three.
    pub top3_correct: Option<u64>,
    /// Mean time of the detection of a photo, in milliseconds.
    pub detect_ms: f64,
    /// Mean time of the whole search of a photo but for reading it, in milliseconds.
    pub search_ms: f64,
}

/// Measures detectors.
///
/// # Errors
/// When a network fails.
pub fn evaluate_objects(
    searcher: &Searcher,
    catalog: &Catalog,
    options: &ObjectsEvalOptions<'_>,
    progress: &dyn Progress,
) -> Result<ObjectsEvaluation, EngineError> {
    let mut found = ObjectsEvaluation {
        seed: options.seed,
        composites: Vec::new(),
        photos: Vec::new(),
        boxes: Vec::new(),
        household: Vec::new(),
        in_index: 0,
        skipped: Vec::new(),
    };
    let limits = searcher.encoder().limits();
    let open = |file: &PathBuf| -> Result<RgbImage, String> {
        let bytes = searcher.encoder().read(file).map_err(|error| error.to_string())?;
        Ok(decode(&bytes, &limits).map_err(|error| error.to_string())?.pixels)
    };
    let known: HashMap<&str, u32> = (0u32..)
        .zip(searcher.index().products())
        .map(|(number, product)| (product.id.as_str(), number))
        .collect();
    let indexed: HashSet<[u8; 32]> =
        searcher.index().photos().iter().map(|photo| photo.sha256).collect();
    let in_index = |file: &PathBuf| {
        let bytes = searcher.encoder().read(file);
        bytes.is_ok_and(|bytes| indexed.contains::<[u8; 32]>(&Sha256::digest(&bytes).into()))
    };
    let detectors = options.detectors.len() as u64;
    let maker = Maker::new(catalog, options.split, options.seed, &known);
    if options.composites > 0 {
        let mut scores = Scores::new(searcher, options);
        progress.begin(Phase::items(MEASURE, options.composites * detectors));
        for number in 0..options.composites {
            let (picture, annotated) = maker.make(number, &open, &mut found.skipped);
            scores.add(&picture, &annotated, progress)?;
        }
        progress.end();
        found.composites = scores.finish();
    }
    if !options.photos.is_empty() {
        let mut scores = Scores::new(searcher, options);
        progress.begin(Phase::items(MEASURE, options.photos.len() as u64 * detectors));
        for photo in options.photos {
            if in_index(&photo.file) {
                found.in_index += 1;
                progress.advance(detectors);
                continue;
            }
            match open(&photo.file) {
                Err(reason) => {
                    found.skipped.push(Skipped { path: photo.file.display().to_string(), reason })
                }
                Ok(picture) => {
                    let annotated = photo.products.iter();
                    let annotated: Vec<_> = annotated
                        .map(|(id, area)| (known.get(id.as_str()).copied(), *area))
                        .collect();
                    scores.add(&picture, &annotated, progress)?;
                }
            }
        }
        progress.end();
        found.photos = scores.finish();
    }
    for (photos, scores) in
        [(options.boxes, &mut found.boxes), (options.household, &mut found.household)]
    {
        if photos.is_empty() {
            continue;
        }
        progress.begin(Phase::items(MEASURE, photos.len() as u64 * detectors));
        for detector in options.detectors {
            scores.push(boxes(*detector, photos, &open, progress)?);
        }
        progress.end();
    }
    Ok(found)
}

/// Measures only a detector's boxes.
fn boxes(
    detector: &dyn ObjectDetector,
    photos: &[BoxAnnotations],
    open: &(dyn Fn(&PathBuf) -> Result<RgbImage, String> + Sync),
    progress: &dyn Progress,
) -> Result<DetectorScore, EngineError> {
    let found = map_on_cores(photos, |photo| {
        let Ok(picture) = open(&photo.file) else { return Ok(None) };
        let begun = Instant::now();
        let objects = detector.detect(&picture)?;
        progress.advance(1);
        Ok::<_, EngineError>(Some((objects, begun.elapsed().as_secs_f64() * 1e3)))
    });
    let mut score =
        DetectorScore { detector: detector.name().to_owned(), ..DetectorScore::default() };
    for (photo, found) in photos.iter().zip(found) {
        let Some((objects, ms)) = found? else { continue };
        let areas: Vec<BBox> = objects.iter().map(|object| object.bbox).collect();
        score.boxes.add(&photo.boxes, &areas);
        score.photos += 1;
        score.detect_ms += ms;
        score.search_ms += ms;
    }
    Ok(averaged(score))
}

fn averaged(mut score: DetectorScore) -> DetectorScore {
    let photos = score.photos.max(1) as f64;
    score.detect_ms /= photos;
    score.search_ms /= photos;
    score.recall = score.boxes.recall();
    score.precision = score.boxes.precision();
    score
}

/// Counts for each detector.
struct Scores<'a> {
    searcher: &'a Searcher,
    options: &'a ObjectsEvalOptions<'a>,
    scores: Vec<DetectorScore>,
}

impl<'a> Scores<'a> {
    fn new(searcher: &'a Searcher, options: &'a ObjectsEvalOptions<'a>) -> Self {
        let scores = options.detectors.iter().map(|detector| DetectorScore {
            detector: detector.name().to_owned(),
            top1_correct: Some(0),
            top3_correct: Some(0),
            ..DetectorScore::default()
        });
        Self { searcher, options, scores: scores.collect() }
    }

    /// Searches a photo with every detector. Products are positions in the index.
    fn add(
        &mut self,
        picture: &RgbImage,
        annotated: &[(Option<u32>, BBox)],
        progress: &dyn Progress,
    ) -> Result<(), EngineError> {
        let known: Vec<BBox> = annotated.iter().map(|(_, area)| *area).collect();
        for (detector, score) in self.options.detectors.iter().zip(&mut self.scores) {
            let query = ObjectsQuery {
                photo: &[],
                detector: *detector,
                filter: &Filter::default(),
                views: self.options.views,
                top: 3,
                limits: self.searcher.encoder().limits(),
            };
            let begun = Instant::now();
            let Some(found) = self.searcher.search_objects_of(picture, &query)? else { continue };
            score.search_ms += begun.elapsed().as_secs_f64() * 1e3;
            score.detect_ms += found.detect.as_secs_f64() * 1e3;
            score.photos += 1;
            // The best first, and behind all of them their repeats.
            let firsts = found.objects.iter().map(|one| (one.object.bbox, one));
            let repeats =
                found.objects.iter().flat_map(|one| one.repeats.iter().map(move |a| (*a, one)));
            let (areas, ones): (Vec<BBox>, Vec<&ObjectResult>) = firsts.chain(repeats).unzip();
            score.boxes.add(&known, &areas);
            for ((product, _), pair) in annotated.iter().zip(match_boxes(&known, &areas)) {
                let ranked = pair.map(|at| &ones[at].result.ranked);
                let position = ranked.zip(*product).and_then(|(ranked, product)| {
                    ranked.iter().take(3).position(|one| one.product == product)
                });
                if let (Some(first), Some(three)) =
                    (&mut score.top1_correct, &mut score.top3_correct)
                {
                    *first += u64::from(position == Some(0));
                    *three += u64::from(position.is_some());
                }
            }
            progress.advance(1);
        }
        Ok(())
    }

    fn finish(self) -> Vec<DetectorScore> {
        self.scores.into_iter().map(averaged).collect()
    }
}
