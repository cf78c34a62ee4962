//! A load test: throughput and latency of searches; and a soak test with requests of all kinds.
//!
//! ```text
//! lookalike serve --max-requests 64 &
//! cargo run --release -p lookalike-server --example load -- 127.0.0.1:8080 8 10 photo.jpg...
//! cargo run --release -p lookalike-server --example load -- soak 127.0.0.1:8080 4 30 20 photo.jpg...
//! ```
//!
//! Eight clients send the photos in turn for ten seconds, each the next one after the response to the last (a
//! closed loop). The first second is a warm-up and does not count.
//!
//! With `soak`, four clients search for thirty minutes, with good photos and bad ones, look at thumbnails,
//! products and pages, 20 times a second in all; every minute there is a line with what was answered and with
//! the server's memory. `LOOKALIKE_TOKEN` is the read token, if the server needs one. Where
//! `LOOKALIKE_ADMIN_TOKEN` is set, the index is also reloaded, and a product upserted and removed, four times
//! a minute. `LOOKALIKE_PID` is the server's process, for systems where its metrics lack its memory.

mod client;
mod soak;

use std::collections::BTreeMap;
use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use client::Client;
use soak::Soak;

/// Longest run at full speed, in seconds: this measures, and is no means to keep a server busy.
const LONGEST: u64 = 120;

/// Longest soak, in minutes.
const LONGEST_SOAK: u64 = 24 * 60;

const WARM_UP: Duration = Duration::from_secs(1);

/// Statuses and times of one client's requests.
type Answers = Vec<(u16, Duration)>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let read = |files: &[String]| files.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>();
    if let [first, address, clients, minutes, rate, files @ ..] = &arguments[..]
        && first == "soak"
    {
        let (minutes, rate): (u64, f64) = (minutes.parse()?, rate.parse()?);
        let (clients, photos): (usize, _) = (clients.parse()?, read(files)?);
        let sound = rate > 0.0 && rate.is_finite() && (1..=LONGEST_SOAK).contains(&minutes);
        if photos.is_empty() || clients == 0 || !sound {
            let wanted = format!("photos, clients, a rate, and 1 to {LONGEST_SOAK} minutes");
            return Err(format!("{wanted} are needed").into());
        }
        let variable = |name: &str| std::env::var(name).ok();
        let soak = Soak {
            address: address.clone(),
            clients,
            time: Duration::from_secs(60 * minutes),
            rate,
            photos,
            token: variable("LOOKALIKE_TOKEN"),
            admin: variable("LOOKALIKE_ADMIN_TOKEN"),
            pid: variable("LOOKALIKE_PID").map(|pid| pid.parse()).transpose()?,
        };
        return soak.run();
    }
    let [address, clients, seconds, files @ ..] = &arguments[..] else {
        return Err("usage: load ADDRESS CLIENTS SECONDS PHOTO..., or load soak ADDRESS CLIENTS \
                    MINUTES REQUESTS_A_SECOND PHOTO..."
            .into());
    };
    let (clients, seconds): (usize, u64) = (clients.parse()?, seconds.parse()?);
    let photos = read(files)?;
    if photos.is_empty() || clients == 0 || !(1..=LONGEST).contains(&seconds) {
        return Err(format!("photos, clients, and 1 to {LONGEST} seconds are needed").into());
    }
    let begin = Instant::now() + WARM_UP;
    let end = begin + Duration::from_secs(seconds);
    let answers: Vec<Result<Answers, String>> = thread::scope(|scope| {
        let running: Vec<_> = (0..clients)
            .map(|number| {
                let photos = &photos;
                let ask = move || client(address, photos, number, begin, end);
                scope.spawn(move || ask().map_err(|error| error.to_string()))
            })
            .collect();
        let joined = running.into_iter().map(|one| one.join());
        joined.map(|one| one.unwrap_or_else(|_| Err("a client panicked".to_owned()))).collect()
    });
    report(answers, clients, seconds)
}

fn client(
    address: &str,
    photos: &[Vec<u8>],
    number: usize,
    begin: Instant,
    end: Instant,
) -> Result<Answers, Box<dyn Error>> {
    let (mut client, mut answers) = (Client::new(address), Vec::new());
    for photo in photos.iter().cycle().skip(number) {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        let (status, _) = client.ask("POST /v1/similar", photo)?;
        // Counted by the time of the response: with a long latency, many requests begin before the measurement.
        if (begin..end).contains(&Instant::now()) {
            answers.push((status, asked.elapsed()));
        }
    }
    Ok(answers)
}

fn report(
    answers: Vec<Result<Answers, String>>,
    clients: usize,
    seconds: u64,
) -> Result<(), Box<dyn Error>> {
    let (mut statuses, mut times, mut failed) = (BTreeMap::new(), Vec::new(), Vec::new());
    for answers in answers {
        match answers {
            Ok(answers) => {
                for (status, time) in answers {
                    *statuses.entry(status).or_insert(0usize) += 1;
                    if status == 200 {
                        times.push(time);
                    }
                }
            }
            Err(error) => failed.push(error),
        }
    }
    times.sort_unstable();
    let at = |quantile: f64| {
        let rank = (quantile * times.len() as f64) as usize;
        times.get(rank.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!("clients      {clients}");
    println!("searches/s   {:.1}", times.len() as f64 / seconds as f64);
    println!("p50          {:.1} ms", milliseconds(at(0.50)));
    println!("p99          {:.1} ms", milliseconds(at(0.99)));
    println!("statuses     {statuses:?}");
    if !failed.is_empty() {
        println!("failed       {} clients, the first: {}", failed.len(), failed[0]);
    }
    Ok(())
}
