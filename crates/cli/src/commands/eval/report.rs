//! The evaluation's report as files.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lookalike_catalog::Catalog;
use lookalike_engine::{Evaluation, IndexedSources, Searcher, VerdictGroup};
use lookalike_eval::{ProductName, Report};
use lookalike_photo::{DecodeLimits, make_thumbnail, read};

use super::objects;
use crate::args::eval::EvalArgs;
use crate::output::report::{now, this_command, write_files};

/// Side of the pictures in the page, in pixels.
const THUMBNAIL: u32 = 160;

/// Writes `report.html` and `report.json` into a folder.
pub(crate) fn write(
    folder: &Path,
    args: &EvalArgs,
    catalog: &Catalog,
    searcher: &Searcher,
    found: &Evaluation,
) -> anyhow::Result<()> {
    let index = searcher.index();
    let of = |number: u64, what: &str| format!("{number} {what}");
    let model = index.model();
    let mut notes = vec![
        ("queries".to_owned(), of(found.queries, "photos")),
        ("indexed".to_owned(), of(index.photos().len() as u64, "photos")),
        ("recall@10 of HNSW".to_owned(), format!("{:.4}", found.recall_at_10)),
    ];
    for part in &model.parts {
        let (name, sha256) = (&part.identity.backbone, &part.identity.weights_sha256);
        notes.push((name.clone(), format!("sha256 {sha256}, {}", part.identity.preprocess)));
    }
    let weights: Vec<_> = found.ranking.weights.iter().map(|w| format!("{w:.2}")).collect();
    notes.push(("fusion weights: classifiers, prototypes, vote".to_owned(), weights.join(", ")));
    notes.push(("views".to_owned(), args.views.to_string()));
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let note = |products: String, group: &VerdictGroup| {
        let (top1, ece) = (percent(group.top1), percent(group.ece));
        let rejected = percent(group.false_no_match);
        let mut value = format!("{top1}, {ece}, {rejected} of {} photos", group.queries);
        if let Some(taken) = group.taken_for_sold {
            let _ = write!(value, "; {} of {} unsold", percent(taken), group.unsold);
        }
        (format!("{products}: top-1, ECE, false no match; taken for sold"), value)
    };
    for group in found.verdicts.iter().flat_map(|verdicts| &verdicts.by_source) {
        let products = match group.sources {
            IndexedSources::Reviews => "products with customers' photos only",
            IndexedSources::Picture => "products with a catalogue picture only",
            IndexedSources::Both => "products with customers' photos and a catalogue picture",
        };
        notes.push(note(products.to_owned(), &group.verdicts));
    }
    for group in found.verdicts.iter().flat_map(|verdicts| &verdicts.by_photos) {
        let photos = match group.photos_to {
            Some(to) if to == group.photos_from => format!("{to}"),
            Some(to) => format!("{} to {to}", group.photos_from),
            None => format!("{} or more", group.photos_from),
        };
        notes.push(note(format!("products with {photos} photos"), &group.verdicts));
    }
    if let Some(rejection) = &found.rejection {
        notes.extend([
            ("unsold photos".to_owned(), of(rejection.photos, "photos")),
            ("rejection, AUROC".to_owned(), format!("{:.3}", rejection.auroc)),
            ("false accepts at 95 % accepts".to_owned(), percent(rejection.false_accepts_at_95)),
            (
                "accepted by a search: unsold, sold".to_owned(),
                format!("{}, {}", percent(rejection.false_accepts), percent(rejection.accepted)),
            ),
        ]);
    }
    notes.extend(found.objects.iter().flat_map(objects::notes));
    let products = index.products().iter().zip(0..);
    let report = Report {
        title: "How often the right product is named".to_owned(),
        dataset: args.catalog.photos.display().to_string(),
        split: found.split.map_or("all photos".to_owned(), |split| split.to_string()),
        created_at: now(),
        command: this_command(),
        notes,
        products: products.map(|(p, id)| ProductName { id, name: p.name.clone() }).collect(),
        methods: found.methods.clone(),
    };
    let picture = |photo: &str| {
        let limits = DecodeLimits::default();
        let bytes = read(&catalog.root.join(photo), &limits).ok()?;
        let jpeg = make_thumbnail(&bytes, &limits, THUMBNAIL, 80).ok()?;
        Some(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
    };
    let page = report.page(&picture)?;
    write_files(folder, &[("report.json", report.to_json()?), ("report.html", page)])
}
