//! Measures how well the foreground of activation maps agrees with COCO128's annotated boxes.
//!
//! ```text
//! cargo run --release -p lookalike-curate --example coco_foreground -- COCO128 WEIGHTS
//! ```
//!
//! `COCO128` is a folder of photos of COCO with boxes in YOLO's text form: `images/*.jpg` and
//! `labels/*.txt`, lines of class, x and y of the centre, width and height, as fractions of the
//! photo. Settings were tuned on photos of even numbers, figures are those of odd numbers.

use std::error::Error;
use std::path::Path;

use lookalike_curate::PhotoMeasurement;
use lookalike_detect::ActivationDetector;

/// Side of the grid on which the union of boxes is measured, in cells.
const CELLS: usize = 256;
/// Smaller boxes are not counted, as a fraction of the photo.
const MIN_AREA: f64 = 0.02;
/// A threshold of area far below the half that a shop would set.
pub const SMALL_AREA: f64 = 0.25;

/// Annotated and estimated foreground of a photo.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// Its number in the data set.
    pub number: u64,
    /// Fraction of the photo that all boxes together cover.
    pub annotated: f64,
    /// Fraction that the largest box covers.
    pub largest: f64,
    /// Number of boxes that are not tiny.
    pub boxes: usize,
    /// Fraction estimated from the activation map.
    pub estimated: f64,
    /// Number of objects in the activation map.
    pub objects: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(folder), Some(weights)) = (args.next(), args.next()) else {
        return Err("name the folder of COCO128 and the weights".into());
    };
    let pairs = pairs(folder.as_ref(), weights.as_ref())?;
    for (name, rest) in [("tuned on", 0), ("reported", 1)] {
        let half: Vec<Pair> = pairs.iter().copied().filter(|p| p.number % 2 == rest).collect();
        println!("{name}: {} photos", half.len());
        println!("{}", figures(&half, SMALL_AREA));
    }
    Ok(())
}

/// All photos of the data set.
pub fn pairs(folder: &Path, weights: &Path) -> Result<Vec<Pair>, Box<dyn Error>> {
    let detector = ActivationDetector::new(&lookalike_backbone::load(weights, None)?);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.join("images"))? {
        files.push(entry?.path());
    }
    files.sort();
    let mut pairs = Vec::new();
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).ok_or("a strange name")?;
        let labels = folder.join("labels").join(format!("{name}.txt"));
        let boxes = boxes(&std::fs::read_to_string(labels).unwrap_or_default())?;
        let measured = PhotoMeasurement::of_file(&file, Some(&detector))??;
        let foreground = measured.foreground.ok_or("no foreground")?;
        let sizes = boxes.iter().map(|b| b[2] * b[3]);
        pairs.push(Pair {
            number: name.parse()?,
            annotated: union_area(&boxes),
            largest: sizes.clone().fold(0.0, f64::max),
            boxes: sizes.filter(|&size| size >= MIN_AREA).count(),
            estimated: foreground.area_fraction,
            objects: foreground.objects.len(),
        });
    }
    Ok(pairs)
}

fn boxes(text: &str) -> Result<Vec<[f64; 4]>, Box<dyn Error>> {
    let mut boxes = Vec::new();
    for line in text.lines() {
        let numbers: Vec<f64> =
            line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let &[_, x, y, width, height] = numbers.as_slice() else {
            return Err(format!("not five numbers: {line}").into());
        };
        boxes.push([x, y, width, height]);
    }
    Ok(boxes)
}

/// Fraction of the photo that boxes together cover.
fn union_area(boxes: &[[f64; 4]]) -> f64 {
    let middle = |cell: usize| (cell as f64 + 0.5) / CELLS as f64;
    let is_in = |&[x, y, width, height]: &[f64; 4], at: (f64, f64)| {
        (at.0 - x).abs() <= width / 2.0 && (at.1 - y).abs() <= height / 2.0
    };
    let cells = (0..CELLS * CELLS).map(|cell| (middle(cell % CELLS), middle(cell / CELLS)));
    let inside = cells.filter(|&at| boxes.iter().any(|one| is_in(one, at))).count();
    inside as f64 / (CELLS * CELLS) as f64
}

/// Figures of some photos, in lines.
pub fn figures(pairs: &[Pair], limit: f64) -> String {
    let count = pairs.len().max(1) as f64;
    let fraction_of =
        |is: &dyn Fn(&Pair) -> bool| pairs.iter().filter(|p| is(p)).count() as f64 / count;
    let error = |truth: &dyn Fn(&Pair) -> f64| {
        pairs.iter().map(|p| (p.estimated - truth(p)).abs()).sum::<f64>() / count
    };
    let constant = |truth: &dyn Fn(&Pair) -> f64| {
        let mut all: Vec<f64> = pairs.iter().map(truth).collect();
        all.sort_unstable_by(f64::total_cmp);
        let median = all.get(all.len() / 2).copied().unwrap_or_default();
        all.iter().map(|value| (value - median).abs()).sum::<f64>() / count
    };
    let mean = |value: &dyn Fn(&Pair) -> f64| pairs.iter().map(value).sum::<f64>() / count;
    let (a, b) = (mean(&|p| p.estimated), mean(&|p| p.annotated));
    let spread = |x: &dyn Fn(&Pair) -> f64, y: &dyn Fn(&Pair) -> f64| mean(&|p| x(p) * y(p));
    let (x, y) = (|p: &Pair| p.estimated - a, |p: &Pair| p.annotated - b);
    let correlation = spread(&x, &y) / (spread(&x, &x) * spread(&y, &y)).sqrt();
    let ratio = |both: f64, of: f64| if of > 0.0 { 100.0 * both / of } else { f64::NAN };
    let estimated_half = |p: &Pair| p.estimated >= 0.5;
    let annotated_half = |p: &Pair| p.annotated >= 0.5;
    let both = fraction_of(&|p| estimated_half(p) && annotated_half(p));
    let drops = |p: &Pair| p.estimated < limit;
    let right = fraction_of(&|p| drops(p) && !annotated_half(p));
    let counted = fraction_of(&|p| (p.objects >= 2) == (p.boxes >= 2));
    let several = fraction_of(&|p| p.boxes >= 2);
    format!(
        "  area: mean error {:.3} of what boxes cover (a constant at their median: {:.3}), {:.3} of the \
         largest ({:.3}); correlation {correlation:.2}\n  \
         covers half: precision {:.0} %, recall {:.0} %; {:.0} % do\n  \
         below {limit}: {:.0} % of photos, correctly {:.0} % of them\n  \
         one or several: correct on {:.0} %; always several: {:.0} %\n",
        error(&|p| p.annotated),
        constant(&|p| p.annotated),
        error(&|p| p.largest),
        constant(&|p| p.largest),
        ratio(both, fraction_of(&estimated_half)),
        ratio(both, fraction_of(&annotated_half)),
        100.0 * fraction_of(&annotated_half),
        100.0 * fraction_of(&drops),
        ratio(right, fraction_of(&drops)),
        100.0 * counted,
        100.0 * several,
    )
}
