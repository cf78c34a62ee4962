//! Who may do what: bearer tokens (RFC 6750).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::Problem;
use crate::state::Shared;

/// The checksums of the tokens. Checksums have one length, and comparing them takes one time, so that
/// how long a refusal takes says nothing about a token.
pub(crate) struct Access {
    read: Option<[u8; 32]>,
    admin: Option<[u8; 32]>,
}

impl Access {
    pub(crate) fn new(read: Option<&str>, admin: Option<&str>) -> Self {
        Self { read: read.map(checksum), admin: admin.map(checksum) }
    }

    pub(crate) fn needs_token(&self) -> bool {
        self.read.is_some()
    }

    pub(crate) fn has_admin(&self) -> bool {
        self.admin.is_some()
    }

    fn may_read(&self, headers: &HeaderMap) -> bool {
        let Some(read) = &self.read else { return true };
        let shown = shown(headers);
        // Both are compared, whatever the first one says.
        same(&shown, Some(read)) | same(&shown, self.admin.as_ref())
    }

    fn may_administer(&self, headers: &HeaderMap) -> bool {
        same(&shown(headers), self.admin.as_ref())
    }
}

fn checksum(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn shown(headers: &HeaderMap) -> [u8; 32] {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    checksum(token.unwrap_or_default())
}

fn same(shown: &[u8; 32], wanted: Option<&[u8; 32]>) -> bool {
    wanted.is_some_and(|wanted| shown.ct_eq(wanted).into())
}

/// Lets through who may search.
pub(crate) async fn reading(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if shared.access.may_read(request.headers()) {
        return Ok(next.run(request).await);
    }
    Err(refused(&shared, "this needs a token: send it as `Authorization: Bearer TOKEN`"))
}

/// Lets through who may administer.
pub(crate) async fn administering(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if shared.access.may_administer(request.headers()) {
        return Ok(next.run(request).await);
    }
    Err(refused(&shared, "this needs the admin token: send it as `Authorization: Bearer TOKEN`"))
}

fn refused(shared: &Shared, detail: &'static str) -> Problem {
    shared.metrics.rejected("token");
    Problem::new(StatusCode::UNAUTHORIZED, detail)
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
        let access = Access::new(Some("read"), Some("admin"));
        assert!(access.may_read(&headers("Bearer read")));
        assert!(access.may_read(&headers("bearer admin")), "who may reload may search");
        assert!(!access.may_administer(&headers("Bearer read")));
        assert!(access.may_administer(&headers("Bearer admin")));
        for wrong in ["Basic read", "read", "Bearer", "Bearer rea", "Bearer readd"] {
            assert!(!access.may_read(&headers(wrong)), "{wrong}");
        }
        assert!(!access.may_read(&HeaderMap::new()));
    }

    #[test]
    fn without_tokens_all_may_read_and_nobody_administer() {
        let access = Access::new(None, None);
        assert!(access.may_read(&HeaderMap::new()));
        assert!(!access.may_administer(&HeaderMap::new()));
        assert!(!access.may_administer(&headers("Bearer ")));
    }
}
