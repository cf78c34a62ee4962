//! `lookalike index build`, `info` and `verify`.

pub(crate) mod calibrate;
pub(crate) mod update;

use std::fmt::Write as _;

use lookalike_engine::{
    BuildOptions, BuildReport, EMBEDDINGS_FOLDER, EngineError, FittedOn, Hardness, IndexBuilder,
    IndexInfo, verify as check,
};
use serde_json::json;

use crate::args::index::{BuildArgs, IndexArgs};
use crate::output::{bytes, count, one_line, print, print_json, skipped, thousands};
use crate::{model, progress};

pub(crate) fn build(args: &BuildArgs) -> anyhow::Result<()> {
    let catalog = args.what.catalogue(None)?;
    let encoder = model::encoder(&args.what.model)?;
    // Before embedding, which may take hours: a locked or unwritable folder fails at once.
    let location = args.store.resolve(&args.out)?;
    let lock = location.lock()?;
    let options = BuildOptions {
        splits: args.what.split.clone(),
        embedding_cache: Some(args.out.join(EMBEDDINGS_FOLDER)),
        dims: args.dims,
        ..BuildOptions::default()
    };
    let progress = progress::reporter(args.what.output.quiet());
    let builder = IndexBuilder::new(&catalog, &encoder).options(options).progress(&*progress);
    let built = builder.graph_builder(args.graph_builder).build();
    if let Err(EngineError::NothingUsable { report }) = &built {
        eprint!("{}", skipped(&report.skipped));
    }
    let index = built?;
    let size = lock.save(&index, &*progress)?;
    if args.what.output.json() {
        return print_json(&json!({
            "index": location.to_string(),
            "size_bytes": size,
            "model": index.model(),
            "products": index.products_with_photos(),
            "build_report": index.build_report(),
        }));
    }
    let mut text = summary(index.build_report());
    if !index.is_calibrated() {
        text += "too few photos to calibrate confidence: no search says `no match`\n";
    }
    let _ = writeln!(text, "wrote {location} ({})", bytes(size));
    print(&text)
}

pub(crate) fn info(args: &IndexArgs) -> anyhow::Result<()> {
    let location = args.location.resolve()?;
    let index = location.open()?;
    let info = index.info(&location)?;
    if args.json.json {
        return print_json(&info);
    }
    let IndexInfo { file, size_bytes: size, format_version: format, program, model, hnsw, .. } =
        &info;
    let mut text = String::new();
    let _ = match size {
        Some(size) => writeln!(text, "file        {} ({})", file.display(), bytes(*size)),
        None => writeln!(text, "store       {}", file.display()),
    };
    let _ = writeln!(text, "format      {format}, written by lookalike {program}");
    let pictures = match info.catalogue_pictures {
        0 => String::new(),
        pictures => format!(", {} of them catalogue pictures", thousands(pictures as u64)),
    };
    let _ = writeln!(text, "photos      {}{pictures}", thousands(info.photos as u64));
    let _ = writeln!(text, "products    {}", thousands(info.products as u64));
    let _ = writeln!(text, "photo root  {}", one_line(&info.root));
    for part in &model.parts {
        let identity = &part.identity;
        let weight = match model.parts.len() {
            1 => String::new(),
            _ => format!(", weight {:.0} %", 100.0 * part.weight),
        };
        let (name, length) = (&identity.backbone, identity.embedding_dim);
        let _ = writeln!(text, "backbone    {name} ({length} dims{weight})");
        let (file, sha256) = (part.weights.display(), &identity.weights_sha256);
        let _ = writeln!(text, "weights     {file} sha256 {sha256}");
        let _ = writeln!(text, "preprocess  {}", identity.preprocess);
    }
    let learnt = match info.vector_dim == model.embedding_dim() {
        true => "embeddings, centred",
        false => "whitened within products (WCCN)",
    };
    let _ = writeln!(text, "vectors     {} dims: {learnt}", thousands(info.vector_dim as u64));
    if size.is_some() {
        let _ = writeln!(
            text,
            "graph       {}, m {}, ef_construction {}, ef_search {}, {} nodes",
            hnsw.builder,
            hnsw.m,
            hnsw.ef_construction,
            hnsw.ef_search,
            thousands(info.graph_nodes as u64)
        );
    }
    let _ = writeln!(text, "confidence  {}", confidence_basis(info.ranking.fitted_on.as_ref()));
    text.push_str(&summary(&info.build_report));
    print(&text)
}

