//! How well several things in one photo are found, each with its product.

mod made;

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

use crate::items::{FoundItem, ItemsQuery};
use crate::{EngineError, Filter, Progress, Searcher, Stage, Views};

use made::Maker;

/// A photo, and where the things in it are.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxedPhoto {
    /// Its file.
    pub file: PathBuf,
    /// Around each thing.
    pub boxes: Vec<BBox>,
}

/// A photo, and where which products are in it.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiItemPhoto {
    /// Its file.
    pub file: PathBuf,
    /// The ids of products, each with the box around it.
    pub shown: Vec<(String, BBox)>,
}

/// What to measure.
#[derive(Clone, Copy)]
pub struct ItemsEvalOptions<'a> {
    /// What finds things; each is measured on the same photos.
    pub finders: &'a [&'a dyn ObjectDetector],
    /// What of each thing is looked at.
    pub views: Views,
    /// Photos that are made of 2 to 6 photos of the split, of different products.
    pub composites: u64,
    /// The split.
    pub split: Split,
    /// Other photos are made for another number.
    pub seed: u64,
    /// Photos of several products.
    pub photos: &'a [MultiItemPhoto],
    /// Photos of things of which only the boxes are known.
    pub boxes: &'a [BoxedPhoto],
    /// The same with only those things that a shop for the home has.
    pub home: &'a [BoxedPhoto],
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct ItemsEvaluation {
    /// The seed of the photos that were made.
    pub seed: u64,
    /// On photos that were made, for each finder.
    pub composites: Vec<FinderScore>,
    /// On photos of several products, for each finder.
    pub photos: Vec<FinderScore>,
    /// Only where things are, for each finder.
    pub boxes: Vec<FinderScore>,
    /// The same, of things that a shop for the home has; what is found beside them counts as wrong.
    pub home: Vec<FinderScore>,
    /// Photos of several products that were left out because the very same file is in the index.
    pub in_index: u64,
    /// Photos that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
}

/// How well things are found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FinderScore {
    /// [`ObjectDetector::name`].
    pub finder: String,
    /// Photos that were searched.
    pub photos: u64,
    /// Boxes of things, those that were given, and those that agree.
    pub boxes: DetectionCounts,
    /// Share of the things whose box was found, 0 to 1.
    pub recall: f64,
    /// Share of the boxes given that are around a thing, 0 to 1.
    pub precision: f64,
    /// Things whose box was found and whose product came first; none where products are not known.
    pub right_first: Option<u64>,
    /// Things whose box was found and whose product was among the first three.
    pub right_of_three: Option<u64>,
    /// How long finding the things in a photo took, in milliseconds, the mean.
    pub detect_milliseconds: f64,
    /// How long all of the search took but for reading the photo, the mean.
    pub milliseconds: f64,
}

