//! Cuts photos out to what stands out in them, to measure whether that helps: an index of such photos, or a search
//! with such a photo.
//!
//! ```text
//! cargo run --release -p lookalike-detect --example main_item -- PHOTOS OUT [DETECTOR.onnx]
//! ```
//!
//! Every photo below `PHOTOS` is written under the same name below `OUT`: the box around all regions that stand out
//! in the network's map or, with a detector, the largest of its boxes, with a twentieth of the photo around it; whole
//! where there is none.

use std::error::Error;
use std::path::{Path, PathBuf};

use lookalike_backbone::{BUNDLED, load, map_on_cores};
use lookalike_detect::{ActivationFinder, Detector, ItemFinder};
use lookalike_photo::{BBox, DecodeLimits, RgbImage, decode, read};

/// Share of the photo's sides that is kept around a thing.
const AROUND: f32 = 0.05;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [from, to, rest @ ..] = &args[..] else { return Err("name two folders".into()) };
    let map = ActivationFinder::new(&load(BUNDLED.as_ref(), None)?);
    let detector = rest.first().map(|file| Detector::open(file)).transpose()?;
    let mut files = Vec::new();
    photos(from, &mut files)?;
    let done = map_on_cores(&files, |file| {
        cut_out(file, from, to, &map, detector.as_ref()).map_err(|e| e.to_string())
    });
    let shares: Vec<f32> = done.into_iter().collect::<Result<_, _>>()?;
    let mean = shares.iter().sum::<f32>() / shares.len().max(1) as f32;
    println!("{} photos, cut out to {:.0} % of each in the mean", shares.len(), 100.0 * mean);
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

/// Writes what of a photo stands out, and returns its share of the photo.
fn cut_out(
    file: &Path,
    from: &Path,
    to: &Path,
    map: &ActivationFinder,
    detector: Option<&Detector>,
) -> Result<f32, Box<dyn Error>> {
    let limits = DecodeLimits::default();
    let photo = decode(&read(file, &limits)?, &limits)?.pixels;
    let area = main_area(&photo, map, detector)?;
    let out = to.join(file.strip_prefix(from)?);
    std::fs::create_dir_all(out.parent().unwrap_or(to))?;
    let picture = area.crop().map_or_else(|| photo.clone(), |crop| crop.apply(&photo));
    picture.save(out)?;
    Ok(area.area())
}

fn main_area(
    photo: &RgbImage,
    map: &ActivationFinder,
    detector: Option<&Detector>,
) -> Result<BBox, Box<dyn Error>> {
    let area = match detector {
        None => {
            let items = map.look(photo)?.things().items;
            items.iter().map(|item| item.area).reduce(|all, one| all.enclosing(&one))
        }
        Some(detector) => {
            let areas = detector.find(photo)?.into_iter().map(|item| item.area);
            areas.max_by(|a, b| a.area().total_cmp(&b.area()))
        }
    };
    let Some(BBox { left, top, right, bottom }) = area else { return Ok(BBox::WHOLE) };
    let wider = BBox::clipped(left - AROUND, top - AROUND, right + AROUND, bottom + AROUND);
    Ok(wider.unwrap_or(BBox::WHOLE))
}
