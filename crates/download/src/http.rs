//! HTTP requests: proxies, redirects, tokens, and which failures are transient.

use std::io;
use std::time::Duration;

use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, LOCATION, RETRY_AFTER};
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy, Timeout};

use crate::retry::Failure;
use crate::urls::{follow, host, same_origin};
use crate::{DownloadError, Settings};

/// How many redirects to follow.
const MAX_REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("lookalike/", env!("CARGO_PKG_VERSION"));

pub(crate) type Headers<'a> = &'a [(&'static str, String)];

/// The HTTP client.
pub(crate) struct Http {
    settings: Settings,
    direct: Agent,
    https: Route,
    http: Route,
}

enum Route {
    Direct,
    Proxy(Agent),
    /// A variable that is no address; an error of the first request that needs it.
    Invalid(&'static str),
}

impl Http {
    pub fn new(settings: &Settings) -> Self {
        let route = |name, proxy: &Option<String>| match proxy.as_deref().map(Proxy::new) {
            None => Route::Direct,
            Some(Ok(proxy)) => Route::Proxy(agent(settings, Some(proxy))),
            Some(Err(_)) => Route::Invalid(name),
        };
        Self {
            direct: agent(settings, None),
            https: route("HTTPS_PROXY", &settings.proxies.https),
            http: route("HTTP_PROXY", &settings.proxies.http),
            settings: settings.clone(),
        }
    }

    /// GET, following redirects.
    pub fn get(&self, url: &str, name: &str, headers: Headers) -> Result<Response<Body>, Failure> {
        self.get_checked(url, name, headers, &|_| Ok(()))
    }

    /// GET, following redirects, if each address passes a check.
    pub fn get_checked(
        &self,
        url: &str,
        name: &str,
        headers: Headers,
        check: &dyn Fn(&Uri) -> Result<(), Failure>,
    ) -> Result<Response<Body>, Failure> {
        let mut url = parse(url)?;
        for _ in 0..=MAX_REDIRECTS {
            check(&url)?;
            let response = self.once(Method::GET, &url, headers)?;
            match next_hop(&url, &response, name)? {
                None => return Ok(response),
                Some(next) => url = next,
            }
        }
        Err(too_many_redirects(&url, name))
    }

    /// The headers of a HEAD request. Follows redirects on the same origin only: where a hub redirects to another
    /// host, the redirect has the file's metadata.
    pub fn head(&self, url: &str, name: &str) -> Result<HeaderMap, Failure> {
        let mut url = parse(url)?;
        let mut collected = HeaderMap::new();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(Method::HEAD, &url, &[])?;
            let next = next_hop(&url, &response, name)?;
            // The hub's own headers may be those of the first of several responses.
            for (key, value) in response.headers() {
                if !(key.as_str().starts_with("x-") && collected.contains_key(key)) {
                    collected.insert(key.clone(), value.clone());
                }
            }
            match next {
                None => return Ok(collected),
                Some(next) if same_origin(&next, &url) => url = next,
                Some(_) => {
                    // It is the length of the redirect.
                    collected.remove(CONTENT_LENGTH);
                    return Ok(collected);
                }
            }
        }
        Err(too_many_redirects(&url, name))
    }

    /// One request, without redirects. Returns responses of 2xx, 3xx or 416.
    fn once(&self, method: Method, url: &Uri, headers: Headers) -> Result<Response<Body>, Failure> {
        let mut request = Request::builder().method(method).uri(url);
        for (key, value) in headers {
            request = request.header(*key, value);
        }
        if let Some(token) = self.token_for(url) {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(()).map_err(|error| bad_request(url, error.to_string()))?;
        let response =
            self.agent_for(url)?.run(request).map_err(|error| self.classify(error, url))?;
        match response.status().as_u16() {
            200..=399 | 416 => Ok(response),
            status @ (408 | 425 | 429 | 500..) => Err(Failure::Transient {
                reason: format!("{} answers {status}", host(url)),
                wait: retry_after(response.headers()),
            }),
            status => Err(Failure::Status { status, host: host(url) }),
        }
    }

    fn token_for(&self, url: &Uri) -> Option<&str> {
        let endpoint: Uri = self.settings.endpoint.parse().ok()?;
        self.settings.token.as_deref().filter(|_| same_origin(&endpoint, url))
    }

    fn agent_for(&self, url: &Uri) -> Result<&Agent, Failure> {
        let (route, value) = match url.scheme_str() {
            Some("https") => (&self.https, &self.settings.proxies.https),
            _ => (&self.http, &self.settings.proxies.http),
        };
        match route {
            Route::Proxy(agent) if !self.settings.proxies.bypassed(url) => Ok(agent),
            Route::Invalid(name) if !self.settings.proxies.bypassed(url) => {
                let advice = "set it to http://HOST:PORT or socks5://HOST:PORT, or unset it";
                let value = value.clone().unwrap_or_default();
                Err(DownloadError::BadSetting { name, value, advice }.into())
            }
            _ => Ok(&self.direct),
        }
    }

    /// The failure of an error of ureq.
    fn classify(&self, error: ureq::Error, url: &Uri) -> Failure {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, TimedOut, UnexpectedEof,
        };
        let host = host(url);
        let unreachable = |reason: String| Failure::Unreachable { host: host.clone(), reason };
        let certificate = |reason: String| {
            DownloadError::Certificate { host: host.clone(), reason: one_line(&reason) }.into()
        };
        match error {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                let seconds = self.settings.connect_timeout.as_secs_f32();
                unreachable(format!("no connection within {seconds} s"))
            }
            ureq::Error::Timeout(_) => Failure::transient(self.read_timed_out(&host)),
            ureq::Error::HostNotFound => unreachable("its name cannot be resolved".into()),
            ureq::Error::ConnectionFailed => unreachable("no connection".into()),
            ureq::Error::ConnectProxyFailed(reason) => unreachable(one_line(&reason)),
            // rustls's errors during the handshake.
            ureq::Error::Io(error) if error.kind() == InvalidData => certificate(error.to_string()),
            ureq::Error::Rustls(error) => certificate(error.to_string()),
            ureq::Error::Tls(reason) => certificate(reason.to_owned()),
            ureq::Error::Io(error) => match error.kind() {
                BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof => {
                    Failure::transient(format!("{host} cut the connection"))
                }
                _ => unreachable(one_line(&error.to_string())),
            },
            ureq::Error::Protocol(error) => {
                Failure::transient(one_line(&format!("{host} does not speak HTTP ({error})")))
            }
            other => bad_request(url, other.to_string()),
        }
    }

    /// The failure of an error while a body is read.
    pub fn interrupted(&self, error: io::Error, host: &str) -> Failure {
        match ureq::Error::from(error) {
            ureq::Error::Timeout(_) => Failure::transient(self.read_timed_out(host)),
            _ => Failure::transient(format!("{host} cut the connection")),
        }
    }

    fn read_timed_out(&self, host: &str) -> String {
        format!("{host} was silent for {} s", self.settings.read_timeout.as_secs_f32())
    }
}

fn agent(settings: &Settings, proxy: Option<Proxy>) -> Agent {
    let roots = if settings.platform_certificates {
        RootCerts::PlatformVerifier
    } else {
        RootCerts::WebPki
    };
    Agent::config_builder()
        .proxy(proxy)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(USER_AGENT)
        // Sizes and ranges are those of the file, not of a compressed one.
        .accept_encoding("identity")
        .timeout_resolve(Some(settings.connect_timeout))
        .timeout_connect(Some(settings.connect_timeout))
        .timeout_per_read(Some(settings.read_timeout))
        .timeout_per_write(Some(settings.read_timeout))
        .build()
        .new_agent()
}

fn parse(url: &str) -> Result<Uri, Failure> {
    url.parse().map_err(|_| {
        let reason = "it cannot be read as an address".to_owned();
        DownloadError::BadRequest { host: url.to_owned(), reason }.into()
    })
}

fn next_hop(url: &Uri, response: &Response<Body>, name: &str) -> Result<Option<Uri>, Failure> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let Some(next) = location.and_then(|location| follow(url, location)) else {
        return Err(bad_redirect(url, name, "a redirect that names no web address"));
    };
    if url.scheme_str() == Some("https") && next.scheme_str() == Some("http") {
        return Err(bad_redirect(url, name, "a redirect from https to http"));
    }
    Ok(Some(next))
}

fn too_many_redirects(url: &Uri, name: &str) -> Failure {
    bad_redirect(url, name, "more than 5 redirects")
}

fn bad_redirect(url: &Uri, name: &str, reason: &str) -> Failure {
    let (name, host, reason) = (name.to_owned(), host(url), reason.to_owned());
    DownloadError::Redirect { name, host, reason }.into()
}

fn bad_request(url: &Uri, reason: String) -> Failure {
    DownloadError::BadRequest { host: host(url), reason: one_line(&reason) }.into()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Seconds. The header may be a date, too; then the usual wait applies.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_may_upgrade_to_https_but_not_downgrade() {
        let hop = |from: &str, to: &str| {
            let body = Body::builder().data("");
            let response = Response::builder().status(302).header(LOCATION, to).body(body);
            next_hop(&from.parse().expect("an address"), &response.expect("a response"), "file")
        };
        assert!(matches!(hop("http://hub/", "https://store/"), Ok(Some(_))));
        assert!(matches!(hop("https://hub/", "https://store/"), Ok(Some(_))));
        let lost = hop("https://hub/", "http://store/");
        assert!(matches!(lost, Err(Failure::Final(DownloadError::Redirect { .. }))));
    }
}
