//! The arguments of `lookalike serve`: flags override environment variables, which override a TOML file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use lookalike_server::{Limits, LogFormat, Rate, RateLimit, Settings, TakeFeedback};
use serde::Deserialize;

use crate::args::shared::{IndexLocationArgs, ModelArgs, StoreArgs};
use crate::error::WrongUsage;

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// A TOML file with any of the settings below, named as their flags, with underscores
    #[arg(long, value_name = "FILE", env = "LOOKALIKE_SERVE_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    model: ModelArgs,
}

/// The settings that a flag, an environment variable or the file may set.
#[derive(Args, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Options {
    /// The folder of the index [default: index]
    #[arg(long, value_name = "FOLDER", env = "LOOKALIKE_SERVE_INDEX")]
    index: Option<PathBuf>,
    /// The vector store that holds the index instead of the folder, see `lookalike index build --help`; the
    /// folder then holds photos that are added over HTTP
    #[arg(long, value_name = "ADDRESS", env = "LOOKALIKE_STORE", hide_env_values = true)]
    store: Option<String>,
    /// An object detector: a PicoDet or a YOLOX in an ONNX file; its boxes are added to those from the
    /// activation map of the index's network
    #[arg(long, value_name = "FILE", env = "LOOKALIKE_DETECTOR")]
    detector: Option<PathBuf>,
    /// The host name or IP address and the port to listen on; port 0 takes a free one [default:
    /// 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "LOOKALIKE_SERVE_ADDR")]
    addr: Option<String>,
    /// The bearer token that clients must send [default: none, everybody may search]
    ///
    /// Set it in the environment: other users of the machine see a process's flags.
    #[arg(long, value_name = "TOKEN", env = "LOOKALIKE_SERVE_READ_TOKEN", hide_env_values = true)]
    read_token: Option<String>,
    /// The bearer token that operators must send [default: none, and no admin routes]
    #[arg(long, value_name = "TOKEN", env = "LOOKALIKE_SERVE_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// Origins that browsers may send requests from (CORS), separated by commas: <https://shop.example>, or *
    #[arg(long, value_name = "ORIGINS", env = "LOOKALIKE_SERVE_CORS", value_delimiter = ',')]
    cors: Option<Vec<String>>,
    /// Searches per second and client, refilling its token bucket; 0 for no limit [default: 5; no limit where
    /// only this machine can connect, without --behind-proxy]
    #[arg(long, value_name = "N", env = "LOOKALIKE_SERVE_RATE")]
    rate: Option<f64>,
    /// Size of a client's token bucket: searches it may make at once [default: 4 times the rate]
    #[arg(long, value_name = "N", env = "LOOKALIKE_SERVE_BURST")]
    burst: Option<f64>,
    /// Take the last address in X-Forwarded-For for the client's; use it only behind a proxy of your own
    #[arg(long, value_name = "BOOL", env = "LOOKALIKE_SERVE_BEHIND_PROXY", num_args = 0..=1, default_missing_value = "true")]
    behind_proxy: Option<bool>,
    /// Take feedback on answers (`POST /v1/feedback`), and write it to the index's folder for `lookalike index calibrate
    /// --feedback`; no photo is kept
    #[arg(long, value_name = "BOOL", env = "LOOKALIKE_SERVE_FEEDBACK", num_args = 0..=1, default_missing_value = "true")]
    feedback: Option<bool>,
    /// Take feedback, and keep the photos that it is on, in the folder `feedback` of the index's
    #[arg(long, value_name = "BOOL", env = "LOOKALIKE_SERVE_FEEDBACK_PHOTOS", num_args = 0..=1, default_missing_value = "true")]
    feedback_photos: Option<bool>,
    /// Largest photo, in MiB [default: 24]
    #[arg(long, alias = "photo-mib", value_name = "N", env = "LOOKALIKE_SERVE_MAX_PHOTO_MIB")]
    #[serde(alias = "photo_mib")]
    max_photo_mib: Option<u32>,
    /// Largest request body, of several photos or in base64, in MiB [default: 48]
    #[arg(long, alias = "body-mib", value_name = "N", env = "LOOKALIKE_SERVE_MAX_BODY_MIB")]
    #[serde(alias = "body_mib")]
    max_body_mib: Option<u32>,
    /// Largest photo, in megapixels; decoding takes up to 12 bytes per pixel [default: 50]
    #[arg(long, alias = "megapixels", value_name = "N", env = "LOOKALIKE_SERVE_MAX_MEGAPIXELS")]
    #[serde(alias = "megapixels")]
    max_megapixels: Option<u32>,
    /// Largest number of photos in a request [default: 8]
    #[arg(long, alias = "photos", value_name = "N", env = "LOOKALIKE_SERVE_MAX_PHOTOS")]
    #[serde(alias = "photos")]
    max_photos: Option<usize>,
    /// Largest number of requests in flight or queued; more are refused with Retry-After [default: 32]
    #[arg(long, alias = "requests", value_name = "N", env = "LOOKALIKE_SERVE_MAX_REQUESTS")]
    #[serde(alias = "requests")]
    max_requests: Option<usize>,
    /// Longest delay before a request is refused, in seconds: slows clients that retry at once [default: 1]
    #[arg(
        long,
        alias = "hold-seconds",
        value_name = "N",
        env = "LOOKALIKE_SERVE_REFUSAL_DELAY_SECONDS"
    )]
    #[serde(alias = "hold_seconds")]
    refusal_delay_seconds: Option<u32>,
    /// Concurrent searches [default: number of cores]
    #[arg(long, alias = "searches", value_name = "N", env = "LOOKALIKE_SERVE_SEARCH_WORKERS")]
    #[serde(alias = "searches")]
    search_workers: Option<usize>,
    /// Concurrent connections [default: 512]
    #[arg(long, alias = "connections", value_name = "N", env = "LOOKALIKE_SERVE_MAX_CONNECTIONS")]
    #[serde(alias = "connections")]
    max_connections: Option<usize>,
    /// Largest number of products in an answer [default: 100]
    #[arg(long, alias = "most", value_name = "N", env = "LOOKALIKE_SERVE_MAX_RESULTS")]
    #[serde(alias = "most")]
    max_results: Option<usize>,
    /// Timeout of a request's body, in seconds [default: 30]
    #[arg(
        long,
        alias = "upload-seconds",
        value_name = "N",
        env = "LOOKALIKE_SERVE_UPLOAD_TIMEOUT_SECONDS"
    )]
    #[serde(alias = "upload_seconds")]
    upload_timeout_seconds: Option<u32>,
    /// Timeout of a request's headers, and of an idle connection, in seconds [default: 10]
    #[arg(
        long,
        alias = "head-seconds",
        value_name = "N",
        env = "LOOKALIKE_SERVE_HEADER_TIMEOUT_SECONDS"
    )]
    #[serde(alias = "head_seconds")]
    header_timeout_seconds: Option<u32>,
    /// Longest time in the queue for a search, in seconds [default: 10]
    #[arg(
        long,
        alias = "wait-seconds",
        value_name = "N",
        env = "LOOKALIKE_SERVE_QUEUE_TIMEOUT_SECONDS"
    )]
    #[serde(alias = "wait_seconds")]
    queue_timeout_seconds: Option<u32>,
    /// Size of the thumbnail cache, in MiB [default: 32]
    #[arg(
        long,
        alias = "thumbnail-mib",
        value_name = "N",
        env = "LOOKALIKE_SERVE_THUMBNAIL_CACHE_MIB"
    )]
    #[serde(alias = "thumbnail_mib")]
    thumbnail_cache_mib: Option<u32>,
    /// Format of the log on standard error: text or json [default: text]
    #[arg(long, value_name = "FORMAT", env = "LOOKALIKE_SERVE_LOG_FORMAT")]
    log_format: Option<String>,
    /// Level of the log: off, error, warn, info (every request) or debug [default: warn]
    #[arg(long, value_name = "LEVEL", env = "LOOKALIKE_SERVE_LOG")]
    log: Option<String>,
}

