//! An answer as one page with all pictures in it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lookalike_base::html;
use lookalike_engine::{Answer, Match, ObjectsAnswer, Searcher};
use lookalike_photo::{DecodeLimits, make_thumbnail, read};
use minijinja::{Environment, Value, context};

use crate::output::{self, answer as text};

/// Longest side of a picture on the page, in pixels: a photo of several objects, the query's and the others'.
const LARGEST: u32 = 1280;
const LARGE: u32 = 640;
const SMALL: u32 = 320;

const QUALITY: u8 = 82;

/// The page of an answer. A picture that cannot be read is left out with a word.
pub(crate) fn of_answer(
    answer: &Answer,
    photo: &Path,
    searcher: &Searcher,
) -> anyhow::Result<String> {
    let sure = answer.verdict.as_ref().map(text::certainty);
    let lines: Vec<String> = [text::copy(answer), text::missing(answer.missing_percent), sure]
        .into_iter()
        .flatten()
        .collect();
    let objects = vec![context! {
        certainty => (!lines.is_empty()).then(|| lines.join("; ")),
        matches => matches(&answer.matches, searcher),
    }];
    render(&answer.query, photo, searcher, answer.took_ms, objects, Vec::new())
}

/// The page of the objects in a photo, with a numbered box around each.
pub(crate) fn of_objects(
    answer: &ObjectsAnswer,
    photo: &Path,
    searcher: &Searcher,
) -> anyhow::Result<String> {
    let percent = |fraction: f32| format!("{:.2}", 100.0 * fraction);
    let (mut objects, mut boxes) = (Vec::new(), Vec::new());
    for (number, object) in (1..).zip(&answer.objects) {
        objects.push(context! {
            number,
            label => &object.label,
            certainty => object.verdict.as_ref().map(text::certainty),
            matches => matches(&object.matches, searcher),
        });
        for bbox in std::iter::once(&object.bbox).chain(&object.repeats) {
            boxes.push(context! {
                number,
                left => percent(bbox.x),
                top => percent(bbox.y),
                width => percent(bbox.width),
                height => percent(bbox.height),
            });
        }
    }
    render(&answer.query, photo, searcher, answer.took_ms, objects, boxes)
}

/// Products for the page.
fn matches(matches: &[Match], searcher: &Searcher) -> Vec<Value> {
    let root = searcher.index().root();
    let one = |found: &Match| {
        let product = &found.product;
        // A picture on the web would make the page depend on the web.
        let picture = product.image.as_ref().filter(|image| !is_web(image));
        let evidence = found.evidence.iter().map(|photo| {
            context! {
                picture => picture_data(&photo.file, SMALL),
                name => photo.photo.rsplit('/').next(),
                path => &photo.photo,
                similarity => format!("{:.2}", photo.similarity),
            }
        });
        context! {
            rank => found.rank,
            name => &product.name,
            score => format!("{:.0}", 100.0 * found.score),
            facts => text::facts(product),
            description => &product.description,
            // Anything else, such as javascript:, would run when clicked.
            url => product.url.as_ref().filter(|url| is_web(url)),
            picture => picture.and_then(|image| picture_data(&root.join(image), SMALL)),
            evidence => evidence.collect::<Vec<_>>(),
        }
    };
    matches.iter().map(one).collect()
}

fn render(
    query: &str,
    photo: &Path,
    searcher: &Searcher,
    milliseconds: f64,
    objects: Vec<Value>,
    boxes: Vec<Value>,
) -> anyhow::Result<String> {
    let index = searcher.index();
    let mut templates = Environment::new();
    templates.add_template(html::BASE_NAME, html::BASE)?;
    templates.add_template("answer.html", include_str!("templates/answer.html"))?;
    Ok(templates.get_template("answer.html")?.render(context! {
        query => photo.file_name().map_or_else(|| query.to_owned(), |n| n.to_string_lossy().into_owned()),
        picture => picture_data(photo, if boxes.is_empty() { LARGE } else { LARGEST }),
        photos => output::count(index.photos().len() as u64, "photo"),
        products => output::count(index.products_with_photos() as u64, "product"),
        milliseconds => format!("{milliseconds:.0}"),
        model => index.model().name(),
        objects,
        boxes,
    })?)
}

fn is_web(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    address.starts_with("https://") || address.starts_with("http://")
}

/// A picture as a data address (RFC 2397), upright and small.
fn picture_data(file: &Path, side: u32) -> Option<Value> {
    let limits = DecodeLimits::default();
    let jpeg = make_thumbnail(&read(file, &limits).ok()?, &limits, side, QUALITY).ok()?;
    // Base64 has no character that means something in HTML; escaping its slashes only makes it long.
    Some(Value::from_safe_string(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))))
}
