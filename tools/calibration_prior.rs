//! Fits the prior of confidence, `crates/rank/src/calibration_prior.rs`, on made-up catalogues, and measures it on kinds of goods
//! that it was not fitted on.
//!
//! ```text
//! cargo run --release --example calibration_prior -- DATA-SETS SCRATCH [--draws 5] [FROZEN-WEIGHTS]
//! ```
//!
//! Each catalogue has weights of its own, a draw from a normal distribution whose mean and covariance are the prior
//! (empirical Bayes, by expectation maximisation with Laplace's approximation).

#[path = "made_up_catalogues.rs"]
mod made_up_catalogues;
#[path = "prior_photos.rs"]
mod prior_photos;

use std::error::Error;

use lookalike::eval::calibration;
use lookalike::rank::{
    CONFIDENCE_FEATURES, CalibrationSet, ConfidenceCalibrator, ConfidencePrior, KnownAnswer,
    LogisticPrior, NOVELTY_FEATURES,
};
use made_up_catalogues::{Network, Row, Scenario, Wanted};

const WEIGHTS: usize = CONFIDENCE_FEATURES + 1;
type Matrix = [[f64; WEIGHTS]; WEIGHTS];

/// Answers of a catalogue that count: more say no more of how catalogues differ.
const MOST: f64 = 400.0;

/// Rounds of expectation maximisation, and of Newton's method in each.
const ROUNDS: usize = 12;
const NEWTON: usize = 20;

/// Answers of a catalogue.
struct Draw {
    scenario: Scenario,
    set: CalibrationSet,
    sold: Vec<KnownAnswer>,
    /// Novelty features in units, of photos of products that are sold, and of others.
    novelty: [Vec<[f32; NOVELTY_FEATURES]>; 2],
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = Wanted::from_arguments()?;
    let mut all = Vec::new();
    for network in wanted.networks() {
        let network = network?;
        let scenarios = network.scenarios.iter().filter(|one| one.row != Row::Validation);
        for scenario in scenarios {
            for seed in 0..wanted.draws {
                // Other draws than those of the table.
                all.push(answers(&wanted, scenario, 1000 + seed, &network)?);
                eprint!(".");
            }
        }
    }
    eprintln!();
    let has_one = |draw: &&Draw| draw.scenario.row == Row::OnePhoto;
    for kind in ["groceries", "garments", "drawn"] {
        let is_of = |draw: &&Draw| draw.scenario.name.starts_with(kind);
        let others: Vec<&Draw> = all.iter().filter(|draw| !is_of(draw)).collect();
        let (one, several): (Vec<&Draw>, Vec<&Draw>) = others.into_iter().partition(has_one);
        let (one, several) = (fit(&one), fit(&several));
        println!(
            "{kind}, by a prior of the other kinds: ECE of the prior alone, and with the catalogue's own answers"
        );
        let mut of_kind: Vec<&Draw> = all.iter().filter(is_of).collect();
        of_kind.sort_by_key(|draw| (draw.scenario.row, draw.scenario.name));
        for group in of_kind
            .chunk_by(|a, b| a.scenario.name == b.scenario.name && a.scenario.row == b.scenario.row)
        {
            let prior = if has_one(&group[0]) { &one } else { &several };
            let mean = |set: &dyn Fn(&Draw) -> CalibrationSet| {
                group.iter().map(|draw| ece(draw, &set(draw), prior)).sum::<f64>()
                    / group.len() as f64
            };
            let alone = mean(&|draw| CalibrationSet { answers: Vec::new(), ..draw.set.clone() });
            let both = [0.1, 0.3, 0.7, 1.0]
                .map(|weight| mean(&|draw| CalibrationSet { weight, ..draw.set.clone() }));
            let percent = |x: f64| format!("{:.1} %", 100.0 * x);
            let scenario = group[0].scenario;
            let both = both.map(percent).join(", ");
            println!("  {}, {}: {}; {both}", scenario.row.name(), scenario.name, percent(alone));
        }
    }
    let (one, several): (Vec<&Draw>, Vec<&Draw>) = all.iter().partition(has_one);
    for (name, draws) in [("SEVERAL_PHOTOS", &several), ("ONE_PHOTO", &one)] {
        let LogisticPrior { scales, mean, covariance } = fit(draws);
        println!(
            "\n{name}\nscales: {scales:.4?},\nmean: {mean:.4?},\ncovariance: {covariance:.4?},"
        );
    }
    println!("\nSOLD_WEIGHTS: {:.2?}", sold_weights(&several));
    println!("SOLD_WEIGHTS_ONE_PHOTO: {:.2?}", sold_weights(&one));
    Ok(())
}

