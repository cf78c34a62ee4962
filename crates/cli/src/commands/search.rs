use anyhow::Context;

use crate::args::SearchArgs;
use crate::{html, model, output};

pub(crate) fn run(args: &SearchArgs) -> anyhow::Result<()> {
    let searcher = model::searcher(&args.index, &args.model)?;
    let answer = searcher.search_file(&args.photo, args.top)?;
    if let Some(file) = &args.html {
        let page = html::page(&answer, &args.photo, &searcher)?;
        std::fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if args.json { output::print_json(&answer) } else { output::print(&output::answer(&answer)) }
}
