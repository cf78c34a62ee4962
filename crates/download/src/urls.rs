//! URLs: of a hub's files, of redirects, and their origins.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::Uri;

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The URL of a hub's file. A revision is one segment, even with slashes.
pub(crate) fn resolve(endpoint: &str, repo: &str, revision: &str, file: &str) -> String {
    let file: Vec<_> = file.split('/').map(encode).collect();
    format!("{endpoint}/{repo}/resolve/{}/{}", encode(revision), file.join("/"))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The port, or the scheme's default.
pub(crate) fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or_else(|| match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    })
}

/// Whether both have the same scheme, host and port: a token is sent to its own origin only.
pub(crate) fn same_origin(one: &Uri, other: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.scheme() == other.scheme() && host(one) == host(other) && port(one) == port(other)
}

/// Host and port, for messages.
pub(crate) fn host(uri: &Uri) -> String {
    uri.authority().map_or_else(|| uri.to_string(), |authority| authority.as_str().to_owned())
}

/// Resolves a redirect's `location`, which may be relative, against `base`.
pub(crate) fn follow(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = base.scheme_str()?;
    let authority = base.authority()?.as_str();
    let absolute = if location.starts_with("http://") || location.starts_with("https://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.is_empty() || location.split('/').next()?.contains(':') {
        return None;
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let uri: Uri = absolute.parse().ok()?;
    uri.host().is_some_and(|host| !host.is_empty()).then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("an address")
    }

    #[test]
    fn names_are_encoded() {
        assert_eq!(
            resolve("http://hub", "a/b", "refs/pr/1", "on nx/ü.bin"),
            "http://hub/a/b/resolve/refs%2Fpr%2F1/on%20nx/%C3%BC.bin"
        );
    }

    #[test]
    fn locations_are_followed() {
        let base = uri("https://hub:8443/a/b?c=d");
        for (location, target) in [
            ("http://cdn/x?y=z#f", "http://cdn/x?y=z"),
            ("//cdn/x", "https://cdn/x"),
            ("/x", "https://hub:8443/x"),
            ("x", "https://hub:8443/a/x"),
        ] {
            assert_eq!(follow(&base, location), Some(uri(target)), "{location}");
        }
        for location in ["", "ftp://cdn/x", "file:/etc/passwd", "http://", "http:///x"] {
            assert_eq!(follow(&base, location), None, "{location}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(same_origin(&uri("https://hub/a"), &uri("https://HUB:443/b")));
        for other in ["http://hub/", "https://hub:444/", "https://hub.evil/", "https://evil/"] {
            assert!(!same_origin(&uri("https://hub/"), &uri(other)), "{other}");
        }
    }
}
