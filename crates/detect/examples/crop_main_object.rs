//! Crops photos to their main object, to measure whether that helps: an index of such photos, or a search with
//! such a photo.
//!
//! ```text
//! cargo run --release -p lookalike-detect --example crop_main_object -- PHOTOS OUT [DETECTOR.onnx]
//! ```
//!
//! Every photo below `PHOTOS` is written under the same name below `OUT`: the box around all foreground
//! objects of the activation map or, with a detector, its largest box, with a margin of a twentieth of the photo; the
//! whole photo where there is none.

use std::error::Error;
use std::path::{Path, PathBuf};

use lookalike_backbone::{BUNDLED, load, map_on_cores};
use lookalike_detect::{ActivationDetector, ObjectDetector, OnnxDetector};
use lookalike_photo::{BBox, DecodeLimits, RgbImage, decode, read};

/// Margin around an object, as a fraction of the photo's sides.
const MARGIN: f32 = 0.05;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [from, to, rest @ ..] = &args[..] else { return Err("name two folders".into()) };
    let map = ActivationDetector::new(&load(BUNDLED.as_ref(), None)?);
    let detector = rest.first().map(|file| OnnxDetector::open(file)).transpose()?;
    let mut files = Vec::new();
    photos(from, &mut files)?;
    let cropped = map_on_cores(&files, |file| {
        crop_to_main_object(file, from, to, &map, detector.as_ref()).map_err(|e| e.to_string())
    });
    let fractions: Vec<f32> = cropped.into_iter().collect::<Result<_, _>>()?;
    let mean = fractions.iter().sum::<f32>() / fractions.len().max(1) as f32;
    println!("{} photos, cropped to {:.0} % of each on average", fractions.len(), 100.0 * mean);
    Ok(())
}

fn photos(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            photos(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "jpg") {
            files.push(path);
        }
    }
    Ok(())
}

/// Writes a photo's main object, and returns its fraction of the photo.
fn crop_to_main_object(
    file: &Path,
    from: &Path,
    to: &Path,
    map: &ActivationDetector,
    detector: Option<&OnnxDetector>,
) -> Result<f32, Box<dyn Error>> {
    let limits = DecodeLimits::default();
    let photo = decode(&read(file, &limits)?, &limits)?.pixels;
    let bbox = main_object(&photo, map, detector)?;
    let out = to.join(file.strip_prefix(from)?);
    std::fs::create_dir_all(out.parent().unwrap_or(to))?;
    let picture = bbox.crop().map_or_else(|| photo.clone(), |crop| crop.apply(&photo));
    picture.save(out)?;
    Ok(bbox.area())
}

fn main_object(
    photo: &RgbImage,
    map: &ActivationDetector,
    detector: Option<&OnnxDetector>,
) -> Result<BBox, Box<dyn Error>> {
    let bbox = match detector {
        None => {
            let objects = map.activation_map(photo)?.foreground().objects;
            objects.iter().map(|object| object.bbox).reduce(|all, one| all.enclosing(&one))
        }
        Some(detector) => {
            let boxes = detector.detect(photo)?.into_iter().map(|object| object.bbox);
            boxes.max_by(|a, b| a.area().total_cmp(&b.area()))
        }
    };
    let Some(BBox { left, top, right, bottom }) = bbox else { return Ok(BBox::WHOLE) };
    let wider = BBox::clipped(left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN);
    Ok(wider.unwrap_or(BBox::WHOLE))
}
