//! What Prometheus is told.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use lookalike_engine::Timings;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::served::Served;

/// Upper bounds of the histograms' buckets, in seconds.
const SECONDS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

type Labels<const N: usize> = [(&'static str, String); N];
type Histograms<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    seconds: Histograms<1>,
    stages: Histograms<1>,
    rejections: Family<Labels<1>, Counter>,
    thumbnails: Family<Labels<1>, Counter>,
    reloads: Family<Labels<1>, Counter>,
    changes: Family<Labels<2>, Counter>,
    products: Gauge,
    photos: Gauge,
    built: Gauge<f64, AtomicU64>,
    /// Requests that have a place: being read, waiting or worked on.
    pub(crate) in_flight: Gauge,
    /// Requests that wait for their turn.
    pub(crate) waiting: Gauge,
    /// Requests that are to be refused unless a place becomes free.
    pub(crate) held: Gauge,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Memory that thumbnails take.
    pub(crate) thumbnail_bytes: Gauge,
    /// Memory that the process takes.
    memory: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("lookalike"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            stages: Family::new_with_constructor(histogram),
            rejections: Family::default(),
            thumbnails: Family::default(),
            reloads: Family::default(),
            changes: Family::default(),
            products: Gauge::default(),
            photos: Gauge::default(),
            built: Gauge::default(),
            in_flight: Gauge::default(),
            waiting: Gauge::default(),
            held: Gauge::default(),
            connections: Gauge::default(),
            thumbnail_bytes: Gauge::default(),
            memory: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("requests", "Requests answered", self.requests.clone());
        let unit = || Unit::Seconds;
        r.register_with_unit("request", "Time to an answer", unit(), self.seconds.clone());
        let help = "Time of the parts of a search: read, wait, decode, embed, search";
        r.register_with_unit("stage", help, unit(), self.stages.clone());
        let help = "Requests turned away: busy, wait, rate, token, size";
        r.register("rejections", help, self.rejections.clone());
        r.register("thumbnails", "Thumbnails asked for", self.thumbnails.clone());
        r.register("reloads", "Times the index was to be loaded again", self.reloads.clone());
        let help = "Times the index was to be changed over HTTP";
        r.register("changes", help, self.changes.clone());
        r.register("index_products", "Products that can be found", self.products.clone());
        r.register("index_photos", "Photos in the index", self.photos.clone());
        let help = "When the index was built, in seconds since 1970";
        r.register("index_built_timestamp", help, self.built.clone());
        let help = "Searches read, waiting or worked on";
        r.register("searches_in_flight", help, self.in_flight.clone());
        r.register("searches_waiting", "Searches waiting for a core", self.waiting.clone());
        let help = "Searches held before they are refused";
        r.register("searches_held", help, self.held.clone());
        r.register("connections", "Open connections", self.connections.clone());
        let help = "Memory of cached thumbnails";
        r.register_with_unit("thumbnail_cache", help, Unit::Bytes, self.thumbnail_bytes.clone());
        // A figure that is not known is left out: 0 would be wrong.
        if resident_bytes().is_some() {
            let help = "Memory that the process has in use, as the system counts it";
            r.register_with_unit("resident_memory", help, Unit::Bytes, self.memory.clone());
        }
    }

    /// The metrics as text.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        if let Some(bytes) = resident_bytes() {
            self.memory.set(bytes);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.to_string()),
        ];
        self.requests.get_or_create(&labels).inc();
        let labels = [("route", route.to_owned())];
        self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn stage(&self, stage: &'static str, took: Duration) {
        self.stages.get_or_create(&[("stage", stage.to_owned())]).observe(took.as_secs_f64());
    }

    pub(crate) fn detected(&self, took: Duration) {
        self.stage("detect", took);
    }

    pub(crate) fn searched(&self, timings: &Timings) {
        self.stage("decode", timings.decode);
        self.stage("embed", timings.embed);
        self.stage("search", timings.search);
    }

    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejections.get_or_create(&[("reason", reason.to_owned())]).inc();
    }

    pub(crate) fn thumbnail(&self, from: &'static str) {
        self.thumbnails.get_or_create(&[("from", from.to_owned())]).inc();
    }

    pub(crate) fn reloaded(&self, result: &'static str) {
        self.reloads.get_or_create(&[("result", result.to_owned())]).inc();
    }

    pub(crate) fn changed(&self, change: &'static str, result: &'static str) {
        let labels = [("change", change.to_owned()), ("result", result.to_owned())];
        self.changes.get_or_create(&labels).inc();
    }

    pub(crate) fn serves(&self, served: &Served) {
        let index = served.searcher.index();
        self.products.set(index.products_shown() as i64);
        self.photos.set(index.photos().len() as i64);
        self.built.set(index.created() as f64);
    }
}

/// What Linux says of this process (proc_pid_status(5)); unknown elsewhere.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// One more for as long as it lives.
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
