//! Pictures of text are distinguished from photos, by pixels alone.

use image::{Rgb, RgbImage};
use lookalike_curate::{ImageQuality, IssueKind, Thresholds};
use lookalike_testkit::{Noise, photos};

/// A picture of a chat or a page: a bar, lines of letters, which are random strokes of 5 by 7 blocks.
fn screenshot(seed: u32, width: u32, height: u32, background: u8) -> RgbImage {
    let noise = Noise::named(&format!("letters {seed}"));
    let ink = if background > 128 { 30 } else { 230 };
    let block = (width / 240).max(1);
    let mut page = RgbImage::from_pixel(width, height, Rgb([background; 3]));
    for y in 0..height / 14 {
        for x in 0..width {
            page.put_pixel(x, y, Rgb([40, 90, 200]));
        }
    }
    let (letter_width, letter_height) = (6 * block, 11 * block);
    for line in 2..height / letter_height - 1 {
        let length = (noise.at(line as usize) + 0.5) * f64::from(width / letter_width - 4);
        for letter in 2..length as u32 + 2 {
            for part in 0..35 {
                let at = (line * 1000 + letter) as usize * 35 + part as usize;
                if noise.at(at) < 0.0 {
                    continue;
                }
                let (left, top) = (
                    letter * letter_width + part % 5 * block,
                    line * letter_height + part / 5 * block,
                );
                for y in top..(top + block).min(height) {
                    for x in left..(left + block).min(width) {
                        page.put_pixel(x, y, Rgb([ink; 3]));
                    }
                }
            }
        }
    }
    page
}

fn through_jpeg(picture: &RgbImage) -> RgbImage {
    let bytes = photos::jpeg(picture, 85);
    let limits = lookalike_photo::DecodeLimits::default();
    lookalike_photo::decode(&bytes, &limits).expect("a photo").pixels
}

#[test]
fn pictures_of_text_are_distinguished_from_photos() {
    let most = Thresholds::default().max_text_score;
    for seed in 0..4 {
        for (width, height) in [(360, 640), (720, 1280), (1080, 1920)] {
            for background in [250, 24] {
                let page = through_jpeg(&screenshot(seed, width, height, background));
                let text = ImageQuality::of(&page).text_score;
                assert!(text > most, "{width}x{height} on {background}: {text}");
            }
        }
    }
    for seed in 0..40 {
        let text = ImageQuality::of(&through_jpeg(&photos::pattern(seed, 480, 360))).text_score;
        assert!(text < most, "pattern {seed}: {text}");
    }
    // A cut-out product on white, with straight edges.
    let mut cut_out = RgbImage::from_pixel(600, 600, Rgb([255; 3]));
    image::imageops::overlay(&mut cut_out, &photos::pattern(3, 240, 320), 180, 140);
    let text = ImageQuality::of(&through_jpeg(&cut_out)).text_score;
    assert!(text < most, "a cut-out: {text}");
}

#[test]
fn names_of_issue_kinds_are_those_of_the_json() {
    for kind in IssueKind::ALL {
        let json = serde_json::to_string(&kind).expect("JSON");
        assert_eq!(json, format!("\"{kind}\""));
    }
}
