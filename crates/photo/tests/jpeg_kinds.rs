//! JPEGs of every kind against libjpeg-turbo: 4,000 files that `lookalike_testkit::jpeg` writes.
//!
//! `jpeg/kinds.golden` has, of each, the mean colours of 4x4 cells of the picture that libjpeg-turbo decodes:
//!
//! ```text
//! JPEG_KINDS=FOLDER cargo test -p lookalike-photo --test jpeg_kinds -- --ignored
//! python3 jpeg/golden.py FOLDER
//! ```
//!
//! Where `djpeg` is installed, libjpeg's own program, other files are compared with what it shows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lookalike_photo::{DecodeLimits, PhotoError, RgbImage, decode};
use lookalike_testkit::jpeg::{JpegKind, jpeg};
use lookalike_testkit::{Mutations, skipped};

const FILES: u64 = 4000;
const CELLS: u32 = 4;
const GOLDEN: &[u8] = include_bytes!("jpeg/kinds.golden");

#[test]
#[ignore = "writes the files that golden.py decodes"]
fn write_the_files() {
    let folder = PathBuf::from(std::env::var("JPEG_KINDS").expect("JPEG_KINDS names a folder"));
    for number in 0..FILES {
        let bytes = jpeg(&JpegKind::numbered(number));
        std::fs::write(folder.join(format!("{number}.jpg")), bytes).expect("a file");
    }
}

/// Mean colours of 4x4 cells.
fn means(image: &RgbImage) -> Vec<u8> {
    let (width, height) = image.dimensions();
    let mut means = Vec::new();
    for cell in 0..CELLS * CELLS {
        let bounds = |at: u32, length: u32| at * length / CELLS..(at + 1) * length / CELLS;
        let (xs, ys) = (bounds(cell % CELLS, width), bounds(cell / CELLS, height));
        let pixels: Vec<_> =
            ys.flat_map(|y| xs.clone().map(move |x| image.get_pixel(x, y))).collect();
        for channel in 0..3 {
            let sum: u32 = pixels.iter().map(|pixel| u32::from(pixel[channel])).sum();
            means.push((sum / pixels.len() as u32) as u8);
        }
    }
    means
}

#[test]
fn all_kinds_look_as_libjpeg_turbo_shows_them() {
    let per_file = (CELLS * CELLS * 3) as usize;
    assert_eq!(GOLDEN.len(), FILES as usize * per_file);
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for (number, golden) in (0..FILES).zip(GOLDEN.chunks_exact(per_file)) {
        let kind = JpegKind::numbered(number);
        match decode(&jpeg(&kind), &DecodeLimits::default()) {
            Ok(photo) => {
                let worst =
                    means(&photo.pixels).iter().zip(golden).map(|(a, b)| a.abs_diff(*b)).max();
                if worst > Some(4) {
                    wrong.push(format!("off by {worst:?}: {kind:?}"));
                }
            }
            // Said by its name, and rare: factors such as 1, 2 and 4 side by side, in scans apart.
            Err(PhotoError::Unsupported { kind }) if kind.contains("unusual") => refused += 1,
            Err(error) => wrong.push(format!("{error}: {kind:?}")),
        }
    }
    let some = wrong.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(refused < FILES / 10, "{refused} are refused");
    assert!(wrong.is_empty(), "{} of {FILES} are wrong:\n{some}", wrong.len());
}

/// What `djpeg` shows, if it is installed and takes the file.
fn shown_by_djpeg(file: &Path) -> Option<RgbImage> {
    // It warns of files without an end marker.
    let shown = Command::new("djpeg").arg("-pnm").arg(file).stderr(Stdio::null()).output().ok()?;
    // P5 or P6 (grey or RGB), width, height, 255, each behind white space.
    let mut fields = shown.stdout.splitn(4, |byte| byte.is_ascii_whitespace());
    let kind = fields.next()?;
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
    let (width, height) = (number()?, number()?);
    let samples = fields.next()?.strip_prefix(b"255\n")?;
    let rgb = match kind {
        b"P5" => samples.iter().flat_map(|&grey| [grey; 3]).collect(),
        _ => samples.to_vec(),
    };
    RgbImage::from_raw(width, height, rgb)
}

#[test]
fn other_files_look_as_an_installed_djpeg_shows_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("photo.jpg");
    if Command::new("djpeg")
        .arg("-version")
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .output()
        .is_err()
    {
        skipped("JPEGs of every kind beside djpeg: it is not installed (libjpeg-turbo-progs)");
        return;
    }
    let (mut compared, mut wrong) = (0, Vec::new());
    for number in FILES..FILES + Mutations::count(300) as u64 {
        let kind = JpegKind::numbered(number);
        let bytes = jpeg(&kind);
        std::fs::write(&file, &bytes).expect("a file");
        // It does not turn inks into colours; and some kinds are refused by their name.
        let Some(shown) = shown_by_djpeg(&file) else { continue };
        let Ok(photo) = decode(&bytes, &DecodeLimits::default()) else { continue };
        let (ours, theirs) = (means(&photo.pixels), means(&shown));
        let worst = ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(b)).max();
        compared += 1;
        if worst > Some(4) {
            wrong.push(format!("off by {worst:?}: {kind:?}"));
        }
    }
    assert!(compared > 100, "{compared} were compared");
    assert!(wrong.is_empty(), "{} of {compared} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
