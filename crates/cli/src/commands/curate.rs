//! `lookalike curate`: which photos to keep, written with a reason for every decision.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use lookalike_backbone::load;
use lookalike_catalog::{Catalog, CataloguePictures};
use lookalike_curate::{CurateError, Curation, IssueKind, Overrides, PhotoAnalyser, curate};
use lookalike_detect::ActivationDetector;
use lookalike_engine::Phase;
use lookalike_weights::WeightStore;
use serde_json::json;

use crate::args::curate::{CurateArgs, MeasureArgs};
use crate::output::{count, print, print_json, thousands};
use crate::progress;

const OVERRIDES: &str = "overrides.jsonl";

pub(crate) fn run(args: &CurateArgs) -> anyhow::Result<()> {
    let catalog = args.catalog.open(CataloguePictures::Shown, args.output.quiet())?;
    let analyser = analyser(&args.measure)?;
    let overrides = overrides(args)?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make {}", args.out.display()))?;
    let progress = progress::reporter(args.output.quiet());
    progress.begin(Phase::items("measuring photos", catalog.photos.len() as u64));
    let found =
        curate(&catalog, analyser.as_deref(), &args.limits(), &overrides, &|| progress.advance(1));
    progress.end();
    let found = found?;
    write(args, &catalog, &found, &overrides)?;
    if found.photos_kept() == 0 {
        return Err(nothing_kept(&found).into());
    }
    report(args, &catalog, &found, &overrides)
}

/// What detects objects and embeds photos; `None` with --pixels-only.
pub(crate) fn analyser(args: &MeasureArgs) -> anyhow::Result<Option<Box<dyn PhotoAnalyser>>> {
    if args.pixels_only {
        return Ok(None);
    }
    let weights = args.weights.clone().unwrap_or_else(|| WeightStore::from_env().default_weights());
    Ok(Some(Box::new(ActivationDetector::new(&load(&weights, None)?))))
}

/// What was decided in earlier runs, and what the arguments name.
fn overrides(args: &CurateArgs) -> anyhow::Result<Overrides> {
    let earlier = args.out.join(OVERRIDES);
    let mut all = if earlier.is_file() { Overrides::open(&earlier)? } else { Overrides::default() };
    if let Some(file) = &args.overrides {
        all.extend(Overrides::open(file)?);
    }
    Ok(all)
}

fn write(
    args: &CurateArgs,
    catalog: &Catalog,
    found: &Curation,
    overrides: &Overrides,
) -> anyhow::Result<()> {
    let mut decisions = String::new();
    for decision in &found.decisions {
        decisions += &(serde_json::to_string(decision)? + "\n");
    }
    let title = format!("Photos of {}", args.catalog.photos.display());
    let put = |name: &str, text: String| {
        let file = args.out.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    };
    put("decisions.jsonl", decisions)?;
    put("sheet.html", found.contact_sheet(catalog, &title)?)?;
    put("catalog.jsonl", found.kept.to_jsonl(&args.out)?)?;
    if !overrides.is_empty() {
        put(OVERRIDES, overrides.to_jsonl()?)?;
    }
    Ok(())
}

fn nothing_kept(found: &Curation) -> CurateError {
    let reasons = found.dropped_by_issue();
    let most = reasons.into_iter().max_by_key(|&(code, photos)| (photos, code));
    let reason = most.map_or("a person dropped them".to_owned(), |(code, _)| code.to_string());
    CurateError::NothingKept { photos: found.decisions.len() as u64, reason }
}

fn report(
    args: &CurateArgs,
    catalog: &Catalog,
    found: &Curation,
    overrides: &Overrides,
) -> anyhow::Result<()> {
    let reasons = found.dropped_by_issue();
    let (kept, photos) = (found.photos_kept() as u64, found.decisions.len() as u64);
    let unknown = overrides
        .photos()
        .filter(|&photo| !catalog.photos.iter().any(|known| known.path == photo))
        .count() as u64;
    if args.output.json() {
        let reasons: serde_json::Map<_, _> =
            reasons.iter().map(|(code, photos)| (code.to_string(), json!(photos))).collect();
        return print_json(&json!({
            "photos": photos, "kept": kept, "dropped": photos - kept, "dropped_by_issue": reasons,
            "decided_by_person": found.decided_by_person(), "overrides_of_unknown_photos": unknown,
            "thresholds": args.limits(), "out": args.out,
        }));
    }
    let mut text = format!("kept {} of {}\n", thousands(kept), count(photos, "photo"));
    for (code, photos) in reasons {
        let _ = writeln!(text, "  dropped {:>7}  {}", thousands(photos), words(code));
    }
    if found.decided_by_person() > 0 {
        let decided = count(found.decided_by_person() as u64, "photo");
        let _ = writeln!(text, "a person decided about {decided}");
    }
    if unknown > 0 {
        let photos = count(unknown, "photo");
        let _ = writeln!(text, "note: {photos} with a person's decision not in the catalogue");
    }
    let out = |name: &str| Path::new(&args.out).join(name).display().to_string();
    let _ = writeln!(
        text,
        "wrote {}, {}, {}",
        out("decisions.jsonl"),
        out("sheet.html"),
        out("catalog.jsonl")
    );
    print(&text)
}

fn words(code: IssueKind) -> &'static str {
    match code {
        IssueKind::Unreadable => "cannot be read",
        IssueKind::LowResolution => "have too few pixels",
        IssueKind::Blurry => "are blurred",
        IssueKind::Dark => "are too dark",
        IssueKind::Bright => "are overexposed",
        IssueKind::Screenshot => "are pictures of text",
        IssueKind::Duplicate => "are near-duplicates of others",
        IssueKind::SmallObject => "show the product too small",
        IssueKind::MultipleObjects => "show several objects",
        _ => "for another reason",
    }
}
