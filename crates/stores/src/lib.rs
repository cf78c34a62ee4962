//! Indexes that other programs keep: PostgreSQL with pgvector, and Qdrant.
//!
//! ```no_run
//! let store = lookalike_stores::open("postgres://lookalike@db.example/shop?index=chairs")?;
//! println!("{}", store.name());
//! # Ok::<(), lookalike_stores::OpenError>(())
//! ```

mod address;
mod postgres;
mod qdrant;
mod tls;
mod waiting;

use std::sync::Arc;

use lookalike_vectors::{RemoteError, RemoteStore};

use address::Address;
use postgres::Postgres;
use qdrant::QdrantStore;

/// Why a store cannot be opened. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No address of a store.
    #[error(
        "'{0}' is no address of a store: postgres://USER:PASSWORD@HOST/DATABASE or \
         qdrant://HOST:6334/COLLECTION"
    )]
    NoStore(String),
    /// An address with something wrong in it.
    #[error("the store's address: {0}")]
    Address(String),
    /// The store itself says no.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// Opens the store that an address names. Nothing is asked of it yet: that it does not answer is told at the
/// first use.
///
/// | address | what |
/// | --- | --- |
/// | `postgres://user:password@host:5432/database` | PostgreSQL's own, with the parameters that tokio-postgres knows |
/// | `...?index=chairs` | one of several indexes in a database; `lookalike` if not said |
/// | `qdrant://host:6334/collection` | Qdrant's gRPC port; `qdrants://` by TLS |
/// | `...?shards=6&replicas=2` | of collections that are made; 1 if not said |
/// | `...?quantize=no` | without bytes beside the numbers |
///
/// Qdrant's key is taken from the environment variable `QDRANT_API_KEY`, and PostgreSQL's password from
/// `PGPASSWORD` where the address has none.
///
/// # Errors
/// [`OpenError`].
pub fn open(address: &str) -> Result<Arc<dyn RemoteStore>, OpenError> {
    let parsed = Address::parse(address)?;
    match parsed.scheme.as_str() {
        "postgres" | "postgresql" => Ok(Arc::new(Postgres::open(parsed)?)),
        "qdrant" | "qdrants" => Ok(Arc::new(QdrantStore::open(parsed)?)),
        _ => Err(OpenError::NoStore(parsed.plain())),
    }
}