/// Measures finders.
///
/// # Errors
/// When a network fails.
pub fn evaluate_items(
    searcher: &Searcher,
    catalog: &Catalog,
    options: &ItemsEvalOptions<'_>,
    progress: &dyn Progress,
) -> Result<ItemsEvaluation, EngineError> {
    let mut found = ItemsEvaluation {
        seed: options.seed,
        composites: Vec::new(),
        photos: Vec::new(),
        boxes: Vec::new(),
        home: Vec::new(),
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
    let finders = options.finders.len() as u64;
    let maker = Maker::new(catalog, options, &known);
    if options.composites > 0 {
        let mut scores = Scores::new(searcher, options);
        progress.begin(Stage::Measure, options.composites * finders);
        for number in 0..options.composites {
            let (picture, shown) = maker.make(number, &open, &mut found.skipped);
            scores.add(&picture, &shown, progress)?;
        }
        progress.end();
        found.composites = scores.finish();
    }
    if !options.photos.is_empty() {
        let mut scores = Scores::new(searcher, options);
        progress.begin(Stage::Measure, options.photos.len() as u64 * finders);
        for photo in options.photos {
            if in_index(&photo.file) {
                found.in_index += 1;
                progress.advance(finders);
                continue;
            }
            match open(&photo.file) {
                Err(reason) => found.skipped.push(skipped(&photo.file, reason)),
                Ok(picture) => {
                    let shown = photo.shown.iter();
                    let shown: Vec<_> =
                        shown.map(|(id, area)| (known.get(id.as_str()).copied(), *area)).collect();
                    scores.add(&picture, &shown, progress)?;
                }
            }
        }
        progress.end();
        found.photos = scores.finish();
    }
    for (photos, scores) in [(options.boxes, &mut found.boxes), (options.home, &mut found.home)] {
        if photos.is_empty() {
            continue;
        }
        progress.begin(Stage::Measure, photos.len() as u64 * finders);
        for finder in options.finders {
            scores.push(boxes(*finder, photos, &open, progress)?);
        }
        progress.end();
    }
    Ok(found)
}

fn skipped(file: &std::path::Path, reason: String) -> Skipped {
    Skipped { path: file.display().to_string(), reason }
}

/// Measures only where a finder says that things are.
fn boxes(
    finder: &dyn ObjectDetector,
    photos: &[BoxedPhoto],
    open: &(dyn Fn(&PathBuf) -> Result<RgbImage, String> + Sync),
    progress: &dyn Progress,
) -> Result<FinderScore, EngineError> {
    let found = map_on_cores(photos, |photo| {
        let Ok(picture) = open(&photo.file) else { return Ok(None) };
        let begun = Instant::now();
        let items = finder.detect(&picture)?;
        progress.advance(1);
        Ok::<_, EngineError>(Some((items, begun.elapsed().as_secs_f64() * 1e3)))
    });
    let mut score = FinderScore { finder: finder.name().to_owned(), ..FinderScore::default() };
    for (photo, found) in photos.iter().zip(found) {
        let Some((items, milliseconds)) = found? else { continue };
        let areas: Vec<BBox> = items.iter().map(|item| item.bbox).collect();
        score.boxes.add(&photo.boxes, &areas);
        score.photos += 1;
        score.detect_milliseconds += milliseconds;
        score.milliseconds += milliseconds;
    }
    Ok(finished(score))
}

fn finished(mut score: FinderScore) -> FinderScore {
    let photos = score.photos.max(1) as f64;
    score.detect_milliseconds /= photos;
    score.milliseconds /= photos;
    score.recall = score.boxes.recall();
    score.precision = score.boxes.precision();
    score
}

/// Counts for each finder.
struct Scores<'a> {
    searcher: &'a Searcher,
    options: &'a ItemsEvalOptions<'a>,
    scores: Vec<FinderScore>,
}

impl<'a> Scores<'a> {
    fn new(searcher: &'a Searcher, options: &'a ItemsEvalOptions<'a>) -> Self {
        let scores = options.finders.iter().map(|finder| FinderScore {
            finder: finder.name().to_owned(),
            right_first: Some(0),
            right_of_three: Some(0),
            ..FinderScore::default()
        });
        Self { searcher, options, scores: scores.collect() }
    }

    /// Searches a photo with every finder. Products are positions in the index.
    fn add(
        &mut self,
        picture: &RgbImage,
        shown: &[(Option<u32>, BBox)],
        progress: &dyn Progress,
    ) -> Result<(), EngineError> {
        let known: Vec<BBox> = shown.iter().map(|(_, area)| *area).collect();
        for (finder, score) in self.options.finders.iter().zip(&mut self.scores) {
            let query = ItemsQuery {
                photo: &[],
                finder: *finder,
                filter: &Filter::default(),
                views: self.options.views,
                top: 3,
                limits: self.searcher.encoder().limits(),
            };
            let begun = Instant::now();
            let Some(found) = self.searcher.find_items_of(picture, &query)? else { continue };
            score.milliseconds += begun.elapsed().as_secs_f64() * 1e3;
            score.detect_milliseconds += found.detect.as_secs_f64() * 1e3;
            score.photos += 1;
            // The surest first, and behind all of them where else they are.
            let firsts = found.items.iter().map(|one| (one.item.bbox, one));
            let copies =
                found.items.iter().flat_map(|one| one.copies.iter().map(move |a| (*a, one)));
            let (areas, ones): (Vec<BBox>, Vec<&FoundItem>) = firsts.chain(copies).unzip();
            score.boxes.add(&known, &areas);
            for ((product, _), pair) in shown.iter().zip(match_boxes(&known, &areas)) {
                let ranked = pair.map(|at| &ones[at].found.ranked);
                let place = ranked.zip(*product).and_then(|(ranked, product)| {
                    ranked.iter().take(3).position(|one| one.product == product)
                });
                if let (Some(first), Some(three)) =
                    (&mut score.right_first, &mut score.right_of_three)
                {
                    *first += u64::from(place == Some(0));
                    *three += u64::from(place.is_some());
                }
            }
            progress.advance(1);
        }
        Ok(())
    }

    fn finish(self) -> Vec<FinderScore> {
        self.scores.into_iter().map(finished).collect()
    }
}
