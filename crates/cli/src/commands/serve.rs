use lookalike_server::{Limits, run as serve};

use crate::args::ServeArgs;
use crate::{model, output};

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let searcher = model::searcher(&args.index, &args.model)?;
    let (photos, products) = (searcher.index().photos().len(), searcher.index().products_shown());
    let what = format!(
        "{} of {}",
        output::count(photos as u64, "photo"),
        output::count(products as u64, "product")
    );
    Ok(serve(searcher, args.addr, Limits::default(), |address| {
        // Whoever started the server may not read what it says.
        let _ = output::print(&format!("serving {what} on http://{address}\n"));
    })?)
}
