//! Requests of all kinds for a long time, and what the server's memory does meanwhile.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;

/// How often figures are printed.
const EVERY: Duration = Duration::from_secs(60);

/// How often the operator reloads and updates the index.
const ADMINISTER: Duration = Duration::from_secs(15);

/// The settings of a soak test.
pub struct Soak {
    pub address: String,
    pub clients: usize,
    pub time: Duration,
    /// Requests a second of all clients together, at most.
    pub rate: f64,
    pub photos: Vec<Vec<u8>>,
    /// The read token, if the server needs one.
    pub token: Option<String>,
    /// The admin token; without it, the index is not updated.
    pub admin: Option<String>,
    /// The server's process, for systems where its metrics lack its memory.
    pub pid: Option<u32>,
}

/// Numbers of responses by kind of request and status; 0 where the connection broke.
type Statuses = BTreeMap<(&'static str, u16), usize>;

impl Soak {
    pub fn run(&self) -> Result<(), Box<dyn Error>> {
        let (started, statuses) = (Instant::now(), Mutex::new(Statuses::new()));
        let end = started + self.time;
        println!("minute  requests/s  memory in MB  answers since the line before");
        thread::scope(|scope| {
            for number in 0..self.clients {
                let statuses = &statuses;
                scope.spawn(move || self.client(number, end, statuses));
            }
            if let Some(token) = &self.admin {
                let statuses = &statuses;
                scope.spawn(move || self.administer(token, end, statuses));
            }
            self.print();
            for line in 1u32.. {
                let next = started + EVERY * line;
                if next > end + Duration::from_secs(1) {
                    break;
                }
                thread::sleep(next.saturating_duration_since(Instant::now()));
                let since = std::mem::take(&mut *lock(&statuses));
                let requests: usize = since.values().sum();
                let answers =
                    since.iter().map(|((what, status), n)| format!("{what} {status}: {n}"));
                println!(
                    "{line:6}  {:10.1}  {:>12}  {}",
                    requests as f64 / EVERY.as_secs_f64(),
                    self.memory().map_or("unknown".to_owned(), |mb| format!("{mb:.1}")),
                    answers.collect::<Vec<_>>().join(", ")
                );
            }
        });
        Ok(())
    }

    fn print(&self) {
        let memory = self.memory().map_or("unknown".to_owned(), |mb| format!("{mb:.1}"));
        println!("{:6}  {:10}  {memory:>12}", 0, "");
    }

    /// One client, which sends requests of all kinds, with pauses.
    fn client(&self, number: usize, end: Instant, statuses: &Mutex<Statuses>) {
        let mut client = Client::new(&self.address);
        let pause = Duration::from_secs_f64(self.clients as f64 / self.rate);
        let token = match &self.token {
            Some(token) => format!("\nAuthorization: Bearer {token}"),
            None => String::new(),
        };
        // Where the last answers said that thumbnails and products are.
        let (mut thumbnail, mut product) = (String::new(), String::new());
        for turn in number.. {
            let begun = Instant::now();
            if begun >= end {
                return;
            }
            let photo = |step: usize| &self.photos[(turn * 7 + step) % self.photos.len()];
            let (what, head, body) = match turn % 20 {
                0 | 1 => (
                    "several",
                    "POST /v1/similar?top=3".to_owned(),
                    form(&[("photo", photo(0)), ("photo", photo(1)), ("photo", photo(2))]),
                ),
                2 => (
                    "batch",
                    "POST /v1/batch".to_owned(),
                    form(&[("photo", photo(0)), ("photo", b"no photo")]),
                ),
                3 => ("cut short", "POST /v1/similar".to_owned(), {
                    photo(0)[..photo(0).len() / 2].to_vec()
                }),
                4 => ("no photo", "POST /v1/similar".to_owned(), vec![turn as u8; 5000]),
                5..=8 if !thumbnail.is_empty() => {
                    let size = [64, 128, 256, 640][turn / 20 % 4];
                    ("thumbnail", format!("GET {thumbnail}?size={size}"), Vec::new())
                }
                9 | 10 if !product.is_empty() => {
                    ("like product", format!("GET /v1/products/{product}/similar"), Vec::new())
                }
                11 => ("page", "GET /".to_owned(), Vec::new()),
                12 => ("page", "GET /page/app.js".to_owned(), Vec::new()),
                13 => ("service", "GET /v1/service".to_owned(), Vec::new()),
                14 => ("explain", "POST /v1/similar?explain=true".to_owned(), photo(0).clone()),
                _ => ("search", "POST /v1/similar".to_owned(), photo(0).clone()),
            };
            let kind = match what {
                "several" | "batch" => "\nContent-Type: multipart/form-data; boundary=edge",
                _ => "",
            };
            match client.ask(&format!("{head}{kind}{token}"), &body) {
                Ok((status, answer)) => {
                    count(statuses, what, status);
                    if what == "search" && status == 200 {
                        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
                        let best = &answer["matches"][0];
                        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                        thumbnail = text(&best["evidence"][0]["thumbnail_url"]);
                        product = encoded(&text(&best["product"]["id"]));
                    }
                }
                Err(_) => count(statuses, what, 0),
            }
            thread::sleep(pause.saturating_sub(begun.elapsed()));
        }
    }

    /// An operator, who reloads the index, upserts a product and removes it.
    fn administer(&self, token: &str, end: Instant, statuses: &Mutex<Statuses>) {
        let bearer = format!("\nAuthorization: Bearer {token}");
        let kind = "\nContent-Type: multipart/form-data; boundary=edge";
        for turn in 0usize.. {
            thread::sleep(ADMINISTER);
            if Instant::now() >= end {
                return;
            }
            // The server closes a connection that is idle for so long.
            let mut client = Client::new(&self.address);
            let card = json!({"id": "soak", "name": "soak"}).to_string();
            let photo = &self.photos[turn % self.photos.len()];
            let gone = json!({"products": ["soak"]}).to_string().into_bytes();
            for (what, head, body) in [
                ("reload", format!("POST /v1/admin/reload{bearer}"), Vec::new()),
                (
                    "upsert",
                    format!("POST /v1/admin/upsert{kind}{bearer}"),
                    form(&[("product", card.as_bytes()), ("photo", photo)]),
                ),
                ("remove", format!("POST /v1/admin/remove{bearer}"), gone),
            ] {
                let status = client.ask(&head, &body).map_or(0, |(status, _)| status);
                count(statuses, what, status);
            }
        }
    }

    /// The server's memory in megabytes, as its metrics or the system say.
    fn memory(&self) -> Option<f64> {
        let token = self.token.as_ref().map(|token| format!("\nAuthorization: Bearer {token}"));
        let head = format!("GET /metrics{}", token.unwrap_or_default());
        let metrics = Client::new(&self.address).ask(&head, b"").map(|(_, body)| body);
        let metrics = String::from_utf8(metrics.unwrap_or_default()).unwrap_or_default();
        let reported = metrics.lines().find_map(|line| {
            line.strip_prefix("process_resident_memory_bytes ")?.parse::<f64>().ok()
        });
        reported.map(|bytes| bytes / 1e6).or_else(|| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid?)).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kibibytes * 1024.0 / 1e6)
        })
    }
}

fn lock(statuses: &Mutex<Statuses>) -> std::sync::MutexGuard<'_, Statuses> {
    statuses.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(statuses: &Mutex<Statuses>, what: &'static str, status: u16) {
    *lock(statuses).entry((what, status)).or_default() += 1;
}

/// Fields as a form with the boundary `edge`.
fn form(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in fields {
        let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    body
}

/// An id as a part of an address.
fn encoded(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}