fn answers(
    wanted: &Wanted,
    scenario: &Scenario,
    seed: u64,
    network: &Network,
) -> Result<Draw, Box<dyn Error>> {
    let made_up = wanted.data_sets.draw(scenario, seed);
    let (set, found) = wanted.answers(&made_up, &network.encoder_for(&made_up)?)?;
    let calibrator = found.ranking.calibrator().ok_or("there is no verdict")?;
    let units = |answer: &KnownAnswer| calibrator.novelty_in_units(&answer.novelty);
    let sold: Vec<KnownAnswer> = found.answers.iter().map(|one| one.answer).collect();
    let unsold = found.rejection.as_ref().ok_or("there is no verdict")?.answers.iter();
    let novelty =
        [sold.iter().map(units).collect(), unsold.map(|one| units(&one.answer)).collect()];
    Ok(Draw { scenario: *scenario, set, sold, novelty })
}

fn ece(draw: &Draw, set: &CalibrationSet, prior: &ConfidencePrior) -> f64 {
    let Some(calibrator) = ConfidenceCalibrator::fit_with_prior(set, prior) else { return 1.0 };
    let of_one = |answer: &KnownAnswer| {
        let verdict = calibrator.verdict(&answer.confidence, &answer.novelty);
        (f64::from(verdict.confidence), answer.is_right)
    };
    calibration(&draw.sold.iter().map(of_one).collect::<Vec<_>>(), 15).ece
}

/// The prior of some catalogues.
fn fit(draws: &[&Draw]) -> ConfidencePrior {
    let features = || draws.iter().flat_map(|draw| &draw.sold).map(|answer| answer.confidence);
    let count = features().count() as f64;
    let scales = std::array::from_fn(|at| {
        let mean = features().map(|f| f64::from(f[at])).sum::<f64>() / count;
        let square = features().map(|f| (f64::from(f[at]) - mean).powi(2)).sum::<f64>() / count;
        (mean, if square > 1e-9 { square.sqrt() } else { 1.0 })
    });
    let catalogues: Vec<(Vec<[f64; WEIGHTS]>, Vec<f64>, f64)> = draws
        .iter()
        .map(|draw| {
            let row = |answer: &KnownAnswer| scaled(&answer.confidence, &scales);
            let truth = |answer: &KnownAnswer| f64::from(u8::from(answer.is_right));
            let weight = (MOST / draw.sold.len() as f64).min(1.0);
            (draw.sold.iter().map(row).collect(), draw.sold.iter().map(truth).collect(), weight)
        })
        .collect();
    let mut mean = [0.0; WEIGHTS];
    let mut covariance = diagonal(4.0);
    for _ in 0..ROUNDS {
        let precision = inverse(&covariance);
        let posteriors: Vec<([f64; WEIGHTS], Matrix)> = catalogues
            .iter()
            .map(|(rows, truths, weight)| posterior(rows, truths, *weight, &mean, &precision))
            .collect();
        let count = posteriors.len() as f64;
        mean = std::array::from_fn(|at| posteriors.iter().map(|(w, _)| w[at]).sum::<f64>() / count);
        covariance = std::array::from_fn(|a| {
            std::array::from_fn(|b| {
                let spread =
                    posteriors.iter().map(|(w, v)| (w[a] - mean[a]) * (w[b] - mean[b]) + v[a][b]);
                spread.sum::<f64>() / count + if a == b { 1e-4 } else { 0.0 }
            })
        });
    }
    LogisticPrior { scales, mean, covariance }
}

