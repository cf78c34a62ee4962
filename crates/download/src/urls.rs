//! Addresses: putting them together and following them.

use ureq::http::Uri;

/// The address of a hub's file. A revision is one segment, whatever it holds.
pub(crate) fn resolve(endpoint: &str, repo: &str, revision: &str, file: &str) -> String {
    let file: Vec<_> = file.split('/').map(encode).collect();
    format!("{endpoint}/{repo}/resolve/{}/{}", encode(revision), file.join("/"))
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Port, also where the address leaves it out.
pub(crate) fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or_else(|| match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    })
}

/// Whether both are the same scheme, host and port, which is who may see a token.
pub(crate) fn same_origin(one: &Uri, other: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.scheme() == other.scheme() && host(one) == host(other) && port(one) == port(other)
}

/// Host and port for a message.
pub(crate) fn host(uri: &Uri) -> String {
    uri.authority().map_or_else(|| uri.to_string(), |authority| authority.as_str().to_owned())
}

/// Where `location`, which may be relative, leads from `base`.
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
