//! `lookalike serve`.

use std::sync::Arc;

use lookalike_engine::{EngineError, OnnxDetector};
use lookalike_server::{IndexSource, init_logging, run as serve};

use crate::args::serve::{ServeArgs, Serving};
use crate::{model, output};

pub(crate) fn run(args: ServeArgs) -> anyhow::Result<()> {
    let Serving { location: kept, model, detector, log: (format, level), settings } =
        args.resolve()?;
    init_logging(format, &level).map_err(anyhow::Error::msg)?;
    let location = kept.resolve()?;
    let detector = detector.map(|file| OnnxDetector::open(&file).map(Arc::new));
    let detector = detector.transpose().map_err(EngineError::from)?;
    let searcher = model::searcher(&location, &model)?;
    let (photos, products) =
        (searcher.index().photos().len(), searcher.index().products_with_photos());
    let what = format!(
        "{} of {}",
        output::count(photos as u64, "photo"),
        output::count(products as u64, "product")
    );
    let (folder, from) = (kept.index, location.clone());
    let reload = move || model::searcher(&from, &model).map_err(|error| output::error(&error));
    let ready = |address| {
        // Whoever started the server may not read what it says.
        let _ = output::print(&format!("serving {what} on http://{address}\n"));
    };
    let source = IndexSource { location, folder, reload: Box::new(reload), detector };
    Ok(serve(searcher, source, &settings, ready)?)
}
