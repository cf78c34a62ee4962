//! The proxy of a request, from the environment variables as curl and Python read them.
//!
//! ureq would take the first of `ALL_PROXY`, `HTTPS_PROXY` and `HTTP_PROXY` for every request, and match `NO_PROXY`
//! by whole names only.

use ureq::http::Uri;

/// The proxy variables.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For `https` addresses: `HTTPS_PROXY`, else `ALL_PROXY`.
    pub https: Option<String>,
    /// For `http` addresses: `HTTP_PROXY`, else `ALL_PROXY`.
    pub http: Option<String>,
    /// Hosts without a proxy, separated by commas: names, with their subdomains, or addresses, each with an
    /// optional `:PORT`, or `*` (`NO_PROXY`).
    pub none: String,
}

impl Proxies {
    /// Reads the variables, in upper or lower case.
    pub(crate) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| lookup(name).or_else(|| lookup(&name.to_ascii_lowercase()));
        let all = either("ALL_PROXY");
        Self {
            https: either("HTTPS_PROXY").or_else(|| all.clone()),
            http: either("HTTP_PROXY").or(all),
            none: either("NO_PROXY").unwrap_or_default(),
        }
    }

    /// Whether a host is reached without a proxy.
    pub(crate) fn bypassed(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let port = crate::urls::port(uri);
        self.none.split(',').any(|entry| {
            let entry = entry.trim().to_ascii_lowercase();
            let (name, of_port) = match entry.rsplit_once(':') {
                // An IPv6 address has colons of its own.
                Some((name, digits)) if !name.contains(':') || name.ends_with(']') => {
                    (name, digits.parse().ok())
                }
                _ => (entry.as_str(), None),
            };
            let name =
                name.trim_matches(['[', ']']).trim_start_matches("*.").trim_start_matches('.');
            let is_subdomain = || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
            let matches = name == "*" || (!name.is_empty() && (host == name || is_subdomain()));
            matches && of_port.is_none_or(|of_port: u16| Some(of_port) == port)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from_lookup(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_scheme_has_its_proxy_with_all_proxy_as_fallback() {
        let proxies = read(&[("ALL_PROXY", "a"), ("https_proxy", "s")]);
        assert_eq!((proxies.https.as_deref(), proxies.http.as_deref()), (Some("s"), Some("a")));
        let proxies = read(&[("HTTP_PROXY", "h")]);
        assert_eq!((proxies.https.as_deref(), proxies.http.as_deref()), (None, Some("h")));
    }

    #[test]
    fn hosts_are_excepted_as_curl_excepts_them() {
        let bypassed = |none: &str, url: &str| {
            let proxies = Proxies { none: none.into(), ..Proxies::default() };
            proxies.bypassed(&url.parse().expect("an address"))
        };
        assert!(bypassed("*", "https://any.where/"));
        assert!(bypassed("other, huggingface.co", "https://huggingface.co/x"));
        assert!(bypassed("huggingface.co", "https://cdn.HuggingFace.co/x"));
        assert!(bypassed(".huggingface.co", "https://cdn.huggingface.co/x"));
        assert!(bypassed("*.huggingface.co", "https://cdn.huggingface.co/x"));
        assert!(bypassed("127.0.0.1:8080", "http://127.0.0.1:8080/"));
        assert!(bypassed("::1", "http://[::1]:8080/"));
        assert!(bypassed("huggingface.co:443", "https://huggingface.co/"));
        assert!(!bypassed("", "https://huggingface.co/"));
        assert!(!bypassed("face.co", "https://huggingface.co/"));
        assert!(!bypassed("huggingface.co:80", "https://huggingface.co/"));
        assert!(!bypassed("127.0.0.1", "http://127.0.0.11/"));
    }
}
