//! `lookalike demo`: a synthetic shop, its index, and a search in it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use lookalike_catalog::{Catalog, Split};
use lookalike_demo::{Settings, write as draw};
use lookalike_engine::{EMBEDDINGS_FOLDER, Index, IndexBuilder, Phase, Progress, Searcher};
use serde_json::json;

use crate::args::demo::DemoArgs;
use crate::interrupt::stop_on_ctrl_c;
use crate::output::page;
use crate::output::{count, one_line, print, print_json, thousands};
use crate::{model, output, progress};

/// Products named for the photo that is searched for.
const TOP: usize = 5;

pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let settings = Settings { seed: args.seed, photos: args.photos, side: args.side };
    let progress = progress::reporter(args.output.quiet());
    let drawing = Drawing { progress: &*progress, stop: stop_on_ctrl_c()? };
    let written = draw(&args.out.join("shop"), &settings, &drawing)?;
    let catalog = Catalog::open(&written.manifest, None)?;

    let encoder = model::encoder(&args.model)?;
    let folder = args.out.join("index");
    let lock = Index::lock(&folder)?;
    let index = IndexBuilder::new(&catalog, &encoder)
        .embedding_cache(folder.join(EMBEDDINGS_FOLDER))
        .progress(&*progress)
        .build()?;
    lock.save(&index, &*progress)?;
    drop(lock);

    // A photo that is not in the index, from the middle of the shop.
    let tests: Vec<_> = catalog.photos.iter().filter(|p| p.split == Some(Split::Test)).collect();
    let photo = tests.get(tests.len() / 2).context("too few photos to search: --photos 648")?;
    let file = catalog.file(photo);
    let shown = &catalog.products[photo.product as usize].name;
    let indexed = index.photos().len() as u64;
    let searcher = Searcher::new(index, encoder)?;
    let answer = searcher.search_file(&file, TOP)?;
    let page = args.out.join("answer.html");
    std::fs::write(&page, page::of_answer(&answer, &file, &searcher)?)
        .with_context(|| format!("cannot write {}", page.display()))?;
    if args.output.json() {
        return print_json(&json!({
            "manifest": written.manifest, "annotations": written.annotations, "index": folder,
            "query_product": shown, "answer": answer, "page": page,
        }));
    }
    let mut text = format!(
        "{} of {} synthetic products, {} of them indexed in {}\n\nsearching for {}, which shows {}:\n",
        count(u64::from(written.photos), "photo"),
        catalog.products.len(),
        thousands(indexed),
        folder.display(),
        file.display(),
        one_line(shown)
    );
    text.push_str(&output::answer::text(&answer, None));
    let at = |path: &Path| path.display().to_string();
    let (index, manifest) = (at(&folder), at(&written.manifest));
    let _ = write!(
        text,
        "\nthe same as a page: {}\nthe shopper's page: lookalike serve --index {index}\n\
         how often it is right: lookalike eval {manifest} --index {index}\n",
        page.display()
    );
    print(&text)
}

/// Shows the progress of the drawing, and cancels it after ctrl-C.
struct Drawing<'a> {
    progress: &'a dyn Progress,
    stop: Arc<AtomicBool>,
}

impl Progress for Drawing<'_> {
    fn begin(&self, phase: Phase<'_>) {
        self.progress.begin(phase);
    }

    fn advance(&self, steps: u64) {
        self.progress.advance(steps);
    }

    fn end(&self) {
        self.progress.end();
    }

    fn is_cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
