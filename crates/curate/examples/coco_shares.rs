//! How well the things that a network's map shows agree with boxes that people drew.
//!
//! ```text
//! cargo run --release -p lookalike-curate --example coco_shares -- COCO128 WEIGHTS
//! ```
//!
//! `COCO128` is a folder of photos of COCO with boxes in YOLO's text form: `images/*.jpg` and
//! `labels/*.txt`, lines of class, x and y of the middle, width and height, as shares of the photo.
//! Settings were chosen on photos of even numbers, figures are those of odd numbers.

use std::error::Error;
use std::path::Path;

use lookalike_curate::Look;
use lookalike_detect::ActivationFinder;

/// Cells a side that boxes are drawn into, to measure what they cover together.
const CELLS: usize = 256;
/// Boxes smaller than this share of the photo are no things that a shop would count.
const LEAST: f64 = 0.02;
/// A share far below the half that a shop would ask for.
pub const SMALL: f64 = 0.25;

/// A photo as people and the network see it.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// Its number in the data set.
    pub number: u64,
    /// Share that all boxes cover together, and that the largest does.
    pub covered: f64,
    /// Share of the largest box.
    pub largest: f64,
    /// Boxes that are not tiny.
    pub boxes: usize,
    /// Share that the network sees.
    pub share: f64,
    /// Things that the network sees.
    pub things: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(folder), Some(weights)) = (args.next(), args.next()) else {
        return Err("name the folder of COCO128 and the weights".into());
    };
    let pairs = pairs(folder.as_ref(), weights.as_ref())?;
    for (name, rest) in [("chosen on", 0), ("reported", 1)] {
        let half: Vec<Pair> = pairs.iter().copied().filter(|p| p.number % 2 == rest).collect();
        println!("{name}: {} photos", half.len());
        println!("{}", figures(&half, SMALL));
    }
    Ok(())
}

/// All photos of the data set.
pub fn pairs(folder: &Path, weights: &Path) -> Result<Vec<Pair>, Box<dyn Error>> {
    let finder = ActivationFinder::new(&lookalike_backbone::load(weights, None)?);
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
        let things = Look::at(&file, Some(&finder))??.things.ok_or("no finder")?;
        let sizes = boxes.iter().map(|b| b[2] * b[3]);
        pairs.push(Pair {
            number: name.parse()?,
            covered: covered(&boxes),
            largest: sizes.clone().fold(0.0, f64::max),
            boxes: sizes.filter(|&size| size >= LEAST).count(),
            share: things.share,
            things: things.items.len(),
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

/// Share that boxes cover together.
fn covered(boxes: &[[f64; 4]]) -> f64 {
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
    let share_of =
        |is: &dyn Fn(&Pair) -> bool| pairs.iter().filter(|p| is(p)).count() as f64 / count;
    let error = |truth: &dyn Fn(&Pair) -> f64| {
        pairs.iter().map(|p| (p.share - truth(p)).abs()).sum::<f64>() / count
    };
    let constant = |truth: &dyn Fn(&Pair) -> f64| {
        let mut all: Vec<f64> = pairs.iter().map(truth).collect();
        all.sort_unstable_by(f64::total_cmp);
        let median = all.get(all.len() / 2).copied().unwrap_or_default();
        all.iter().map(|value| (value - median).abs()).sum::<f64>() / count
    };
    let mean = |value: &dyn Fn(&Pair) -> f64| pairs.iter().map(value).sum::<f64>() / count;
    let (a, b) = (mean(&|p| p.share), mean(&|p| p.covered));
    let spread = |x: &dyn Fn(&Pair) -> f64, y: &dyn Fn(&Pair) -> f64| mean(&|p| x(p) * y(p));
    let (x, y) = (|p: &Pair| p.share - a, |p: &Pair| p.covered - b);
    let correlation = spread(&x, &y) / (spread(&x, &x) * spread(&y, &y)).sqrt();
    let ratio = |both: f64, of: f64| if of > 0.0 { 100.0 * both / of } else { f64::NAN };
    let says = |p: &Pair| p.share >= 0.5;
    let is = |p: &Pair| p.covered >= 0.5;
    let both = share_of(&|p| says(p) && is(p));
    let drops = |p: &Pair| p.share < limit;
    let right = share_of(&|p| drops(p) && !is(p));
    let counted = share_of(&|p| (p.things >= 2) == (p.boxes >= 2));
    let several = share_of(&|p| p.boxes >= 2);
    format!(
        "  share: mean error {:.3} of what boxes cover (always saying their median: {:.3}), {:.3} of the \
         largest ({:.3}); correlation {correlation:.2}\n  \
         fills half: precision {:.0} %, recall {:.0} %; {:.0} % do\n  \
         below {limit}: {:.0} % of photos, rightly {:.0} % of them\n  \
         one or several: right on {:.0} %; always saying several: {:.0} %\n",
        error(&|p| p.covered),
        constant(&|p| p.covered),
        error(&|p| p.largest),
        constant(&|p| p.largest),
        ratio(both, share_of(&says)),
        ratio(both, share_of(&is)),
        100.0 * share_of(&is),
        100.0 * share_of(&drops),
        ratio(right, share_of(&drops)),
        100.0 * counted,
        100.0 * several,
    )
}