/// What an index's confidence rests on.
fn confidence_basis(fitted_on: Option<&FittedOn>) -> String {
    let Some(fitted) = fitted_on else {
        return "none: too few photos; no search says `no match`".to_owned();
    };
    let photos = count(u64::from(fitted.photos), "photo");
    let basis = match (fitted.split, fitted.hardness) {
        (Some(split), _) => format!("rests on {photos} of the split {split}"),
        (None, Some(Hardness::Unchanged) | None) => {
            format!("rests on {photos} of the index, each searched for among the others")
        }
        (None, Some(_)) => format!("rests on harder views of {photos} of the index"),
    };
    let basis = match fitted.queries {
        0 => basis,
        queries => {
            format!("{basis}, and on {} that were searched for", count(queries.into(), "photo"))
        }
    };
    let changes = count(u64::from(fitted.changes), "photo");
    match (fitted.is_stale(), fitted.changes) {
        (true, _) => format!("{basis}; stale: {changes} changed since, build the index again"),
        (false, 0) => basis,
        (false, _) => format!("{basis}; {changes} changed since"),
    }
}

pub(crate) fn verify(args: &IndexArgs) -> anyhow::Result<()> {
    let location = args.location.resolve()?;
    let index = location.open()?;
    let found = check(&index)?;
    if args.json.json {
        print_json(&found)?;
    } else {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "searched for {} of its own: {} not found, recall@10 {:.4}",
            count(found.sampled as u64, "photo"),
            found.lost,
            found.recall_at_10
        );
        if found.missing_files > 0 {
            let missing = count(found.missing_files as u64, "photo file");
            let _ = writeln!(text, "{missing} missing from {}", index.root().display());
        }
        if !found.weights_found {
            text.push_str("the weights files are not where they were: name them with --weights\n");
        }
        if found.is_sound() {
            text.push_str("the index is sound\n");
        }
        print(&text)?;
    }
    if found.is_sound() {
        return Ok(());
    }
    let reason = "searches miss what they should find".to_owned();
    Err(EngineError::DamagedIndex { path: location.to_string().into(), reason }.into())
}

fn summary(report: &BuildReport) -> String {
    let mut text = String::new();
    let rate = report.listed as f64 / report.seconds.max(1e-9);
    let _ = writeln!(
        text,
        "indexed {} of {} in {:.1} s ({rate:.0} photos/s)",
        thousands(report.indexed),
        count(report.listed, "photo"),
        report.seconds
    );
    if report.cached > 0 {
        let _ = writeln!(text, "{} from the embedding cache", count(report.cached, "photo"));
    }
    if report.duplicates > 0 {
        let photos = count(report.duplicates, "photo");
        let _ = writeln!(text, "left out {photos}: exact duplicates within a product");
    }
    if report.other_splits > 0 {
        let _ = writeln!(text, "left out {} of other splits", count(report.other_splits, "photo"));
    }
    text.push_str(&skipped(&report.skipped));
    let unseen = &report.products_without_photos;
    if !unseen.is_empty() {
        let names = unseen.iter().take(5).map(|id| one_line(id)).collect::<Vec<_>>().join(", ");
        let more = if unseen.len() > 5 { ", ..." } else { "" };
        let _ = writeln!(
            text,
            "{} without a usable photo, which no search can find: {names}{more}",
            count(unseen.len() as u64, "product")
        );
    }
    text
}
