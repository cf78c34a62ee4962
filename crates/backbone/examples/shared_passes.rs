//! Whether photos that are embedded at the same time had better share a forward pass.
//!
//! ```text
//! cargo run --release -p lookalike-backbone --example shared_passes -- [ROUNDS [WEIGHTS]]
//! ```
//!
//! Every core embeds photos of its own, as the server's searches do: one by one, or two, four or eight
//! at a time. The ways take turns, in another order each round, since a machine that has other work is
//! now faster and now slower; a round's figures are compared with each other only. On Linux, what counts is
//! the time that the cores really worked on it, whoever else they worked for meanwhile.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use lookalike_backbone::{BUNDLED, Backbone, load, map_on_cores};

const BATCHES: [usize; 4] = [1, 2, 4, 8];

/// How long a way is tried each round.
const SLICE: Duration = Duration::from_millis(1500);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds: usize = arguments.first().map_or(Ok(12), |rounds| rounds.parse())?;
    let weights = arguments.get(1).map_or(BUNDLED, String::as_str);
    let loaded = load(Path::new(weights), None)?;
    let (network, side) = (&*loaded.network, loaded.preprocess.size());
    let cores = std::thread::available_parallelism()?.get();
    for batch in BATCHES {
        photos_a_second(network, side, batch, cores, Duration::from_millis(200))?;
    }
    let mut gains = vec![Vec::new(); BATCHES.len()];
    for round in 0..rounds.max(1) {
        let mut rates = [0.0; BATCHES.len()];
        for step in 0..BATCHES.len() {
            let way = (round + step) % BATCHES.len();
            rates[way] = photos_a_second(network, side, BATCHES[way], cores, SLICE)?;
        }
        println!("{}", rates.map(|rate| format!("{rate:7.1}")).join(" "));
        gains.iter_mut().zip(rates).for_each(|(gains, rate)| gains.push(rate / rates[0]));
    }
    println!(
        "{cores} cores, photos a second against one by one, in the middle of {rounds} rounds:"
    );
    for (batch, gains) in BATCHES.iter().zip(&mut gains) {
        gains.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| gains[(share * (gains.len() - 1) as f64).round() as usize];
        let (low, middle, high) = (at(0.25), at(0.5), at(0.75));
        println!("batches of {batch}: {middle:.3} (half of the rounds: {low:.3} to {high:.3})");
    }
    Ok(())
}

/// Embeds made-up photos on every core for a time, and tells how many all cores would embed in a second
/// if they had nothing else to do.
fn photos_a_second(
    network: &dyn Backbone,
    side: usize,
    batch: usize,
    cores: usize,
    time: Duration,
) -> Result<f64, candle_core::Error> {
    let (started, worked) = (Instant::now(), worked());
    let done = map_on_cores(&vec![(); cores], |()| {
        let photos = Tensor::rand(-1f32, 1.0, (batch, 3, side, side), &Device::Cpu)?;
        let mut embedded = 0;
        while started.elapsed() < time {
            embedded += network.embed(&photos)?.dim(0)?;
        }
        Ok(embedded)
    });
    let took = match (worked, self::worked()) {
        (Some(before), Some(after)) => (after - before) / cores as f64,
        _ => started.elapsed().as_secs_f64(),
    };
    Ok(done.into_iter().sum::<candle_core::Result<usize>>()? as f64 / took)
}

/// Seconds that cores have worked for this process, in hundredths (proc_pid_stat(5), the 14th and 15th
/// figure); unknown where there is no such file.
fn worked() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the program's name, which may hold anything, the third figure comes first.
    let figures: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| figures.get(at - 3)?.parse::<f64>().ok();
    Some((ticks(14)? + ticks(15)?) / 100.0)
}
