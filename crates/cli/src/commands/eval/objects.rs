//! How well several objects in one photo are detected and searched for.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use lookalike_catalog::Catalog;
use lookalike_engine::{
    BoxAnnotations, DetectorScore, EngineError, ObjectDetector, ObjectsEvalOptions,
    ObjectsEvaluation, OnnxDetector, ProductAnnotations, Progress, Searcher, evaluate_objects,
};
use lookalike_photo::BBox;
use serde::Deserialize;

use crate::args::eval::{EvalArgs, ObjectsEvalArgs};
use crate::output::{count, skipped};

/// COCO's classes that stand in rooms and kitchens: what a shop for the home sells.
const HOME: std::ops::RangeInclusive<usize> = 39..=79;

/// What the arguments ask for.
pub(crate) struct Wanted {
    detectors: Vec<Box<dyn ObjectDetector>>,
    photos: Vec<ProductAnnotations>,
    boxes: Vec<BoxAnnotations>,
    home: Vec<BoxAnnotations>,
}

impl Wanted {
    /// `None` where they ask for nothing. Reads the files, so that a wrong one fails before the rest is
    /// measured.
    pub(crate) fn of(args: &ObjectsEvalArgs, searcher: &Searcher) -> anyhow::Result<Option<Self>> {
        if !args.are_asked_for() {
            return Ok(None);
        }
        let mut detectors: Vec<Box<dyn ObjectDetector>> =
            vec![Box::new(searcher.activation_detector())];
        if let Some(file) = &args.detector.detector {
            detectors.push(Box::new(OnnxDetector::open(file).map_err(EngineError::from)?));
            detectors.push(args.detector.open(searcher)?);
        }
        let photos =
            args.annotations.as_ref().map(|file| shown(file)).transpose()?.unwrap_or_default();
        let (boxes, home) =
            args.boxes.as_ref().map(|folder| boxed(folder)).transpose()?.unwrap_or_default();
        Ok(Some(Self { detectors, photos, boxes, home }))
    }

    /// Measures it.
    pub(crate) fn measure(
        &self,
        args: &EvalArgs,
        catalog: &Catalog,
        searcher: &Searcher,
        progress: &dyn Progress,
    ) -> anyhow::Result<ObjectsEvaluation> {
        let detectors: Vec<&dyn ObjectDetector> =
            self.detectors.iter().map(|detector| &**detector).collect();
        let options = ObjectsEvalOptions {
            detectors: &detectors,
            views: args.views,
            composites: args.objects.objects,
            split: args.split,
            seed: args.objects.objects_seed,
            photos: &self.photos,
            boxes: &self.boxes,
            household: &self.home,
        };
        Ok(evaluate_objects(searcher, catalog, &options, progress)?)
    }
}

/// What is measured, and on what.
fn groups(found: &ObjectsEvaluation) -> impl Iterator<Item = (String, &[DetectorScore])> {
    let groups = [
        ("composites", &found.composites),
        ("annotated photos", &found.photos),
        ("annotated boxes", &found.boxes),
        ("of these, household classes", &found.household),
    ];
    groups.into_iter().filter_map(|(what, scores)| {
        let first = scores.first()?;
        let (photos, objects) =
            (count(first.photos, "photo"), count(first.boxes.ground_truth, "object"));
        Some((format!("{what}: {photos}, {objects}"), &scores[..]))
    })
}

/// The figures as text.
pub(crate) fn text(found: &ObjectsEvaluation) -> String {
    let mut text = String::new();
    for (what, scores) in groups(found) {
        let _ = writeln!(text, "\n{what}");
        let width = scores.iter().map(|score| score.detector.len()).max().unwrap_or(0);
        for score in scores {
            let _ = writeln!(text, "{:width$}  {}", score.detector, line(score));
        }
    }
    text.push_str(&skipped(&found.skipped));
    text
}

/// The figures as lines of a report.
pub(crate) fn notes(found: &ObjectsEvaluation) -> Vec<(String, String)> {
    let each = |(what, scores): (String, &[DetectorScore])| {
        let notes = scores.iter().map(|score| (format!("{what}, {}", score.detector), line(score)));
        notes.collect::<Vec<_>>()
    };
    groups(found).flat_map(each).collect()
}

fn line(score: &DetectorScore) -> String {
    let percent = |fraction: f64| format!("{:.1} %", 100.0 * fraction);
    let of_all = |number: u64| percent(number as f64 / score.boxes.ground_truth.max(1) as f64);
    let mut line = format!("recall {}", percent(score.recall));
    if let (Some(first), Some(three)) = (score.top1_correct, score.top3_correct) {
        let _ = write!(line, ", right product top-1 {}, top-3 {}", of_all(first), of_all(three));
    }
    let _ = write!(
        line,
        "; precision {}; {:.0} ms per photo, {:.0} of them detection",
        percent(score.precision),
        score.search_ms,
        score.detect_ms
    );
    line
}

#[derive(Deserialize)]
struct Line {
    photo: String,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    product: String,
    bbox: Sides,
}

#[derive(Deserialize)]
struct Sides {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

/// Photos of several products, as a file lists them; those of one are left out.
fn shown(file: &Path) -> anyhow::Result<Vec<ProductAnnotations>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    let root = file.parent().unwrap_or(Path::new(""));
    let mut photos = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line =
            serde_json::from_str(line).with_context(|| format!("{name}, line {}", number + 1))?;
        let object = |annotation: Annotation| {
            let Sides { x, y, width, height } = annotation.bbox;
            Some((annotation.product, BBox::clipped(x, y, x + width, y + height)?))
        };
        let shown: Vec<_> = line.annotations.into_iter().filter_map(object).collect();
        if shown.len() > 1 {
            photos.push(ProductAnnotations { file: root.join(line.photo), products: shown });
        }
    }
    anyhow::ensure!(!photos.is_empty(), "{name}: no photo of several products");
    Ok(photos)
}

/// Photos of a folder with boxes in YOLO's text form: all boxes, and those of household objects.
fn boxed(folder: &Path) -> anyhow::Result<(Vec<BoxAnnotations>, Vec<BoxAnnotations>)> {
    let images = folder.join("images");
    let read = |path: &Path| format!("cannot read {}", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&images).with_context(|| read(&images))? {
        files.push(entry.with_context(|| read(&images))?.path());
    }
    files.sort();
    let (mut photos, mut home) = (Vec::new(), Vec::new());
    for file in files {
        let Some(name) = file.file_stem() else { continue };
        let labels = folder.join("labels").join(name).with_extension("txt");
        // A photo of nothing has no file of labels.
        let text = std::fs::read_to_string(&labels).unwrap_or_default();
        let (mut boxes, mut of_home) = (Vec::new(), Vec::new());
        for (number, line) in text.lines().enumerate() {
            let numbers: Result<Vec<f32>, _> = line.split_whitespace().map(str::parse).collect();
            let Ok(&[class, x, y, width, height]) = numbers.as_deref() else {
                let place = format!("{}, line {}", labels.display(), number + 1);
                anyhow::bail!("{place}: not a class, a middle and two sides: {line}");
            };
            let (across, down) = (width / 2.0, height / 2.0);
            let area = BBox::clipped(x - across, y - down, x + across, y + down);
            boxes.extend(area);
            of_home.extend(area.filter(|_| HOME.contains(&(class as usize))));
        }
        home.push(BoxAnnotations { file: file.clone(), boxes: of_home });
        photos.push(BoxAnnotations { file, boxes });
    }
    anyhow::ensure!(!photos.is_empty(), "no photos in {}", images.display());
    Ok((photos, home))
}
