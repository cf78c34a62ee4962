use std::io::Read;
use std::path::Path;

use anyhow::Context;

use crate::args::SearchArgs;
use crate::{html, model, output};

pub(crate) fn run(args: &SearchArgs) -> anyhow::Result<()> {
    if let Some(file) = args.html.as_deref().filter(|file| is_something_else(file)) {
        let file = file.display();
        anyhow::bail!("{file} is there already and is no page: name another file with --html");
    }
    let searcher = model::searcher(&args.index, &args.model)?;
    let answer = searcher.search_file(&args.photo, args.top)?;
    if args.json {
        output::print_json(&answer)?;
    } else {
        output::print(&output::answer(&answer))?;
    }
    if let Some(file) = &args.html {
        let page = html::page(&answer, &args.photo, &searcher)?;
        std::fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Whether a file is there that is no page: with two arguments mixed up, it is the photo.
fn is_something_else(file: &Path) -> bool {
    let beginning = std::fs::File::open(file).and_then(|file| {
        let mut beginning = Vec::new();
        file.take(15).read_to_end(&mut beginning).map(|_| beginning)
    });
    beginning.is_ok_and(|bytes| !bytes.is_empty() && bytes != b"<!doctype html>")
}