/// A server's settings, from flags, environment and file.
pub(crate) struct Serving {
    pub(crate) location: IndexLocationArgs,
    pub(crate) model: ModelArgs,
    pub(crate) detector: Option<PathBuf>,
    pub(crate) log: (LogFormat, String),
    pub(crate) settings: Settings,
}

impl ServeArgs {
    pub(crate) fn resolve(self) -> anyhow::Result<Serving> {
        let file = self.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let options = self.options.or(renamed(&|name| std::env::var(name).ok())?).or(file);
        let format = options.log_format.as_deref().unwrap_or("text").parse();
        let level = options.log.clone().unwrap_or_else(|| "warn".to_owned());
        Ok(Serving {
            location: IndexLocationArgs {
                index: options.index.clone().unwrap_or_else(|| "index".into()),
                store: StoreArgs { store: options.store.clone() },
            },
            model: self.model,
            detector: options.detector.clone(),
            log: (format.map_err(anyhow::Error::msg)?, level),
            settings: options.settings(),
        })
    }
}

/// Settings from environment variables by their former names.
fn renamed(variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Options> {
    let number = |name: &str| {
        let parse = |value: String| {
            value.parse::<u32>().map_err(|_| WrongUsage(format!("{name}: '{value}' is no number")))
        };
        variable(name).filter(|value| !value.is_empty()).map(parse).transpose()
    };
    let count = |name: &str| number(name).map(|number| number.map(|number| number as usize));
    Ok(Options {
        max_photo_mib: number("LOOKALIKE_SERVE_PHOTO_MIB")?,
        max_body_mib: number("LOOKALIKE_SERVE_BODY_MIB")?,
        max_megapixels: number("LOOKALIKE_SERVE_MEGAPIXELS")?,
        max_photos: count("LOOKALIKE_SERVE_PHOTOS")?,
        max_requests: count("LOOKALIKE_SERVE_REQUESTS")?,
        refusal_delay_seconds: number("LOOKALIKE_SERVE_HOLD_SECONDS")?,
        search_workers: count("LOOKALIKE_SERVE_SEARCHES")?,
        max_connections: count("LOOKALIKE_SERVE_CONNECTIONS")?,
        max_results: count("LOOKALIKE_SERVE_MOST")?,
        upload_timeout_seconds: number("LOOKALIKE_SERVE_UPLOAD_SECONDS")?,
        header_timeout_seconds: number("LOOKALIKE_SERVE_HEAD_SECONDS")?,
        queue_timeout_seconds: number("LOOKALIKE_SERVE_WAIT_SECONDS")?,
        thumbnail_cache_mib: number("LOOKALIKE_SERVE_THUMBNAIL_MIB")?,
        ..Options::default()
    })
}

fn read(file: &Path) -> anyhow::Result<Options> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        WrongUsage(format!("{name}, line {line}: {}", error.message())).into()
    })
}

