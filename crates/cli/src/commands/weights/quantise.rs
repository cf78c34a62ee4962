//! `lookalike weights quantise`.

use std::fmt::Write as _;

use lookalike_backbone::Quantiser;
use lookalike_catalog::CataloguePictures;
use lookalike_weights::WeightStore;
use serde_json::json;

use crate::args::weights::QuantiseArgs;
use crate::model;
use crate::output::{print, print_json};
use crate::progress;

pub(crate) fn quantise(args: &QuantiseArgs) -> anyhow::Result<()> {
    let weights = args.weights.clone().unwrap_or_else(|| WeightStore::from_env().default_weights());
    let quantiser = Quantiser::open(&weights, None)?;
    let catalog = args.catalog.open(CataloguePictures::Shown, args.output.quiet())?;
    let progress = progress::reporter(args.output.quiet());
    let found =
        lookalike_engine::quantise(&quantiser, &catalog, args.count, &args.out, &*progress)?;
    if args.output.json() {
        return print_json(&json!({
            "network": quantiser.kind().name(), "path": args.out, "found": found,
        }));
    }
    let (kind, path) = (quantiser.kind(), args.out.display());
    let mut text = format!("{kind}: wrote {path}, calibrated with {} photos\n", found.photos);
    if found.unreadable > 0 {
        let _ = writeln!(text, "  could not be read: {} of the photos", found.unreadable);
    }
    if let Some(cosines) = found.cosines {
        let _ = writeln!(
            text,
            "  cosine with the f32 embeddings on {} other photos: {:.4} on average, {:.4} at least",
            cosines.photos, cosines.mean, cosines.least
        );
    }
    let _ = writeln!(text, "  use it: lookalike index build PHOTOS --weights {path}");
    print(&text)?;
    model::warn_of_slow_int8();
    Ok(())
}
