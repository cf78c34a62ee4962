//! `lookalike index add`, `update`, `remove` and `compact`.

use std::fmt::Write as _;
use std::path::Path;

use lookalike_catalog::Catalog;
use lookalike_engine::{
    EMBEDDINGS_FOLDER, EditOptions, EditReport, INDEX_FILE, Index, IndexLock, put as put_into,
    remove as remove_from,
};
use serde_json::json;

use crate::args::{CompactArgs, PutArgs, RemoveArgs};
use crate::output::{bytes, count, print, print_json, skipped};
use crate::{model, progress};

pub(crate) fn put(args: &PutArgs, remove_others: bool) -> anyhow::Result<()> {
    let catalog = Catalog::open(&args.what.catalog.photos, args.what.catalog.root.as_deref())?;
    let (lock, index) = open(&args.index)?;
    let encoder = model::encoder_of(&index, &args.what.model)?;
    let options = EditOptions {
        splits: args.what.split.clone(),
        embeddings: Some(args.index.join(EMBEDDINGS_FOLDER)),
        remove_others,
    };
    let progress = progress::reporter(args.what.quiet);
    let (index, report) = put_into(&index, &catalog, &encoder, &options, &*progress)?;
    save(&lock, &args.index, &index, &report, args.what.json)
}

pub(crate) fn remove(args: &RemoveArgs) -> anyhow::Result<()> {
    let (lock, index) = open(&args.index)?;
    let progress = progress::reporter(args.quiet);
    let (index, report) = remove_from(&index, &args.product, &args.photo, &*progress)?;
    save(&lock, &args.index, &index, &report, args.json)
}

pub(crate) fn compact(args: &CompactArgs) -> anyhow::Result<()> {
    let (lock, index) = open(&args.index)?;
    let progress = progress::reporter(args.quiet);
    let embeddings = args.index.join(EMBEDDINGS_FOLDER);
    let index = lookalike_engine::compact(&index, Some(&embeddings), &*progress)?;
    let size = lock.save(&index)?;
    if args.json {
        return print_json(&index.info(&args.index)?);
    }
    let (photos, file) = (count(index.photos().len() as u64, "photo"), args.index.join(INDEX_FILE));
    print(&format!("linked {photos} anew\nwrote {} ({})\n", file.display(), bytes(size)))
}

/// An index, and the right to write it: taken first, so that nobody changes it in between.
fn open(folder: &Path) -> anyhow::Result<(IndexLock, Index)> {
    // Taking the lock would make the folder.
    Index::check_there(folder)?;
    let lock = Index::lock(folder)?;
    Ok((lock, Index::open(folder)?))
}

fn save(
    lock: &IndexLock,
    folder: &Path,
    index: &Index,
    report: &EditReport,
    as_json: bool,
) -> anyhow::Result<()> {
    let file = folder.join(INDEX_FILE);
    let size = lock.save(index)?;
    if as_json {
        return print_json(&json!({
            "index": file, "bytes": size, "products": index.products_shown(),
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
    if report.known > 0 {
        let _ = writeln!(text, "{} had been embedded before", count(report.known, "photo"));
    }
    if report.products_added + report.products_removed > 0 {
        let added = count(report.products_added, "product");
        let _ = writeln!(text, "added {added}, removed {}", report.products_removed);
    }
    text.push_str(&skipped(&report.skipped));
    let _ = writeln!(text, "wrote {} ({})", file.display(), bytes(size));
    print(&text)
}
