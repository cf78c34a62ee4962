//! How far verdicts can be trusted: expected calibration error, false "no match" and photos of other things taken for
//! sold, on made-up catalogues, several draws of each.
//!
//! ```text
//! cargo run --release --example calibration_table -- DATA-SETS SCRATCH [--draws 5] [--only NAME] [FROZEN-WEIGHTS]
//! ```
//!
//! `DATA-SETS` is the folder with `grocery-store`, `clothing` and `coco128`; embeddings and a drawn shop are kept in
//! `SCRATCH`. The bundled network is always measured; a network that was trained on none of the photos is measured, too,
//! if its weights are given.

#[path = "made_up_catalogues.rs"]
mod made_up_catalogues;
#[path = "prior_photos.rs"]
mod prior_photos;

use std::collections::BTreeMap;
use std::error::Error;

use lookalike::engine::JudgedAnswer;
use lookalike::eval::auroc;
use made_up_catalogues::{Network, Row, Scenario, Wanted};

/// What a draw came to.
#[derive(Clone, Copy)]
struct Measured {
    top1: f64,
    ece: f64,
    false_no_match: f64,
    taken_for_sold: f64,
    auroc_other_kinds: f64,
    /// NaN where all products are sold.
    auroc_same_kind: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = Wanted::from_arguments()?;
    let mut rows: BTreeMap<Row, Vec<Measured>> = BTreeMap::new();
    println!(
        "network, catalogue: top-1, ECE, false no match, other kinds taken for sold; AUROC of other kinds, same kind"
    );
    for network in wanted.networks() {
        let network = network?;
        for scenario in &network.scenarios {
            let measured = (0..wanted.draws)
                .map(|seed| measure(&wanted, scenario, seed, &network))
                .collect::<Result<Vec<_>, _>>()?;
            let (network, row) = (&network.name, scenario.row.name());
            println!("{network}, {row}: {}: {}", scenario.name, line(&measured));
            rows.entry(scenario.row).or_default().extend(measured);
        }
    }
    println!(
        "\n| scenario | draws | top-1 | ECE | false no match | other kinds taken for sold | AUROC other kinds | AUROC same kind |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (row, measured) in rows {
        let cells = line(&measured).replace(", ", " | ").replace("; ", " | ");
        println!("| {} | {} | {cells} |", row.name(), measured.len());
    }
    Ok(())
}

fn measure(
    wanted: &Wanted,
    scenario: &Scenario,
    seed: u64,
    network: &Network,
) -> Result<Measured, Box<dyn Error>> {
    let made_up = wanted.data_sets.draw(scenario, seed);
    let (_, found) = wanted.answers(&made_up, &network.encoder_for(&made_up)?)?;
    let verdicts = found.verdicts.ok_or("there is no verdict")?;
    let unsold = found.rejection.ok_or("there is no verdict")?.answers;
    let sold = |answers: &[JudgedAnswer]| -> Vec<f32> {
        answers.iter().map(|answer| answer.verdict.sold).collect()
    };
    let (other_kinds, same_kind) = unsold.split_at(made_up.other_kinds);
    let accepted = other_kinds.iter().filter(|answer| answer.verdict.is_match).count();
    let ours = sold(&found.answers);
    Ok(Measured {
        top1: verdicts.all.top1,
        ece: verdicts.all.ece,
        false_no_match: verdicts.all.false_no_match,
        taken_for_sold: accepted as f64 / other_kinds.len() as f64,
        auroc_other_kinds: auroc(&ours, &sold(other_kinds)),
        auroc_same_kind: match same_kind.len() {
            0..20 => f64::NAN,
            _ => auroc(&ours, &sold(same_kind)),
        },
    })
}

/// Means over draws, with the largest of what should be small.
fn line(draws: &[Measured]) -> String {
    let values = |of: fn(&Measured) -> f64| draws.iter().map(of).filter(|x| !x.is_nan());
    let mean = |of| values(of).sum::<f64>() / values(of).count().max(1) as f64;
    let most = |of| values(of).fold(0.0, f64::max);
    let percent = |of: fn(&Measured) -> f64| {
        format!("{:.1} % (at most {:.1})", 100.0 * mean(of), 100.0 * most(of))
    };
    let (ece, rejected) = (percent(|m| m.ece), percent(|m| m.false_no_match));
    let same_kind = match values(|m| m.auroc_same_kind).count() {
        0 => "-".to_owned(),
        _ => format!("{:.3}", mean(|m| m.auroc_same_kind)),
    };
    format!(
        "{:.1} %, {ece}, {rejected}, {}; {:.3}, {same_kind}",
        100.0 * mean(|m| m.top1),
        percent(|m| m.taken_for_sold),
        mean(|m| m.auroc_other_kinds),
    )
}