impl Options {
    /// These settings, and those of `other` where these are not set.
    fn or(self, other: Self) -> Self {
        Self {
            index: self.index.or(other.index),
            store: self.store.or(other.store),
            detector: self.detector.or(other.detector),
            addr: self.addr.or(other.addr),
            read_token: self.read_token.or(other.read_token),
            admin_token: self.admin_token.or(other.admin_token),
            cors: self.cors.or(other.cors),
            rate: self.rate.or(other.rate),
            burst: self.burst.or(other.burst),
            behind_proxy: self.behind_proxy.or(other.behind_proxy),
            feedback: self.feedback.or(other.feedback),
            feedback_photos: self.feedback_photos.or(other.feedback_photos),
            max_photo_mib: self.max_photo_mib.or(other.max_photo_mib),
            max_body_mib: self.max_body_mib.or(other.max_body_mib),
            max_megapixels: self.max_megapixels.or(other.max_megapixels),
            max_photos: self.max_photos.or(other.max_photos),
            max_requests: self.max_requests.or(other.max_requests),
            refusal_delay_seconds: self.refusal_delay_seconds.or(other.refusal_delay_seconds),
            search_workers: self.search_workers.or(other.search_workers),
            max_connections: self.max_connections.or(other.max_connections),
            max_results: self.max_results.or(other.max_results),
            upload_timeout_seconds: self.upload_timeout_seconds.or(other.upload_timeout_seconds),
            header_timeout_seconds: self.header_timeout_seconds.or(other.header_timeout_seconds),
            queue_timeout_seconds: self.queue_timeout_seconds.or(other.queue_timeout_seconds),
            thumbnail_cache_mib: self.thumbnail_cache_mib.or(other.thumbnail_cache_mib),
            log_format: self.log_format.or(other.log_format),
            log: self.log.or(other.log),
        }
    }

