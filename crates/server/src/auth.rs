//! Bearer tokens (RFC 6750), compared in constant time.

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// SHA-256 checksums of the tokens. All have the same length and are compared in constant time, so that the
/// time of a refusal says nothing about a token.
pub(crate) struct BearerTokens {
    read: Option<[u8; 32]>,
    admin: Option<[u8; 32]>,
}

impl BearerTokens {
    pub(crate) fn new(read: Option<&str>, admin: Option<&str>) -> Self {
        Self { read: read.map(checksum), admin: admin.map(checksum) }
    }

    /// Whether searching needs a token.
    pub(crate) fn has_read(&self) -> bool {
        self.read.is_some()
    }

    /// Whether there is administration over HTTP.
    pub(crate) fn has_admin(&self) -> bool {
        self.admin.is_some()
    }

    /// Whether a request may search: with the read token, the admin token, or without any where none is set.
    pub(crate) fn allows_read(&self, headers: &HeaderMap) -> bool {
        let Some(read) = &self.read else { return true };
        let sent = sent_checksum(headers);
        // Both are compared, whatever the first comparison says.
        is_same(&sent, Some(read)) | is_same(&sent, self.admin.as_ref())
    }

    /// Whether a request may administer.
    pub(crate) fn allows_admin(&self, headers: &HeaderMap) -> bool {
        is_same(&sent_checksum(headers), self.admin.as_ref())
    }
}

fn checksum(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Checksum of the token in `Authorization: Bearer`; of an empty one where there is none.
fn sent_checksum(headers: &HeaderMap) -> [u8; 32] {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    checksum(token.unwrap_or_default())
}

fn is_same(sent: &[u8; 32], expected: Option<&[u8; 32]>) -> bool {
    expected.is_some_and(|expected| sent.ct_eq(expected).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
        headers
    }

    #[test]
    fn reading_and_administering_are_apart() {
        let tokens = BearerTokens::new(Some("read"), Some("admin"));
        assert!(tokens.allows_read(&headers("Bearer read")));
        assert!(tokens.allows_read(&headers("bearer admin")), "administrators may search");
        assert!(!tokens.allows_admin(&headers("Bearer read")));
        assert!(tokens.allows_admin(&headers("Bearer admin")));
        for wrong in ["Basic read", "read", "Bearer", "Bearer rea", "Bearer readd"] {
            assert!(!tokens.allows_read(&headers(wrong)), "{wrong}");
        }
        assert!(!tokens.allows_read(&HeaderMap::new()));
    }

    #[test]
    fn without_tokens_all_may_read_and_nobody_administer() {
        let tokens = BearerTokens::new(None, None);
        assert!(tokens.allows_read(&HeaderMap::new()));
        assert!(!tokens.allows_admin(&HeaderMap::new()));
        assert!(!tokens.allows_admin(&headers("Bearer ")));
    }
}
