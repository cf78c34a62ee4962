//! Remote stores: PostgreSQL with pgvector, and Qdrant.
//!
//! ```no_run
//! let store = lookalike_stores::open("postgres://lookalike@db.example/shop?index=chairs")?;
//! println!("{}", store.name());
//! # Ok::<(), lookalike_stores::OpenError>(())
//! ```

mod address;
mod postgres;
mod qdrant;
mod retry;
mod runtime;
mod tls;

use std::sync::Arc;

use lookalike_vectors::{RemoteError, RemoteStore};

use address::Address;
use postgres::Postgres;
use qdrant::QdrantStore;

/// Why a store cannot be opened. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not the address of a store.
    #[error(
        "'{0}' is not the address of a store: postgres://USER:PASSWORD@HOST/DATABASE or \
         qdrant://HOST:6334/COLLECTION"
    )]
    NotAnAddress(String),
    /// A part of an address is invalid.
    #[error("the store's address: {0}")]
    Address(String),
    /// The store refused.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// Opens the store that an address names. It connects at the first use.
///
/// | address | what |
/// | --- | --- |
/// | `postgres://user:password@host:5432/database` | a PostgreSQL address, with tokio-postgres's parameters |
/// | `...?index=chairs` | one of several indexes in a database; default `lookalike` |
/// | `qdrant://host:6334/collection` | Qdrant's gRPC port; `qdrants://` for TLS |
/// | `...?shards=6&replicas=2` | of new collections; default 1 and 1 |
/// | `...?quantize=no` | new collections without scalar quantisation |
///
/// The environment variable `QDRANT_API_KEY` has Qdrant's API key, `PGPASSWORD` PostgreSQL's password where the
/// address has none.
///
/// # Errors
/// [`OpenError`].
pub fn open(address: &str) -> Result<Arc<dyn RemoteStore>, OpenError> {
    let parsed = Address::parse(address)?;
    match parsed.scheme.as_str() {
        "postgres" | "postgresql" => Ok(Arc::new(Postgres::open(parsed)?)),
        "qdrant" | "qdrants" => Ok(Arc::new(QdrantStore::open(parsed)?)),
        _ => Err(OpenError::NotAnAddress(parsed.without_secrets())),
    }
}