    fn settings(self) -> Settings {
        let usual = Settings::default();
        let limits = Limits::default();
        let mib = |size: Option<u32>, usual| size.map_or(usual, |mib| (mib as usize) << 20);
        let seconds = |time: Option<u32>, usual| {
            time.map_or(usual, |seconds| Duration::from_secs(u64::from(seconds)))
        };
        let megapixels = |number: u32| u64::from(number) * 1_000_000;
        let rate_limit = match (self.rate, self.burst) {
            (Some(0.0), _) => RateLimit::Off,
            (None, None) => RateLimit::Auto,
            (rate, burst) => {
                let per_second = rate.unwrap_or(Rate::default().per_second);
                let burst = burst.unwrap_or((4.0 * per_second).max(1.0));
                RateLimit::PerClient(Rate { per_second, burst })
            }
        };
        // An empty variable is a setting that was taken back.
        let token = |token: Option<String>| token.filter(|token| !token.is_empty());
        let origins = self.cors.unwrap_or_default();
        Settings {
            addr: self.addr.unwrap_or(usual.addr),
            read_token: token(self.read_token),
            admin_token: token(self.admin_token),
            cors_origins: origins.into_iter().filter(|origin| !origin.is_empty()).collect(),
            rate_limit,
            behind_proxy: self.behind_proxy.unwrap_or(usual.behind_proxy),
            feedback: match (self.feedback, self.feedback_photos) {
                (_, Some(true)) => TakeFeedback::AnswersAndPhotos,
                (Some(true), _) => TakeFeedback::Answers,
                _ => TakeFeedback::No,
            },
            limits: Limits {
                max_photo_bytes: mib(self.max_photo_mib, limits.max_photo_bytes),
                max_body_bytes: mib(self.max_body_mib, limits.max_body_bytes),
                max_photo_pixels: self.max_megapixels.map_or(limits.max_photo_pixels, megapixels),
                max_photos: self.max_photos.unwrap_or(limits.max_photos),
                upload_timeout: seconds(self.upload_timeout_seconds, limits.upload_timeout),
                header_timeout: seconds(self.header_timeout_seconds, limits.header_timeout),
                queue_timeout: seconds(self.queue_timeout_seconds, limits.queue_timeout),
                max_requests: self.max_requests.unwrap_or(limits.max_requests),
                refusal_delay: seconds(self.refusal_delay_seconds, limits.refusal_delay),
                search_workers: self.search_workers.unwrap_or(limits.search_workers),
                max_connections: self.max_connections.unwrap_or(limits.max_connections),
                max_results: self.max_results.unwrap_or(limits.max_results),
                thumbnail_cache_bytes: mib(self.thumbnail_cache_mib, limits.thumbnail_cache_bytes),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearer_wins() {
        let flags = Options { rate: Some(2.0), ..Options::default() };
        let file: Options = toml::from_str("rate = 7.5\naddr = 'localhost:0'\nmax_photo_mib = 3")
            .expect("settings");
        let settings = flags.or(file).settings();
        let rate = Rate { per_second: 2.0, burst: 8.0 };
        assert_eq!(settings.rate_limit, RateLimit::PerClient(rate));
        assert_eq!(settings.addr, "localhost:0");
        assert_eq!(settings.limits.max_photo_bytes, 3 << 20);
        assert_eq!(settings.limits.max_requests, Limits::default().max_requests);
    }

    #[test]
    fn former_names_still_count() {
        let file: Options = toml::from_str("most = 7\nphoto_mib = 3").expect("settings");
        assert_eq!((file.max_results, file.max_photo_mib), (Some(7), Some(3)));
        let variable = |name: &str| (name == "LOOKALIKE_SERVE_MOST").then(|| "8".to_owned());
        assert_eq!(renamed(&variable).expect("a number").max_results, Some(8));
        assert!(renamed(&|_| Some("many".to_owned())).is_err());
    }

    #[test]
    fn what_is_misspelt_is_told_with_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("serve.toml");
        std::fs::write(&file, "rate = 1.0\nadress = 'x'\n").expect("a file");
        let error = read(&file).err().expect("refused").to_string();
        assert!(error.contains("line 2") && error.contains("adress"), "{error}");
    }
}
