//! `lookalike eval`.

mod networks;
mod objects;
mod report;

use std::fmt::Write as _;

use lookalike_catalog::CataloguePictures;
use lookalike_engine::{EvalOptions, evaluate};

use crate::args::eval::EvalArgs;
use crate::output::{count, print, print_json, skipped};
use crate::{model, progress};

pub(crate) fn run(args: &EvalArgs) -> anyhow::Result<()> {
    if !args.objects.are_asked_for() {
        args.objects.detector.needs("--objects, --annotations or --boxes");
    }
    let catalog = args.catalog.open(CataloguePictures::Shown, args.output.quiet())?;
    if !args.networks.is_empty() {
        let progress = progress::reporter(args.output.quiet());
        let unsold = args.unsold.open(args.output.quiet())?;
        return networks::compare(args, &catalog, unsold.as_ref(), &*progress);
    }
    let searcher = model::searcher(&args.location.resolve()?, &args.model)?;
    let wanted = objects::Wanted::of(&args.objects, &searcher)?;
    let progress = progress::reporter(args.output.quiet());
    let unsold = args.unsold.open(args.output.quiet())?;
    let options = EvalOptions {
        split: args.split,
        views: args.views,
        unsold: unsold.as_ref(),
        variants: args.variants,
    };
    let mut found = evaluate(&searcher, &catalog, &options, &*progress)?;
    let measure = |wanted: &objects::Wanted| wanted.measure(args, &catalog, &searcher, &*progress);
    found.objects = wanted.as_ref().map(measure).transpose()?;
    if let Some(folder) = &args.report {
        report::write(folder, args, &catalog, &searcher, &found)?;
    }
    if args.output.json() {
        return print_json(&found);
    }
    let mut text = String::new();
    let of_split = found.split.map(|split| format!(" of the split {split}")).unwrap_or_default();
    let _ = writeln!(
        text,
        "{}{of_split}, showing {}, among {} indexed",
        count(found.queries, "photo"),
        count(found.products as u64, "product"),
        count(searcher.index().photos().len() as u64, "photo")
    );
    let width = found.methods.iter().map(|method| method.name.len()).max().unwrap_or(0);
    let _ = writeln!(text, "{:width$} top-1   top-3", "");
    for method in &found.methods {
        let (top1, top3) = (100.0 * method.top1, 100.0 * method.top3);
        let _ = writeln!(text, "{:width$} {top1:4.1} %  {top3:4.1} %", method.name);
    }
    let weights: Vec<_> = found.ranking.weights.iter().map(|w| format!("{w:.2}")).collect();
    let fitted = found.ranking.fitted_on.map_or("not fitted".to_owned(), |on| {
        let photos = count(u64::from(on.photos), "photo");
        let of = on.split.map_or("the index".to_owned(), |split| format!("the split {split}"));
        format!("fitted on {photos} of {of}")
    });
    let of = "of the classifiers, the prototypes and the vote";
    let _ = writeln!(text, "weights    {} {of}; {fitted}", weights.join(", "));
    if let Some(confident) = found.methods.last() {
        let _ =
            writeln!(text, "ECE        {:.1} % of the search", 100.0 * confident.calibration.ece);
    }
    if let Some(verdicts) = &found.verdicts {
        let _ = writeln!(
            text,
            "no match   said of {:.1} % of the photos whose product comes first",
            100.0 * verdicts.all.false_no_match
        );
    }
    if let Some(rejection) = &found.rejection {
        let _ = writeln!(
            text,
            "unsold     {}: AUROC {:.3}, {:.1} % false accepts at 95 % accepts; a search accepts {:.1} % of \
             them, and {:.1} % of the sold",
            count(rejection.photos, "photo"),
            rejection.auroc,
            100.0 * rejection.false_accepts_at_95,
            100.0 * rejection.false_accepts,
            100.0 * rejection.accepted
        );
    }
    if unsold.is_some() && found.rejection.is_none() {
        text += "unsold     not measured: the index has no calibrated confidence; a build fits it from 30 photos or more\n";
    }
    let _ = writeln!(text, "recall@10  {:.4} (HNSW against exact search)", found.recall_at_10);
    for (number, why) in [
        (found.in_index, "left out, because the very same file is in the index"),
        (found.not_in_index, "left out, because their product has no photo in the index"),
    ] {
        if number > 0 {
            let _ = writeln!(text, "{} {why}", count(number, "photo"));
        }
    }
    text.push_str(&skipped(&found.skipped));
    text.extend(found.objects.as_ref().map(objects::text));
    print(&text)
}
