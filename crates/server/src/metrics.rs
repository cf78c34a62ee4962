//! Metrics for Prometheus, by its naming conventions: units as suffixes, `_total` for counters.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use lookalike_engine::Timings;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::served_index::ServedIndex;

/// Upper bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

type Labels<const N: usize> = [(&'static str, String); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Histograms<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Counters<3>,
    request_duration: Histograms<1>,
    phase_duration: Histograms<1>,
    rejections: Counters<1>,
    thumbnails: Counters<1>,
    reloads: Counters<1>,
    updates: Counters<2>,
    products: Gauge,
    photos: Gauge,
    created: Gauge<f64, AtomicU64>,
    /// Requests that hold a permit: read, queued or worked on.
    pub(crate) in_flight: Gauge,
    /// Searches that wait for a worker.
    pub(crate) queued: Gauge,
    /// Requests whose refusal is delayed.
    pub(crate) delayed: Gauge,
    /// Open connections.
    pub(crate) connections: Gauge,
    /// Memory of cached thumbnails.
    pub(crate) thumbnail_bytes: Gauge,
    /// Resident memory of the process.
    resident: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(histogram),
            phase_duration: Family::new_with_constructor(histogram),
            rejections: Family::default(),
            thumbnails: Family::default(),
            reloads: Family::default(),
            updates: Family::default(),
            products: Gauge::default(),
            photos: Gauge::default(),
            created: Gauge::default(),
            in_flight: Gauge::default(),
            queued: Gauge::default(),
            delayed: Gauge::default(),
            connections: Gauge::default(),
            thumbnail_bytes: Gauge::default(),
            resident: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        // Its usual name has no prefix. A value that is not known is left out: 0 would be wrong.
        if resident_bytes().is_some() {
            let (help, memory) = ("Resident memory size", self.resident.clone());
            self.registry.register_with_unit("process_resident_memory", help, Unit::Bytes, memory);
        }
        let r = self.registry.sub_registry_with_prefix("lookalike");
        let seconds = || Unit::Seconds;
        r.register("http_requests", "Requests responded to", self.requests.clone());
        let (help, durations) = ("Time to a response", self.request_duration.clone());
        r.register_with_unit("http_request_duration", help, seconds(), durations);
        let help = "Time of a search's phases: read, queue, decode, detect, embed, search";
        let durations = self.phase_duration.clone();
        r.register_with_unit("search_phase_duration", help, seconds(), durations);
        let help = "Requests refused, by reason: busy, timeout, rate, token, size";
        r.register("http_rejections", help, self.rejections.clone());
        let help = "Thumbnails, by where they came from: cache, file, missing";
        r.register("thumbnails", help, self.thumbnails.clone());
        r.register("index_reloads", "Reloads of the index, by result", self.reloads.clone());
        let help = "Updates of the index over HTTP, by operation and result";
        r.register("index_updates", help, self.updates.clone());
        r.register("index_products", "Products with photos", self.products.clone());
        r.register("index_photos", "Photos in the index", self.photos.clone());
        let (help, created) = ("Unix time when the index was built", self.created.clone());
        r.register_with_unit("index_created_timestamp", help, seconds(), created);
        let help = "Requests read, queued or worked on";
        r.register("requests_in_flight", help, self.in_flight.clone());
        r.register("searches_queued", "Searches waiting for a worker", self.queued.clone());
        let help = "Requests whose refusal is delayed";
        r.register("requests_delayed", help, self.delayed.clone());
        r.register("open_connections", "Open connections", self.connections.clone());
        let (help, bytes) = ("Memory of cached thumbnails", self.thumbnail_bytes.clone());
        r.register_with_unit("thumbnail_cache", help, Unit::Bytes, bytes);
    }

    /// The metrics in OpenMetrics' text format.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        if let Some(bytes) = resident_bytes() {
            self.resident.set(bytes);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    pub(crate) fn responded(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.to_string()),
        ];
        self.requests.get_or_create(&labels).inc();
        let labels = [("route", route.to_owned())];
        self.request_duration.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn phase(&self, phase: &'static str, took: Duration) {
        let labels = [("phase", phase.to_owned())];
        self.phase_duration.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn searched(&self, timings: &Timings) {
        self.phase("decode", timings.decode);
        self.phase("embed", timings.embed);
        self.phase("search", timings.search);
    }

    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejections.get_or_create(&[("reason", reason.to_owned())]).inc();
    }

    pub(crate) fn thumbnail(&self, source: &'static str) {
        self.thumbnails.get_or_create(&[("source", source.to_owned())]).inc();
    }

    pub(crate) fn reloaded(&self, result: &'static str) {
        self.reloads.get_or_create(&[("result", result.to_owned())]).inc();
    }

    pub(crate) fn updated(&self, operation: &'static str, result: &'static str) {
        let labels = [("operation", operation.to_owned()), ("result", result.to_owned())];
        self.updates.get_or_create(&labels).inc();
    }

    pub(crate) fn set_index(&self, served: &ServedIndex) {
        let index = served.searcher.index();
        self.products.set(index.products_with_photos() as i64);
        self.photos.set(index.photos().len() as i64);
        self.created.set(index.created_at() as f64);
    }
}

/// Resident memory of this process on Linux (proc_pid_status(5)); unknown on other systems.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Adds one to a gauge for as long as it lives.
pub(crate) struct GaugeGuard(Gauge);

impl GaugeGuard {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
