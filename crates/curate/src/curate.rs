//! Curation of a catalogue: measures every photo, applies thresholds and overrides, and drops near-duplicates.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lookalike_base::hex;
use lookalike_catalog::{Catalog, Photo, Skipped};

use crate::duplicates::duplicate_pairs;
use crate::union_find::UnionFind;
use crate::{
    CurateError, DecidedBy, Decision, Issue, IssueKind, Overrides, PhotoAnalyser, PhotoDecision,
    PhotoMeasurement, Thresholds,
};

/// The result of a curation.
#[derive(Debug, Clone, PartialEq)]
pub struct Curation {
    /// One for every photo in the catalogue's order, then one for every file that the catalogue could not list.
    pub decisions: Vec<PhotoDecision>,
    /// The catalogue of kept photos. It has every product, with or without photos.
    pub kept: Catalog,
}

impl Curation {
    /// Number of kept photos.
    pub fn photos_kept(&self) -> usize {
        self.kept.photos.len()
    }

    /// Number of dropped photos by their first issue, without those that a person dropped and that have none.
    pub fn dropped_by_issue(&self) -> BTreeMap<IssueKind, u64> {
        let mut counts = BTreeMap::new();
        for decision in self.decisions.iter().filter(|d| d.decision == Decision::Drop) {
            if let Some(issue) = decision.issues.first() {
                *counts.entry(issue.kind).or_default() += 1;
            }
        }
        counts
    }

    /// Number of photos that a person decided about.
    pub fn decided_by_person(&self) -> usize {
        let by_person = |decision: &&PhotoDecision| decision.decided_by == DecidedBy::Person;
        self.decisions.iter().filter(by_person).count()
    }
}

/// Decides about every photo of a catalogue, on all cores. `on_photo` is called after each photo.
///
/// Of near-duplicates one is kept: one that a person keeps, else one without other issues, else the sharpest and
/// largest.
///
/// # Errors
/// When the network fails.
pub fn curate(
    catalog: &Catalog,
    analyser: Option<&dyn PhotoAnalyser>,
    thresholds: &Thresholds,
    overrides: &Overrides,
    on_photo: &(dyn Fn() + Sync),
) -> Result<Curation, CurateError> {
    let files: Vec<PathBuf> = catalog.photos.iter().map(|photo| catalog.file(photo)).collect();
    let measured = PhotoMeasurement::of_files(&files, analyser, on_photo)?;
    let mut decisions: Vec<PhotoDecision> = catalog
        .photos
        .iter()
        .zip(&measured)
        .map(|(photo, measured)| decide(catalog, photo, measured, thresholds, overrides))
        .collect();
    let measurements: Vec<Option<&PhotoMeasurement>> =
        measured.iter().map(|measured| measured.as_ref().ok()).collect();
    drop_duplicates(&mut decisions, &measurements, thresholds);

    let mut kept = Catalog {
        root: catalog.root.clone(),
        products: catalog.products.clone(),
        more_pictures: catalog.more_pictures.clone(),
        ..Catalog::default()
    };
    let photos = catalog.photos.iter().zip(&decisions);
    let is_kept = |(_, decision): &(&Photo, &PhotoDecision)| decision.decision == Decision::Keep;
    kept.photos.extend(photos.filter(is_kept).map(|(photo, _)| photo.clone()));
    decisions.extend(catalog.skipped.iter().map(not_listed));
    Ok(Curation { decisions, kept })
}

/// The decision about a photo by itself, without regard to duplicates.
fn decide(
    catalog: &Catalog,
    photo: &Photo,
    measured: &Result<PhotoMeasurement, String>,
    thresholds: &Thresholds,
    overrides: &Overrides,
) -> PhotoDecision {
    let product = catalog.products.get(photo.product as usize).map(|product| product.id.clone());
    let mut decision =
        PhotoDecision { product, split: photo.split, ..dropped(photo.path.clone(), Vec::new()) };
    match measured {
        // An override cannot keep a photo that nothing can read.
        Err(reason) => decision.issues.push(unreadable(reason)),
        Ok(measurement) => {
            let PhotoMeasurement { quality, foreground, sha256, .. } = measurement;
            decision.issues = thresholds.issues(quality, foreground.as_ref());
            decision.quality = Some(*quality);
            decision.foreground = foreground.clone();
            decision.sha256 = Some(hex::encode(sha256));
            if decision.issues.is_empty() {
                decision.decision = Decision::Keep;
            }
            if let Some(by_person) = overrides.get(&photo.path) {
                (decision.decision, decision.decided_by) = (by_person, DecidedBy::Person);
            }
        }
    }
    decision
}

fn unreadable(reason: &str) -> Issue {
    Issue::new(IssueKind::Unreadable, reason.to_owned())
}

fn not_listed(skipped: &Skipped) -> PhotoDecision {
    dropped(skipped.path.clone(), vec![unreadable(&skipped.reason)])
}

/// A photo dropped by the thresholds, of which no more is known.
fn dropped(photo: String, issues: Vec<Issue>) -> PhotoDecision {
    PhotoDecision {
        photo,
        product: None,
        split: None,
        decision: Decision::Drop,
        decided_by: DecidedBy::Thresholds,
        issues,
        quality: None,
        foreground: None,
        sha256: None,
    }
}

/// Drops all photos but one of each group of near-duplicates.
fn drop_duplicates(
    decisions: &mut [PhotoDecision],
    measurements: &[Option<&PhotoMeasurement>],
    thresholds: &Thresholds,
) {
    let mut groups = UnionFind::new(measurements.len());
    for (a, b) in duplicate_pairs(measurements, &thresholds.near_duplicates) {
        groups.union(a, b);
    }
    for group in groups.sets().into_iter().filter(|group| group.len() > 1) {
        let by_person = |n: usize| decisions[n].decided_by == DecidedBy::Person;
        let rank = |&n: &usize| {
            let score = measurements[n].map_or(0.0, |measured| measured.quality.rank_score());
            (by_person(n), decisions[n].issues.is_empty(), score)
        };
        let candidates = group.iter().copied();
        let candidates =
            candidates.filter(|&n| !(by_person(n) && decisions[n].decision == Decision::Drop));
        let best = candidates.reduce(|best, n| {
            let (a, b) = (rank(&best), rank(&n));
            // Of equals the earlier one.
            let is_better = (b.0, b.1).cmp(&(a.0, a.1)).then(b.2.total_cmp(&a.2)).is_gt();
            if is_better { n } else { best }
        });
        // Where none is kept, all have other issues.
        let is_kept = |n: &usize| decisions[*n].decision == Decision::Keep;
        let Some(best) = best.filter(is_kept) else { continue };
        let (kept, product) = (decisions[best].photo.clone(), decisions[best].product.clone());
        for n in group.into_iter().filter(|&n| n != best) {
            let is_same_file = match (measurements[n], measurements[best]) {
                (Some(a), Some(b)) => a.sha256 == b.sha256,
                _ => false,
            };
            let decision = &mut decisions[n];
            let kind = if is_same_file { "the same file as" } else { "a near-duplicate of" };
            let mut message = format!("{kind} {kept}");
            if let Some(product) = product.as_ref().filter(|p| decision.product.as_ref() != Some(p))
            {
                message += &format!(", which is kept for the product {product}");
            }
            let duplicate_of = Some(kept.clone());
            let issue = Issue { duplicate_of, ..Issue::new(IssueKind::Duplicate, message) };
            decision.issues.push(issue);
            if decision.decided_by == DecidedBy::Thresholds {
                decision.decision = Decision::Drop;
            }
        }
    }
}
