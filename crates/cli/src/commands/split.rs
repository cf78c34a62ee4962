//! `lookalike split`: train, val and test without near-duplicates across splits.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use lookalike_catalog::CataloguePictures;
use lookalike_curate::{GroupBy, GroupCounts, SplitReport, split};
use lookalike_engine::Phase;
use serde_json::json;

use crate::args::split::SplitArgs;
use crate::commands::curate::analyser;
use crate::error::WrongUsage;
use crate::output::{count, one_line, print, print_json, skipped, thousands};
use crate::progress;

pub(crate) fn run(args: &SplitArgs) -> anyhow::Result<()> {
    let ending = args.out.extension().and_then(|ending| ending.to_str());
    if !matches!(ending, Some("jsonl" | "ndjson")) {
        let why = format!("{}: --out takes a file that ends in .jsonl", args.out.display());
        return Err(WrongUsage(why).into());
    }
    let catalog = args.catalog.open(CataloguePictures::Shown, args.output.quiet())?;
    let mut settings = args.settings();
    let by = args.group_by.as_ref().map(|by| GroupBy::new(by, &catalog));
    settings.group_by = by.transpose()?;
    let analyser = analyser(&args.measure)?;
    let progress = progress::reporter(args.output.quiet());
    progress.begin(Phase::items("measuring photos", catalog.photos.len() as u64));
    let found = split(&catalog, analyser.as_deref(), &settings, &|| progress.advance(1));
    progress.end();
    let (catalog, report) = found?;
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(&args.out, catalog.to_jsonl(folder)?)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    if args.output.json() {
        return print_json(&json!({ "out": args.out, "report": report }));
    }
    print(&summary(&report, &args.out))
}

fn summary(report: &SplitReport, out: &Path) -> String {
    let photos = (report.train + report.val + report.test).max(1) as f64;
    let mut text = String::new();
    for (name, number) in [("train", report.train), ("val", report.val), ("test", report.test)] {
        let percent = 100.0 * number as f64 / photos;
        let _ = writeln!(text, "{name:5} {:>9} ({percent:.1} %)", count(number, "photo"));
    }
    let groups = |kept: GroupCounts, of: &str| {
        let (groups, photos) = (count(kept.groups, "group"), count(kept.photos, "photo"));
        format!("kept together {groups} of {of}: {photos}\n")
    };
    text += &groups(report.near_duplicates, "near-duplicates");
    if report.grouped.groups > 0 {
        text += &groups(report.grouped, "--group-by");
    }
    if let Some(leaks) = report.leaking_pairs_before {
        let _ = writeln!(
            text,
            "the catalogue's own splits, which this replaces, had {} on two sides",
            if leaks == 1 {
                "1 pair of near-duplicates".to_owned()
            } else {
                format!("{} pairs of near-duplicates", thousands(leaks))
            }
        );
    }
    let _ = writeln!(text, "pairs of near-duplicates on two sides now: {}", report.leaking_pairs);
    for (ids, why) in [
        (
            &report.too_few_photos,
            "with fewer than three independent photos: not every side shows them",
        ),
        (
            &report.not_in_train_and_test,
            "not in both train and test, because others share their photos",
        ),
    ] {
        if !ids.is_empty() {
            let names = ids.iter().take(5).map(|id| one_line(id)).collect::<Vec<_>>().join(", ");
            let more = if ids.len() > 5 { ", ..." } else { "" };
            let _ = writeln!(text, "{} {why}: {names}{more}", count(ids.len() as u64, "product"));
        }
    }
    text += &skipped(&report.skipped);
    let _ = writeln!(text, "wrote {}", out.display());
    text
}
