//! Every photo of a catalogue looked at, and decided about.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lookalike_catalog::{Catalog, Photo, Skipped};

use crate::duplicates::links;
use crate::groups::Groups;
use crate::{Code, CurateError, Decision, Finder, Judge, Limits, Look, Overrides, Reason, Verdict};

/// What became of a catalogue's photos.
#[derive(Debug, Clone, PartialEq)]
pub struct Curation {
    /// One for every photo, in the catalogue's order, and then for what the catalogue could not list.
    pub decisions: Vec<Decision>,
    /// The catalogue of what is kept. Every product stays, with or without photos.
    pub kept: Catalog,
}

impl Curation {
    /// Photos that are kept.
    pub fn photos_kept(&self) -> usize {
        self.kept.photos.len()
    }

    /// Photos that were dropped, by their first reason; those that a person dropped without one are not
    /// among them.
    pub fn dropped_by_reason(&self) -> BTreeMap<Code, u64> {
        let mut counts = BTreeMap::new();
        for decision in self.decisions.iter().filter(|d| d.decision == Verdict::Drop) {
            if let Some(reason) = decision.reasons.first() {
                *counts.entry(reason.code).or_default() += 1;
            }
        }
        counts
    }

    /// Photos that a person decided about.
    pub fn overruled(&self) -> usize {
        self.decisions.iter().filter(|decision| decision.by == Judge::Person).count()
    }
}

/// Decides about every photo of a catalogue, on all cores. `seen` is called once for each.
///
/// Of photos that are the same, the best one is kept: one that a person keeps, or that nothing else
/// speaks against, or the sharpest and largest.
///
/// # Errors
/// When the finder fails.
pub fn curate(
    catalog: &Catalog,
    finder: Option<&dyn Finder>,
    limits: &Limits,
    overrides: &Overrides,
    seen: &(dyn Fn() + Sync),
) -> Result<Curation, CurateError> {
    let files: Vec<PathBuf> = catalog.photos.iter().map(|photo| catalog.file(photo)).collect();
    let looks = Look::at_all(&files, finder, seen)?;
    let mut decisions: Vec<Decision> = catalog
        .photos
        .iter()
        .zip(&looks)
        .map(|(photo, look)| alone(catalog, photo, look, limits, overrides))
        .collect();
    let looked: Vec<Option<&Look>> = looks.iter().map(|look| look.as_ref().ok()).collect();
    drop_copies(&mut decisions, &looked, limits);

    let mut kept = Catalog {
        root: catalog.root.clone(),
        products: catalog.products.clone(),
        photos: Vec::new(),
        skipped: Vec::new(),
    };
    let photos = catalog.photos.iter().zip(&decisions);
    let is_kept = |(_, decision): &(&Photo, &Decision)| decision.decision == Verdict::Keep;
    kept.photos.extend(photos.filter(is_kept).map(|(photo, _)| photo.clone()));
    decisions.extend(catalog.skipped.iter().map(not_listed));
    Ok(Curation { decisions, kept })
}

/// The decision about a photo without regard to others.
fn alone(
    catalog: &Catalog,
    photo: &Photo,
    look: &Result<Look, String>,
    limits: &Limits,
    overrides: &Overrides,
) -> Decision {
    let mut decision = Decision {
        photo: photo.path.clone(),
        product: catalog.products.get(photo.product as usize).map(|product| product.id.clone()),
        split: photo.split,
        decision: Verdict::Drop,
        by: Judge::Limits,
        reasons: Vec::new(),
        measures: None,
        things: None,
        sha256: None,
    };
    match look {
        // A person may want it, but nobody can read it.
        Err(reason) => decision.reasons.push(unreadable(reason)),
        Ok(look) => {
            decision.reasons = limits.reasons(&look.measures, look.things.as_ref());
            decision.measures = Some(look.measures);
            decision.things = look.things.clone();
            decision.sha256 = Some(look.sha256.iter().map(|byte| format!("{byte:02x}")).collect());
            if decision.reasons.is_empty() {
                decision.decision = Verdict::Keep;
            }
            if let Some(verdict) = overrides.of(&photo.path) {
                (decision.decision, decision.by) = (verdict, Judge::Person);
            }
        }
    }
    decision
}

fn unreadable(reason: &str) -> Reason {
    let words = reason.to_owned();
    Reason { code: Code::Unreadable, words, measured: None, limit: None, kept: None }
}

fn not_listed(skipped: &Skipped) -> Decision {
    Decision {
        photo: skipped.path.clone(),
        product: None,
        split: None,
        decision: Verdict::Drop,
        by: Judge::Limits,
        reasons: vec![unreadable(&skipped.reason)],
        measures: None,
        things: None,
        sha256: None,
    }
}

/// Drops all photos but one of each group of the same.
fn drop_copies(decisions: &mut [Decision], looks: &[Option<&Look>], limits: &Limits) {
    let mut groups = Groups::new(looks.len());
    for (a, b) in links(looks, &limits.same) {
        groups.link(a, b);
    }
    for group in groups.all().into_iter().filter(|group| group.len() > 1) {
        let by_person = |n: usize| decisions[n].by == Judge::Person;
        let rank = |&n: &usize| {
            let quality = looks[n].map_or(0.0, |look| look.measures.quality());
            (by_person(n), decisions[n].reasons.is_empty(), quality)
        };
        let candidates = group.iter().copied();
        let candidates =
            candidates.filter(|&n| !(by_person(n) && decisions[n].decision == Verdict::Drop));
        let best = candidates.reduce(|best, n| {
            let (a, b) = (rank(&best), rank(&n));
            // The earlier one of two that are alike.
            let is_better = (b.0, b.1).cmp(&(a.0, a.1)).then(b.2.total_cmp(&a.2)).is_gt();
            if is_better { n } else { best }
        });
        // Where nothing is kept, all have reasons of their own.
        let is_kept = |n: &usize| decisions[*n].decision == Verdict::Keep;
        let Some(best) = best.filter(is_kept) else { continue };
        let (kept, product) = (decisions[best].photo.clone(), decisions[best].product.clone());
        for n in group.into_iter().filter(|&n| n != best) {
            let is_file = match (looks[n], looks[best]) {
                (Some(a), Some(b)) => a.sha256 == b.sha256,
                _ => false,
            };
            let decision = &mut decisions[n];
            let mut words =
                format!("{} {kept}", if is_file { "the same file as" } else { "a copy of" });
            if let Some(product) = product.as_ref().filter(|p| decision.product.as_ref() != Some(p))
            {
                words += &format!(", which is kept for the product {product}");
            }
            decision.reasons.push(Reason {
                code: Code::Duplicate,
                words,
                measured: None,
                limit: None,
                kept: Some(kept.clone()),
            });
            if decision.by == Judge::Limits {
                decision.decision = Verdict::Drop;
            }
        }
    }
}
