//! What `lookalike curate` makes of the made-up shop, of whose photos all is known.
//!
//! ```text
//! cargo run --release --example selection -- demo/shop
//! ```
//!
//! The shop is one that `lookalike demo` drew; things are found by the bundled network. The shop's photos
//! are small, so none is dropped for its size.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use lookalike_backbone::{BUNDLED, load};
use lookalike_catalog::Catalog;
use lookalike_curate::{Decision, IssueKind, Overrides, PhotoDecision, Thresholds, curate};
use lookalike_demo::PhotoAnnotations;
use lookalike_detect::ActivationDetector;

fn main() -> Result<(), Box<dyn Error>> {
    let shop = std::env::args_os().nth(1).ok_or("name the folder of the shop")?;
    let shop = Path::new(&shop);
    let truth = std::fs::read_to_string(shop.join("annotations.jsonl"))?;
    let truth: Vec<PhotoAnnotations> =
        truth.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let truth: BTreeMap<&str, &PhotoAnnotations> =
        truth.iter().map(|photo| (photo.photo.as_str(), photo)).collect();

    let catalog = Catalog::open(&shop.join("catalog.jsonl"), None)?;
    let finder = ActivationDetector::new(&load(Path::new(BUNDLED), None)?);
    let limits = Thresholds { min_side: 0, ..Thresholds::default() };
    let found = curate(&catalog, Some(&finder), &limits, &Overrides::default(), &|| ())?;
    let known = found
        .decisions
        .iter()
        .filter_map(|decision| truth.get(decision.photo.as_str()).map(|&photo| (decision, photo)));
    let known: Vec<(&PhotoDecision, &PhotoAnnotations)> = known.collect();

    println!("{} photos, {} kept", known.len(), found.photos_kept());
    println!("\nwhat they are     photos  dropped  for");
    let mut kinds: BTreeMap<String, Vec<&PhotoDecision>> = BTreeMap::new();
    for (decision, photo) in &known {
        kinds.entry(format!("{:?}", photo.kind)).or_default().push(decision);
    }
    for (kind, decisions) in &kinds {
        let dropped = decisions.iter().filter(|d| d.decision == Decision::Drop);
        println!(
            "{kind:<16} {:>7}  {:>7}  {}",
            decisions.len(),
            dropped.count(),
            reasons(decisions)
        );
    }

    println!("\nreason      dropped  rightly  of those that should be");
    for code in [IssueKind::Blurry, IssueKind::Dark, IssueKind::Bright] {
        let is = |photo: &PhotoAnnotations| match code {
            IssueKind::Blurry => photo.blurry,
            IssueKind::Dark => photo.dark,
            _ => photo.bright,
        };
        let says = |decision: &PhotoDecision| decision.issues.iter().any(|r| r.kind == code);
        let dropped = known.iter().filter(|(d, _)| says(d)).count();
        let wanted = known.iter().filter(|(_, photo)| is(photo)).count();
        let both = known.iter().filter(|(d, photo)| says(d) && is(photo)).count();
        println!("{:<10} {dropped:>8} {both:>8} {wanted:>8}", code.name());
    }
    copies(&known);

    let shares = known.iter().filter_map(|(decision, photo)| {
        let own = photo.annotations.iter().find(|one| one.product == photo.product);
        Some((
            decision.foreground.as_ref()?.area_fraction,
            own.map_or(0.0, |one| one.area_fraction),
        ))
    });
    let shares: Vec<(f64, f64)> = shares.collect();
    let mut all: Vec<f64> = shares.iter().map(|(_, truth)| *truth).collect();
    all.sort_unstable_by(f64::total_cmp);
    let median = all.get(all.len() / 2).copied().unwrap_or_default();
    let mean = |errors: &mut dyn Iterator<Item = f64>| errors.sum::<f64>() / all.len() as f64;
    println!(
        "\nshare of the product: mean error {:.3}; always saying the median, {median:.2}: {:.3}",
        mean(&mut shares.iter().map(|(says, truth)| (says - truth).abs())),
        mean(&mut all.iter().map(|truth| (truth - median).abs())),
    );
    Ok(())
}

/// Of two that are the same, one is to be dropped, whichever; of two that are not, none.
fn copies(known: &[(&PhotoDecision, &PhotoAnnotations)]) {
    let group = |photo: &PhotoAnnotations| {
        let original = photo.duplicate_of.as_ref().or(photo.near_duplicate_of.as_ref());
        original.unwrap_or(&photo.photo).clone()
    };
    let groups: BTreeMap<&str, String> =
        known.iter().map(|(_, photo)| (photo.photo.as_str(), group(photo))).collect();
    let (mut right, mut wrong) = (0, 0);
    for (decision, photo) in known {
        let copied = decision.issues.iter().filter(|r| r.kind == IssueKind::Duplicate);
        for kept in copied.filter_map(|reason| reason.duplicate_of.as_ref()) {
            let is = groups.get(kept.as_str()) == Some(&groups[photo.photo.as_str()]);
            *(if is { &mut right } else { &mut wrong }) += 1;
        }
    }
    let wanted = known.iter().filter(|(_, photo)| group(photo) != photo.photo).count();
    println!("{:<10} {:>8} {right:>8} {wanted:>8}", "duplicate", right + wrong);
}

/// How often each reason was given.
fn reasons(decisions: &[&PhotoDecision]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in decisions.iter().flat_map(|decision| &decision.issues) {
        *counts.entry(reason.kind.name()).or_default() += 1;
    }
    let words = counts.iter().map(|(name, count)| format!("{name} {count}"));
    words.collect::<Vec<_>>().join(", ")
}
