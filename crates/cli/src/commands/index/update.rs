//! `lookalike index add`, `update`, `remove` and `compact`.

use std::fmt::Write as _;

use lookalike_engine::{
    EMBEDDINGS_FOLDER, Index, IndexLocation, IndexLock, Progress, UpdateOptions, UpdateReport,
    remove as remove_from,
};
use serde_json::json;

use crate::args::index::{CompactArgs, RemoveArgs, UpsertArgs};
use crate::output::{bytes, count, print, print_json, skipped};
use crate::{model, progress};

pub(crate) fn upsert(args: &UpsertArgs, remove_others: bool) -> anyhow::Result<()> {
    let location = args.location.resolve()?;
    let (lock, index) = location.open_locked()?;
    let catalog = args.what.catalogue(Some(&index))?;
    let encoder = model::encoder_of(&index, &args.what.model)?;
    let options = UpdateOptions {
        splits: args.what.split.clone(),
        embedding_cache: Some(args.location.index.join(EMBEDDINGS_FOLDER)),
        remove_others,
    };
    let progress = progress::reporter(args.what.output.quiet());
    let (index, report) =
        lookalike_engine::upsert(&index, &catalog, &encoder, &options, &*progress)?;
    save((&lock, &location), &index, &report, &*progress, args.what.output.json())
}

pub(crate) fn remove(args: &RemoveArgs) -> anyhow::Result<()> {
    let location = args.location.resolve()?;
    let (lock, index) = location.open_locked()?;
    let progress = progress::reporter(args.output.quiet());
    let (index, report) = remove_from(&index, &args.product, &args.photo, &*progress)?;
    save((&lock, &location), &index, &report, &*progress, args.output.json())
}

pub(crate) fn compact(args: &CompactArgs) -> anyhow::Result<()> {
    let location = args.location.resolve()?;
    let (lock, index) = location.open_locked()?;
    let progress = progress::reporter(args.output.quiet());
    let embeddings = args.location.index.join(EMBEDDINGS_FOLDER);
    let index = lookalike_engine::compact(&index, Some(&embeddings), &*progress)?;
    let size = lock.save(&index, &*progress)?;
    if args.output.json() {
        return print_json(&index.info(&location)?);
    }
    let photos = count(index.photos().len() as u64, "photo");
    print(&format!("rebuilt the graph of {photos}\nwrote {location} ({})\n", bytes(size)))
}

fn save(
    (lock, location): (&IndexLock, &IndexLocation),
    index: &Index,
    report: &UpdateReport,
    progress: &dyn Progress,
    as_json: bool,
) -> anyhow::Result<()> {
    let size = lock.save(index, progress)?;
    if as_json {
        return print_json(&json!({
            "index": location.to_string(), "size_bytes": size, "products": index.products_with_photos(),
            "photos": index.photos().len(), "report": report,
        }));
    }
    let mut text = String::new();
    let _ = writeln!(
        text,
        "added {}, removed {}, kept {} in {:.1} s",
        count(report.added, "photo"),
        report.removed,
        report.kept,
        report.seconds
    );
    if report.cached > 0 {
        let _ = writeln!(text, "{} from the embedding cache", count(report.cached, "photo"));
    }
    if report.products_added + report.products_removed > 0 {
        let added = count(report.products_added, "product");
        let _ = writeln!(text, "added {added}, removed {}", report.products_removed);
    }
    text.push_str(&skipped(&report.skipped));
    if report.calibrated {
        text += "much had changed: confidence is calibrated again\n";
    } else if index.ranking().fitted_on.is_some_and(|fitted| fitted.is_stale()) {
        text += "much has changed since the confidence was calibrated: `lookalike index build` calibrates \
                 it again\n";
    }
    let _ = writeln!(text, "wrote {location} ({})", bytes(size));
    print(&text)
}