fn scaled(
    features: &[f32; CONFIDENCE_FEATURES],
    scales: &[(f64, f64); CONFIDENCE_FEATURES],
) -> [f64; WEIGHTS] {
    std::array::from_fn(|at| match at {
        CONFIDENCE_FEATURES => 1.0,
        _ => ((f64::from(features[at]) - scales[at].0) / scales[at].1).clamp(-4.0, 4.0),
    })
}

/// The weights of a catalogue of maximum posterior probability, and their covariance.
fn posterior(
    rows: &[[f64; WEIGHTS]],
    truths: &[f64],
    weight: f64,
    mean: &[f64; WEIGHTS],
    precision: &Matrix,
) -> ([f64; WEIGHTS], Matrix) {
    let mut weights = *mean;
    let mut curvature = *precision;
    for _ in 0..NEWTON {
        let away: [f64; WEIGHTS] = std::array::from_fn(|at| weights[at] - mean[at]);
        let mut gradient: [f64; WEIGHTS] =
            std::array::from_fn(|a| -(0..WEIGHTS).map(|b| precision[a][b] * away[b]).sum::<f64>());
        curvature = *precision;
        for (row, truth) in rows.iter().zip(truths) {
            let sum: f64 = row.iter().zip(&weights).map(|(x, w)| x * w).sum();
            let p = 1.0 / (1.0 + (-sum).exp());
            for a in 0..WEIGHTS {
                gradient[a] += weight * (truth - p) * row[a];
                for b in 0..WEIGHTS {
                    curvature[a][b] += weight * (p * (1.0 - p)).max(1e-9) * row[a] * row[b];
                }
            }
        }
        let inverse = inverse(&curvature);
        let step: [f64; WEIGHTS] =
            std::array::from_fn(|a| (0..WEIGHTS).map(|b| inverse[a][b] * gradient[b]).sum());
        let longest = step.iter().fold(0f64, |most, s| most.max(s.abs()));
        let scale = if longest > 3.0 { 3.0 / longest } else { 1.0 };
        (0..WEIGHTS).for_each(|at| weights[at] += scale * step[at]);
    }
    (weights, inverse(&curvature))
}

fn diagonal(value: f64) -> Matrix {
    std::array::from_fn(|a| std::array::from_fn(|b| if a == b { value } else { 0.0 }))
}

/// The inverse of a positive definite matrix (Gauss and Jordan).
fn inverse(matrix: &Matrix) -> Matrix {
    let (mut left, mut right) = (*matrix, diagonal(1.0));
    for pivot in 0..WEIGHTS {
        let by = left[pivot][pivot];
        (0..WEIGHTS).for_each(|at| {
            (left[pivot][at], right[pivot][at]) = (left[pivot][at] / by, right[pivot][at] / by)
        });
        for row in (0..WEIGHTS).filter(|row| *row != pivot) {
            let factor = left[row][pivot];
            for at in 0..WEIGHTS {
                left[row][at] -= factor * left[pivot][at];
                right[row][at] -= factor * right[pivot][at];
            }
        }
    }
    right
}

/// How much each novelty feature moves the log odds of being sold: logistic regression by gradient ascent, each catalogue's
/// photos of both kinds weighing the same.
fn sold_weights(draws: &[&Draw]) -> [f64; NOVELTY_FEATURES] {
    let mut weights = [1.0; NOVELTY_FEATURES];
    let mut intercept = 0.0;
    for _ in 0..4000 {
        let mut gradient = [0.0; NOVELTY_FEATURES];
        let mut of_intercept = 0.0;
        for draw in draws {
            for (units, truth) in draw.novelty.iter().zip([1.0, 0.0]) {
                for features in units {
                    let sum: f64 =
                        features.iter().zip(weights).map(|(&x, w)| f64::from(x) * w).sum();
                    let off =
                        (truth - 1.0 / (1.0 + (-(sum + intercept)).exp())) / units.len() as f64;
                    gradient.iter_mut().zip(features).for_each(|(g, &x)| *g += off * f64::from(x));
                    of_intercept += off;
                }
            }
        }
        let rate = 0.3 / draws.len() as f64;
        weights.iter_mut().zip(gradient).for_each(|(weight, g)| *weight += rate * g);
        intercept += rate * of_intercept;
    }
    weights
}
