//! How many searches a second a server answers, and how long each takes.
//!
//! ```text
//! lookalike serve --requests 64 &
//! cargo run --release -p lookalike-server --example load -- 127.0.0.1:8080 8 10 photo.jpg...
//! ```
//!
//! Eight clients send the photos in turn for ten seconds, each its next one when the last is answered.
//! What was sent in the first second does not count: caches fill then.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Longest run, in seconds: this measures, and is no means to keep a server busy.
const LONGEST: u64 = 120;
const WARM_UP: Duration = Duration::from_secs(1);

/// Statuses and times of one client's requests.
type Answers = Vec<(u16, Duration)>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, clients, seconds, files @ ..] = &arguments[..] else {
        return Err("usage: load ADDRESS CLIENTS SECONDS PHOTO...".into());
    };
    let (clients, seconds): (usize, u64) = (clients.parse()?, seconds.parse()?);
    let photos = files.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
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
        joined.map(|one| one.unwrap_or_else(|_| Err("a client gave up".to_owned()))).collect()
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
    let mut connection = BufReader::new(TcpStream::connect(address)?);
    connection.get_ref().set_nodelay(true)?;
    let mut answers = Vec::new();
    for photo in photos.iter().cycle().skip(number) {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        let head = format!(
            "POST /v1/similar HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n",
            photo.len()
        );
        connection.get_mut().write_all(head.as_bytes())?;
        connection.get_mut().write_all(photo)?;
        let (status, goes_on) = read_answer(&mut connection)?;
        if asked >= begin {
            answers.push((status, asked.elapsed()));
        }
        // A server that turned a body away closes the connection.
        if !goes_on {
            connection = BufReader::new(TcpStream::connect(address)?);
        }
    }
    Ok(answers)
}

/// Reads an answer: its status, and whether another one can follow.
fn read_answer(connection: &mut BufReader<TcpStream>) -> Result<(u16, bool), Box<dyn Error>> {
    let (mut line, mut length, mut goes_on) = (String::new(), 0, true);
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no answer")?.parse()?;
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let lower = line.trim().to_ascii_lowercase();
        match lower.split_once(": ") {
            Some(("content-length", number)) => length = number.parse()?,
            Some(("connection", "close")) => goes_on = false,
            None if lower.is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((status, goes_on))
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
    let at = |share: f64| {
        let place = (share * times.len() as f64) as usize;
        times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
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
