use lookalike_server::{Source, run as serve, start_log};

use crate::serve_args::{ServeArgs, Serving};
use crate::{model, output};

pub(crate) fn run(args: ServeArgs) -> anyhow::Result<()> {
    let Serving { index, model, log: (format, level), settings } = args.resolve()?;
    start_log(format, &level).map_err(anyhow::Error::msg)?;
    let searcher = model::searcher(&index, &model)?;
    let (photos, products) = (searcher.index().photos().len(), searcher.index().products_shown());
    let what = format!(
        "{} of {}",
        output::count(photos as u64, "photo"),
        output::count(products as u64, "product")
    );
    let folder = index.clone();
    let reopen = move || model::searcher(&index, &model).map_err(|error| output::error(&error));
    let ready = |address| {
        // Whoever started the server may not read what it says.
        let _ = output::print(&format!("serving {what} on http://{address}\n"));
    };
    let source = Source { folder, reopen: Box::new(reopen) };
    Ok(serve(searcher, source, &settings, ready)?)
}
