//! `lookalike index calibrate`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use lookalike_catalog::{Catalog, OpenOptions, Photo, Split};
use lookalike_engine::{
    CalibrationReport, EngineError, EvalOptions, FeedbackAnswers, Reliability, Searcher, Views,
    calibrate, evaluate,
};
use lookalike_eval::plot::reliability_of;
use serde_json::json;

use crate::args::index::CalibrateArgs;
use crate::output::{bytes, count, print, print_json, skipped};
use crate::{model, progress, web_photos};

/// Queries below which a note says that more would be better.
const FEW: usize = 30;

pub(crate) fn run(args: &CalibrateArgs) -> anyhow::Result<()> {
    let (root, options, quiet) =
        (args.root.as_deref(), OpenOptions::default(), args.output.quiet());
    let open = |queries: &PathBuf| web_photos::open_catalogue(queries, root, options, quiet);
    let catalog = args.queries.as_ref().map(open);
    let catalog = catalog.transpose()?.map(|catalog| of_splits(catalog, &args.split));
    let unsold = args.unsold.open(args.output.quiet())?;
    let location = args.location.resolve()?;
    let (lock, index) = location.open_locked()?;
    if !index.is_calibrated() {
        return Err(EngineError::NotCalibrated.into());
    }
    let progress = progress::reporter(args.output.quiet());
    let feedback = match args.feedback {
        true => FeedbackAnswers::read(&args.location.index, &index)?,
        false => FeedbackAnswers::default(),
    };
    let (index, found) = match &catalog {
        None => (index, None),
        Some(catalog) => {
            let encoder = model::encoder_of(&index, &args.model)?;
            let searcher = Searcher::new(index, encoder)?;
            let options = EvalOptions {
                split: Split::Test,
                views: Views::default(),
                unsold: unsold.as_ref(),
                variants: false,
            };
            let found = evaluate(&searcher, catalog, &options, &*progress)?;
            (searcher.into_index(), Some(found))
        }
    };
    let FeedbackAnswers { mut queries, unsold: mut others, outdated, damaged } = feedback;
    let from_feedback = queries.len() + others.len();
    if let Some(found) = &found {
        queries.extend(found.answers.iter().map(|one| one.answer));
        let unsold = found.rejection.iter().flat_map(|rejection| &rejection.answers);
        others.extend(unsold.map(|one| one.answer));
    }
    if queries.is_empty() {
        anyhow::bail!(
            "no feedback names a product of the index: {outdated} of an index before this one, {damaged} \
             cannot be read, {} of things that are not sold",
            others.len()
        );
    }
    let (index, report) = calibrate(index, &queries, &others)?;
    if let Some(file) = &args.plot {
        let svg = reliability_of(&[
            ("before", &report.before.calibration),
            ("after, cross-validated", &report.after.calibration),
        ]);
        std::fs::write(file, svg).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let size = (!args.dry_run).then(|| lock.save(&index, &*progress)).transpose()?;
    if args.output.json() {
        return print_json(&json!({
            "index": location.to_string(), "size_bytes": size, "report": report,
            "feedback": {"used": from_feedback, "outdated": outdated, "damaged": damaged},
            "in_index": found.as_ref().map(|found| found.in_index),
            "not_in_index": found.as_ref().map(|found| found.not_in_index),
            "skipped": found.as_ref().map_or(&[][..], |found| &found.skipped),
        }));
    }
    let mut text = text(&report);
    if args.feedback {
        let _ = writeln!(text, "{from_feedback} of them from feedback");
    }
    if outdated > 0 {
        let _ = writeln!(text, "left out {outdated} of feedback on an index before this one");
    }
    if damaged > 0 {
        let _ = writeln!(text, "left out {damaged} of feedback that cannot be read");
    }
    if let Some(found) = &found {
        if found.in_index > 0 {
            let in_index = count(found.in_index, "photo");
            let _ = writeln!(text, "left out {in_index} that are in the index");
        }
        if found.not_in_index > 0 {
            let left_out = count(found.not_in_index, "photo");
            let _ = writeln!(text, "left out {left_out} of products that are not in the index");
        }
        text.push_str(&skipped(&found.skipped));
    }
    let _ = match size {
        Some(size) => writeln!(text, "wrote {location} ({})", bytes(size)),
        None => writeln!(text, "changed nothing"),
    };
    print(&text)
}

/// The photos of some splits, or all; from here on, they belong to none.
fn of_splits(mut catalog: Catalog, splits: &[Split]) -> Catalog {
    let is_wanted =
        |photo: &Photo| splits.is_empty() || photo.split.is_some_and(|one| splits.contains(&one));
    catalog.photos.retain(is_wanted);
    catalog.photos.iter_mut().for_each(|photo| photo.split = None);
    catalog
}

fn text(report: &CalibrationReport) -> String {
    let percent = |fraction: f64| format!("{:.1} %", 100.0 * fraction);
    let mut text = format!("calibrated on {}", count(report.queries as u64, "photo"));
    if report.unsold > 0 {
        let _ = write!(text, " of products, and {} of other things", report.unsold);
    }
    text.push('\n');
    if report.queries < FEW {
        let _ = writeln!(text, "that is few: from {FEW} on, they count more than the index's own");
    }
    let mut row = |name: &str, of: &dyn Fn(&Reliability) -> Option<f64>| {
        if let (Some(before), Some(after)) = (of(&report.before), of(&report.after)) {
            let (before, after) = (percent(before), percent(after));
            let _ = writeln!(text, "{name:<34} {before:>7} -> {after:>7}");
        }
    };
    row("expected calibration error", &|one| Some(one.calibration.ece));
    row("no match, though right", &|one| Some(one.false_no_match));
    row("other things taken for sold", &|one| one.taken_for_sold);
    text.push_str("confidence       right before         right after\n");
    let bins = report.before.calibration.bins.iter().zip(&report.after.calibration.bins);
    for (before, after) in bins.filter(|(before, after)| before.queries + after.queries > 0) {
        let range = format!("{:.0} to {:.0} %", 100.0 * before.low, 100.0 * before.high);
        let of = |queries: u64, accuracy: f64| match queries {
            0 => "-".to_owned(),
            _ => format!("{} of {queries}", percent(accuracy)),
        };
        let (before, after) =
            (of(before.queries, before.accuracy), of(after.queries, after.accuracy));
        let _ = writeln!(text, "{range:<14} {before:>18} {after:>18}");
    }
    text
}
