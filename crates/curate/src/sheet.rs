//! The contact sheet: one page with small pictures of what is kept and what is dropped.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lookalike_backbone::map_on_cores;
use lookalike_catalog::Catalog;
use lookalike_photo::{DecodeLimits, read, thumbnail_of};
use minijinja::{Environment, Value, context};

use crate::{Code, CurateError, Curation, Decision, Judge, Verdict};

/// Photos of a section that are shown.
const SHOWN: usize = 200;
/// Side of the pictures, in pixels.
const SIDE: u32 = 144;
const QUALITY: u8 = 70;

/// Photos under one heading.
struct Section<'a> {
    /// For the filter; the code of a reason.
    name: &'static str,
    heading: &'static str,
    photos: Vec<&'a Decision>,
}

impl Curation {
    /// The contact sheet as one HTML page that needs no network. Photos can be marked in it to be kept
    /// or dropped, and the marks saved as a file of overrides.
    ///
    /// Of each section, photos spread evenly over all of its photos are shown, 200 at most.
    ///
    /// # Errors
    /// [`CurateError::Page`], for which nothing in a decision gives cause.
    pub fn sheet(&self, catalog: &Catalog, title: &str) -> Result<String, CurateError> {
        let sections: Vec<Value> =
            self.sections().iter().map(|section| section.content(catalog)).collect();
        let mut templates = Environment::new();
        // By the name's ending, everything that is filled in is escaped.
        templates.add_template("sheet.html", include_str!("template/sheet.html"))?;
        Ok(templates.get_template("sheet.html")?.render(context! {
            title,
            sections,
            photos => self.decisions.len(),
            kept => self.photos_kept(),
            dropped => self.decisions.len() - self.photos_kept(),
            by_person => self.overruled(),
        })?)
    }

    fn sections(&self) -> Vec<Section<'_>> {
        let mut dropped: BTreeMap<Code, Vec<&Decision>> = BTreeMap::new();
        let (mut kept, mut by_person) = (Vec::new(), Vec::new());
        for decision in &self.decisions {
            match (decision.decision, decision.reasons.first()) {
                (Verdict::Keep, _) => kept.push(decision),
                (Verdict::Drop, Some(reason)) => {
                    dropped.entry(reason.code).or_default().push(decision);
                }
                (Verdict::Drop, None) => by_person.push(decision),
            }
        }
        let mut sections: Vec<Section> = dropped
            .into_iter()
            .map(|(code, photos)| Section { name: code.name(), heading: heading(code), photos })
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

fn heading(code: Code) -> &'static str {
    match code {
        Code::Unreadable => "Cannot be read",
        Code::Small => "Too few pixels",
        Code::Blurred => "Blurred",
        Code::Dark => "Too dark",
        Code::Bright => "Blown out",
        Code::Screenshot => "Pictures of text",
        Code::Duplicate => "Copies of others",
        Code::Share => "The product is too small a part",
        Code::Several => "Several things",
    }
}

impl Section<'_> {
    fn content(&self, catalog: &Catalog) -> Value {
        let all = self.photos.len();
        let shown: Vec<&Decision> = if all <= SHOWN {
            self.photos.clone()
        } else {
            (0..SHOWN).map(|at| self.photos[at * all / SHOWN]).collect()
        };
        let cards = map_on_cores(&shown, |decision| card(decision, catalog));
        context! {
            name => self.name,
            heading => self.heading,
            all,
            shown => shown.len(),
            cards,
        }
    }
}

fn card(decision: &Decision, catalog: &Catalog) -> Value {
    let measures = decision.measures.map(|m| {
        let share = decision.things.as_ref();
        let share = share.map(|things| format!(", share {:.0} %", 100.0 * things.share));
        let share = share.unwrap_or_default();
        format!("{}x{}, sharpness {:.0}{share}", m.width, m.height, m.sharpness)
    });
    context! {
        photo => &decision.photo,
        product => &decision.product,
        decision => if decision.decision == Verdict::Keep { "keep" } else { "drop" },
        by_person => decision.by == Judge::Person,
        can_be_read => decision.measures.is_some(),
        reasons => decision.reasons.iter().map(|reason| reason.words.clone()).collect::<Vec<_>>(),
        measures,
        boxes => boxes(decision),
        picture => picture(decision, catalog),
    }
}

/// Where things are, in percent of the picture.
fn boxes(decision: &Decision) -> Vec<Value> {
    let items = decision.things.iter().flat_map(|things| &things.items);
    let percent = |share: f32| format!("{:.1}", 100.0 * share);
    let boxes = items.map(|item| {
        context! {
            left => percent(item.area.left),
            top => percent(item.area.top),
            width => percent(item.area.right - item.area.left),
            height => percent(item.area.bottom - item.area.top),
        }
    });
    boxes.collect()
}

/// A small picture as a data address (RFC 2397).
fn picture(decision: &Decision, catalog: &Catalog) -> Option<Value> {
    decision.measures?;
    let limits = DecodeLimits::default();
    let bytes = read(&catalog.root.join(&decision.photo), &limits).ok()?;
    let jpeg = thumbnail_of(&bytes, &limits, SIDE, QUALITY).ok()?;
    // Base64 has no character that means something in HTML; escaping its slashes only makes it long.
    Some(Value::from_safe_string(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))))
}
