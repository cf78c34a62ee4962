//! `lookalike eval --networks`: networks side by side on one's own catalogue.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use lookalike_base::progress::Progress;
use lookalike_catalog::Catalog;
use lookalike_engine::{EngineError, EvalOptions, Filter, IndexBuilder, Query, Searcher, evaluate};
use lookalike_weights::weights_exist;
use serde::Serialize;

use crate::args::eval::EvalArgs;
use crate::args::shared::ModelArgs;
use crate::model;
use crate::output::{bytes, count, print, print_json};

/// Searches that are timed, one photo after the other.
const TIMED: usize = 40;

/// What is measured of a network.
#[derive(Serialize)]
struct Measured {
    /// As it was named.
    network: String,
    backbone: String,
    dims: usize,
    top1: f64,
    top3: f64,
    /// Expected calibration error.
    ece: f64,
    /// The fraction of photos whose product comes first, but that a search calls no match.
    false_no_match: Option<f64>,
    /// The fraction of the photos of --unsold that a search takes for a product.
    unsold_accepted: Option<f64>,
    /// Medians, from a file to its embedding and to the answer, in milliseconds.
    embed_ms: f64,
    search_ms: f64,
    index_bytes: u64,
    queries: u64,
}

/// Builds an index by each network, measures it and throws it away.
pub(super) fn compare(
    args: &EvalArgs,
    catalog: &Catalog,
    unsold: Option<&Catalog>,
    progress: &dyn Progress,
) -> anyhow::Result<()> {
    let models: Vec<ModelArgs> =
        args.networks.iter().map(|name| named(name, args)).collect::<anyhow::Result<_>>()?;
    let mut all = Vec::with_capacity(models.len());
    for (name, model) in args.networks.iter().zip(&models) {
        if !args.output.quiet() {
            eprintln!("{name}");
        }
        let one = measure(name, model, args, catalog, unsold, progress);
        all.push(one.with_context(|| format!("the network {name}"))?);
    }
    if args.output.json() {
        return print_json(&all);
    }
    print(&table(&all, args))
}

/// The network of a name, of a weights file, or the bundled one.
fn named(name: &str, args: &EvalArgs) -> anyhow::Result<ModelArgs> {
    let device = args.model.device;
    let file = PathBuf::from(name);
    if weights_exist(&file) {
        return Ok(ModelArgs { weights: vec![file], backbone: None, device });
    }
    let backbone = name
        .parse()
        .map_err(|error: String| anyhow::anyhow!("'{name}' is no file, and no network: {error}"))?;
    Ok(ModelArgs { weights: args.model.weights.clone(), backbone: Some(backbone), device })
}

fn measure(
    name: &str,
    model: &ModelArgs,
    args: &EvalArgs,
    catalog: &Catalog,
    unsold: Option<&Catalog>,
    progress: &dyn Progress,
) -> anyhow::Result<Measured> {
    let encoder = model::encoder(model)?;
    let index = IndexBuilder::new(catalog, &encoder).progress(progress).build()?;
    let folder = tempfile::tempdir().context("a folder for the index")?;
    let index_bytes = index.save(folder.path())?;
    let parts = &index.model().parts;
    let names: Vec<&str> = parts.iter().map(|part| part.identity.backbone.as_str()).collect();
    let (backbone, dims) = (names.join(", "), index.model().embedding_dim());
    let searcher = Searcher::new(index, encoder)?;
    let EvalArgs { split, views, .. } = *args;
    let options = EvalOptions { split, views, unsold, variants: false };
    let found = evaluate(&searcher, catalog, &options, progress)?;
    let search = found.methods.last().context("nothing was measured")?;
    let (embed_ms, search_ms) = times(&searcher, catalog, args)?;
    Ok(Measured {
        network: name.to_owned(),
        backbone,
        dims,
        top1: search.top1,
        top3: search.top3,
        ece: search.calibration.ece,
        false_no_match: found.verdicts.as_ref().map(|verdicts| verdicts.all.false_no_match),
        unsold_accepted: found.rejection.as_ref().map(|rejection| rejection.false_accepts),
        embed_ms,
        search_ms,
        index_bytes,
        queries: found.queries,
    })
}

/// Medians of the time from a photo's file to its embedding, and to the answer.
fn times(searcher: &Searcher, catalog: &Catalog, args: &EvalArgs) -> anyhow::Result<(f64, f64)> {
    let photos = catalog.photos.iter().filter(|photo| photo.split == Some(args.split));
    let (mut embed, mut whole) = (Vec::new(), Vec::new());
    let (filter, limits) = (Filter::default(), lookalike_photo::DecodeLimits::default());
    for photo in photos.take(TIMED) {
        let Ok(file) = lookalike_photo::read(&catalog.file(photo), &limits) else { continue };
        let photos = [&file[..]];
        let query = Query {
            photos: &photos,
            crop: None,
            filter: &filter,
            views: args.views,
            top: 3,
            limits,
        };
        match searcher.search(&query) {
            Ok(found) => {
                let of = found.timings;
                let to_embedding = of.decode + of.embed;
                embed.push(1e3 * to_embedding.as_secs_f64());
                whole.push(1e3 * (to_embedding + of.search).as_secs_f64());
            }
            // It was counted and told when it was measured.
            Err(EngineError::Photo { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Ok((median(&mut embed), median(&mut whole)))
}

fn table(all: &[Measured], args: &EvalArgs) -> String {
    let mut text = String::new();
    if let Some(first) = all.first() {
        let queries = count(first.queries, "photo");
        let _ = writeln!(text, "{queries} of the split {}, one search each\n", args.split);
    }
    let width = all.iter().map(|one| one.network.chars().count()).max().unwrap_or(0).max(7);
    let _ = writeln!(
        text,
        "{:width$}  top-1   top-3   ECE     no match   unsold  embedding  answer    index",
        "network"
    );
    for one in all {
        let percent = |value: f64| format!("{:.1} %", 100.0 * value);
        let no_match = one.false_no_match.map_or("-".to_owned(), percent);
        let unsold = one.unsold_accepted.map_or("-".to_owned(), percent);
        let ms = |value: f64| format!("{value:.1} ms");
        let _ = writeln!(
            text,
            "{:width$}  {:6}  {:6}  {:6}  {no_match:9}  {unsold:6}  {:9}  {:8}  {}",
            one.network,
            percent(one.top1),
            percent(one.top3),
            percent(one.ece),
            ms(one.embed_ms),
            ms(one.search_ms),
            bytes(one.index_bytes)
        );
    }
    text += "\nno match: of the photos whose product comes first, those that a search calls no match. unsold: of the\n\
             photos of --unsold, those taken for a product. Times are medians, from the file on, one photo at a time.\n";
    text
}
