//! Learns the prior of the metric that comes with the bundled weights, and measures what a prior is worth on catalogues
//! whose products it has not seen, and on those whose whole kind it has not.
//!
//! ```text
//! cargo run --release --example metric_prior -- DATA-SETS SCRATCH [--draws 5] [--write FILE]
//! ```
//!
//! `DATA-SETS` is the folder with `grocery-store`, `clothing` and `coco128`; embeddings and a drawn shop are kept in
//! `SCRATCH`. With `--write`, nothing is measured.

#[path = "made_up_catalogues.rs"]
mod made_up_catalogues;
#[path = "prior_photos.rs"]
mod prior_photos;

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;

use lookalike::engine::MetricPrior;
use made_up_catalogues::{MadeUp, Network, Wanted};
use prior_photos::PriorPhotos;

/// Parts that Grocery Store's products are divided into: each is searched for by what the others teach.
const FOLDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = Wanted::from_arguments()?;
    let network = wanted.networks().next().ok_or("there is no network")??;
    let photos = network.prior_photos.as_ref().ok_or("the network has no prior")?;
    if let Some(to) = &wanted.write {
        let prior = photos.learn(&HashSet::new(), |_| true)?;
        return Ok(std::fs::write(to, prior.to_bytes()?)?);
    }
    println!("top-1 and top-3: no prior; one of other products; one of other kinds of goods");
    for scenario in &network.scenarios {
        let kind = scenario.name.split([',', ' ']).next().unwrap_or_default();
        let mut sums = [[0.0; 2]; 3];
        for seed in 0..wanted.draws {
            let made_up = wanted.data_sets.draw(scenario, seed);
            let priors = priors(photos, &made_up, kind)?;
            for (sums, prior) in sums.iter_mut().zip(priors) {
                let found = found(&wanted, &network, &made_up, prior)?;
                sums.iter_mut().zip(found).for_each(|(sum, x)| *sum += x / wanted.draws as f64);
            }
        }
        println!("{}: {}: {}", scenario.row.name(), scenario.name, line(&sums));
    }
    let mut sums = [[0.0; 2]; 3];
    let mut searched = 0.0;
    for fold in 0..FOLDS {
        let made_up = wanted.data_sets.catalogue_pictures(fold, FOLDS);
        let queries = made_up.catalog.photos.len() as f64;
        for (sums, prior) in sums.iter_mut().zip(priors(photos, &made_up, "groceries")?) {
            let found = found(&wanted, &network, &made_up, prior)?;
            sums.iter_mut().zip(found).for_each(|(sum, x)| *sum += x * queries);
        }
        searched += queries;
    }
    sums.iter_mut().flatten().for_each(|sum| *sum /= searched);
    println!("all of Grocery Store's catalogue pictures, {FOLDS} folds: {}", line(&sums));
    Ok(())
}

/// No prior, one that has not seen the products that are searched for, and one that has not seen their kind.
fn priors(
    photos: &PriorPhotos,
    made_up: &MadeUp,
    kind: &str,
) -> Result<[Option<MetricPrior>; 3], Box<dyn Error>> {
    let searched_for: HashSet<&str> = made_up.searched_for().collect();
    let other_products = photos.learn(&searched_for, |_| true)?;
    let other_kinds = photos.learn(&HashSet::new(), |other| other != kind)?;
    Ok([None, Some(other_products), Some(other_kinds)])
}

/// Top-1 and top-3 accuracy.
fn found(
    wanted: &Wanted,
    network: &Network,
    made_up: &MadeUp,
    prior: Option<MetricPrior>,
) -> Result<[f64; 2], Box<dyn Error>> {
    let encoder = Arc::new((*network.encoder).clone().with_metric_prior(prior));
    let (_, found) = wanted.answers(made_up, &encoder)?;
    Ok([found.top1, found.top3])
}

fn line(sums: &[[f64; 2]; 3]) -> String {
    let pair = |[top1, top3]: &[f64; 2]| format!("{:.1} / {:.1} %", 100.0 * top1, 100.0 * top3);
    sums.iter().map(pair).collect::<Vec<_>>().join("; ")
}
