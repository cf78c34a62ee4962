//! A connection to Qdrant: requests with retries, and what its errors mean.

use lookalike_vectors::RemoteError;
use qdrant_client::{Qdrant, QdrantError};
use tonic::Code;

use crate::OpenError;
use crate::address::Address;
use crate::retry::{CONNECT_TIMEOUT, Failure, REQUEST_TIMEOUT, with_retries};
use crate::runtime::BlockingRuntime;

pub(super) struct Connection {
    pub(super) client: Qdrant,
    /// The address, without secrets.
    pub(super) name: String,
    runtime: BlockingRuntime,
}

impl Connection {
    pub(super) fn open(address: &Address) -> Result<Self, OpenError> {
        let scheme = if address.scheme == "qdrants" { "https" } else { "http" };
        let key = std::env::var("QDRANT_API_KEY").ok();
        let client = Qdrant::from_url(&format!("{scheme}://{}", address.authority))
            .api_key(key)
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .skip_compatibility_check()
            .build()
            .map_err(|error| OpenError::Address(error.to_string()))?;
        let name = address.without_secrets();
        let unreachable = |error: std::io::Error| RemoteError::Unreachable {
            store: name.clone(),
            reason: error.to_string(),
        };
        let runtime = BlockingRuntime::new().map_err(unreachable)?;
        Ok(Self { client, name, runtime })
    }

    /// Makes a request, with retries.
    pub(super) fn call<T: Send, F>(
        &self,
        request: impl Fn() -> F + Send + Sync,
    ) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, QdrantError>> + Send,
    {
        let request = &request;
        let attempt = move |_| async move { request().await.map_err(|error| self.failed(error)) };
        self.runtime.block_on(with_retries(attempt)).unwrap_or_else(|| {
            let reason = "its thread has ended".to_owned();
            Err(RemoteError::Unreachable { store: self.name.clone(), reason })
        })
    }

    fn failed(&self, error: QdrantError) -> Failure {
        let store = self.name.clone();
        let status = match error {
            QdrantError::ResponseError { status }
            | QdrantError::ResourceExhaustedError { status, .. } => status,
            other => {
                let error = RemoteError::Refused { store, reason: other.to_string() };
                return Failure { error, is_transient: false };
            }
        };
        // Where nobody listens, the client's message ends with the debug output of a structure.
        let (reason, is_transport) = match status.message().split_once(": tonic::transport") {
            Some((reason, _)) => (reason.to_owned(), true),
            None => (status.message().to_owned(), false),
        };
        let error = match status.code() {
            _ if is_transport => RemoteError::Unreachable { store, reason },
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => {
                RemoteError::Unreachable { store, reason }
            }
            Code::Unauthenticated | Code::PermissionDenied => RemoteError::Refused {
                store,
                reason: format!("{reason}: set QDRANT_API_KEY to a key that may do this"),
            },
            _ => RemoteError::Refused { store, reason },
        };
        let transient = [
            Code::Unavailable,
            Code::DeadlineExceeded,
            Code::Cancelled,
            Code::Aborted,
            Code::ResourceExhausted,
        ];
        Failure { error, is_transient: is_transport || transient.contains(&status.code()) }
    }
}
