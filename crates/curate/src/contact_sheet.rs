//! The contact sheet: one HTML page with thumbnails of kept and dropped photos and the issues of each.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lookalike_backbone::map_on_cores;
use lookalike_base::html;
use lookalike_catalog::Catalog;
use lookalike_photo::{DecodeLimits, make_thumbnail, read};
use minijinja::{Environment, Value, context};

use crate::{CurateError, Curation, DecidedBy, Decision, ImageQuality, IssueKind, PhotoDecision};

/// Photos shown of a section at most.
const MAX_SHOWN: usize = 200;
/// Side of the thumbnails, in pixels.
const SIDE: u32 = 144;
const QUALITY: u8 = 70;

/// Photos under one heading.
struct Section<'a> {
    /// For the page's filter: the name of an issue kind, `person` or `kept`.
    name: &'static str,
    heading: &'static str,
    photos: Vec<&'a PhotoDecision>,
}

impl Curation {
    /// The contact sheet as one HTML page that needs no network. In it a person can
    /// mark photos to be kept or dropped, and save the marks as a file of overrides.
    ///
    /// Each section shows at most 200 photos, evenly sampled.
    ///
    /// # Errors
    /// [`CurateError::ContactSheet`], which no decision causes.
    pub fn contact_sheet(&self, catalog: &Catalog, title: &str) -> Result<String, CurateError> {
        let sections: Vec<Value> =
            self.sections().iter().map(|section| section.content(catalog)).collect();
        let mut templates = Environment::new();
        templates.add_template(html::BASE_NAME, html::BASE)?;
        // The ending of the name turns on escaping.
        let name = "contact_sheet.html";
        templates.add_template(name, include_str!("template/contact_sheet.html"))?;
        Ok(templates.get_template(name)?.render(context! {
            title,
            sections,
            photos => self.decisions.len(),
            kept => self.photos_kept(),
            dropped => self.decisions.len() - self.photos_kept(),
            by_person => self.decided_by_person(),
        })?)
    }

    fn sections(&self) -> Vec<Section<'_>> {
        let mut dropped: BTreeMap<IssueKind, Vec<&PhotoDecision>> = BTreeMap::new();
        let (mut kept, mut by_person) = (Vec::new(), Vec::new());
        for decision in &self.decisions {
            match (decision.decision, decision.issues.first()) {
                (Decision::Keep, _) => kept.push(decision),
                (Decision::Drop, Some(issue)) => {
                    dropped.entry(issue.kind).or_default().push(decision);
                }
                (Decision::Drop, None) => by_person.push(decision),
            }
        }
        let mut sections: Vec<Section> = dropped
            .into_iter()
            .map(|(kind, photos)| Section { name: kind.name(), heading: heading(kind), photos })
            .collect();
        sections.push(Section {
            name: "person",
            heading: "Dropped by a person",
            photos: by_person,
        });
        sections.push(Section { name: "kept", heading: "Kept", photos: kept });
        sections.retain(|section| !section.photos.is_empty());
        sections
    }
}

fn heading(kind: IssueKind) -> &'static str {
    match kind {
        IssueKind::Unreadable => "Cannot be read",
        IssueKind::LowResolution => "Too few pixels",
        IssueKind::Blurry => "Blurry",
        IssueKind::Dark => "Too dark",
        IssueKind::Bright => "Overexposed",
        IssueKind::Screenshot => "Pictures of text",
        IssueKind::Duplicate => "Duplicates",
        IssueKind::SmallObject => "The product is too small",
        IssueKind::MultipleObjects => "Several objects",
    }
}

impl Section<'_> {
    fn content(&self, catalog: &Catalog) -> Value {
        let all = self.photos.len();
        let shown: Vec<&PhotoDecision> = if all <= MAX_SHOWN {
            self.photos.clone()
        } else {
            (0..MAX_SHOWN).map(|at| self.photos[at * all / MAX_SHOWN]).collect()
        };
        let cards = map_on_cores(&shown, |decision| card(decision, catalog));
        context! {
            name => self.name,
            heading => self.heading,
            all,
            sampled => shown.len(),
            cards,
        }
    }
}

fn card(decision: &PhotoDecision, catalog: &Catalog) -> Value {
    let quality = decision.quality.map(|quality| {
        let area = decision.foreground.as_ref();
        let area = area.map(|f| format!(", foreground {:.0} %", 100.0 * f.area_fraction));
        let area = area.unwrap_or_default();
        let ImageQuality { width, height, sharpness, .. } = quality;
        format!("{width}x{height}, sharpness {sharpness:.0}{area}")
    });
    context! {
        photo => &decision.photo,
        product => &decision.product,
        decision => if decision.decision == Decision::Keep { "keep" } else { "drop" },
        by_person => decision.decided_by == DecidedBy::Person,
        readable => decision.quality.is_some(),
        issues => decision.issues.iter().map(|issue| issue.message.clone()).collect::<Vec<_>>(),
        quality,
        boxes => boxes(decision),
        picture => thumbnail(decision, catalog),
    }
}

/// The boxes of the objects, in percent of the thumbnail.
fn boxes(decision: &PhotoDecision) -> Vec<Value> {
    let objects = decision.foreground.iter().flat_map(|foreground| &foreground.objects);
    let percent = |fraction: f32| format!("{:.1}", 100.0 * fraction);
    let boxes = objects.map(|object| {
        let bbox = object.bbox;
        context! {
            left => percent(bbox.left),
            top => percent(bbox.top),
            width => percent(bbox.right - bbox.left),
            height => percent(bbox.bottom - bbox.top),
        }
    });
    boxes.collect()
}

/// A thumbnail as a data URL (RFC 2397).
fn thumbnail(decision: &PhotoDecision, catalog: &Catalog) -> Option<Value> {
    decision.quality?;
    let limits = DecodeLimits::default();
    let bytes = read(&catalog.root.join(&decision.photo), &limits).ok()?;
    let jpeg = make_thumbnail(&bytes, &limits, SIDE, QUALITY).ok()?;
    // Base64 needs no escaping in HTML; escaping its slashes would only make it longer.
    Some(Value::from_safe_string(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))))
}
