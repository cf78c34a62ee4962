//! PostgreSQL with pgvector, 0.8 or newer.
//!
//! | table | what |
//! | --- | --- |
//! | `lookalike_format` | the version of these tables |
//! | `lookalike_manifests` | a row for each index: its manifest |
//! | `lookalike_INDEX_SEGMENT` | an index's vectors: `id`, `product`, `embedding` |
//!
//! Vectors of up to 2,000 dimensions are of pgvector's type `vector` (f32), those of up to 4,000 `halfvec` (f16):
//! pgvector's HNSW index takes no more.

mod copy;
mod session;
mod statement;

use std::sync::Mutex;

use lookalike_vectors::{Manifest, Point, RemoteError, RemoteStore};
use pgvector::{HalfVector, Vector};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error};

use crate::OpenError;
use crate::address::{Address, check_name};
use crate::retry::{CONNECT_TIMEOUT, REQUEST_TIMEOUT, with_retries};
use crate::runtime::BlockingRuntime;
use session::{connect, failed};

/// The most dimensions of an HNSW index over `vector`.
const MAX_DIM_F32: usize = 2000;
/// The same over `halfvec`.
const MAX_DIM_F16: usize = 4000;

pub(crate) struct Postgres {
    config: Config,
    index: String,
    name: String,
    runtime: BlockingRuntime,
    /// The connection pool: connections that are not in use.
    idle: Mutex<Vec<Client>>,
}

impl Postgres {
    pub(crate) fn open(mut address: Address) -> Result<Self, OpenError> {
        let index = address.take("index").unwrap_or_else(|| "lookalike".to_owned());
        check_name(&index)?;
        let name = format!("{}?index={index}", address.without_secrets());
        let options: Vec<String> =
            address.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let Address { authority, path, .. } = &address;
        let url = format!("postgres://{authority}/{path}?{}", options.join("&"));
        let invalid = |error: Error| {
            // tokio-postgres's errors never repeat the address, which has the password.
            let reason = std::error::Error::source(&error).map(ToString::to_string);
            OpenError::Address(reason.unwrap_or_else(|| error.to_string()))
        };
        let mut config: Config = url.parse().map_err(invalid)?;
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(REQUEST_TIMEOUT)
            .application_name("lookalike");
        let unreachable = |error: std::io::Error| RemoteError::Unreachable {
            store: name.clone(),
            reason: error.to_string(),
        };
        let runtime = BlockingRuntime::new().map_err(unreachable)?;
        Ok(Self { config, index, name, runtime, idle: Mutex::default() })
    }

    /// Runs `request` on a pooled connection, with retries. It gets the number of the attempt, and returns the
    /// connection with its result.
    fn with_client<T: Send, F>(
        &self,
        request: impl Fn(Client, usize) -> F + Sync + Send,
    ) -> Result<T, RemoteError>
    where
        F: Future<Output = (Client, Result<T, Error>)> + Send,
    {
        let request = &request;
        let response = self.runtime.block_on(with_retries(move |attempt| async move {
            let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
            let client = match idle.filter(|client| !client.is_closed()) {
                Some(client) => client,
                None => connect(&self.config, &self.name).await?,
            };
            let (client, result) = request(client, attempt).await;
            match result {
                Ok(response) => {
                    if let Ok(mut idle) = self.idle.lock() {
                        idle.push(client);
                    }
                    Ok(response)
                }
                // The connection is dropped: it may be within a transaction.
                Err(error) => Err(failed(&self.name, &error)),
            }
        }));
        response.unwrap_or_else(|| {
            let reason = "its thread has ended".to_owned();
            Err(RemoteError::Unreachable { store: self.name.clone(), reason })
        })
    }

    /// The table of a segment.
    fn table(&self, segment: &str) -> String {
        format!("lookalike_{}_{segment}", self.index)
    }

    /// pgvector's type for vectors of `dim` dimensions.
    fn vector_type(&self, dim: usize) -> Result<&'static str, RemoteError> {
        match dim {
            dim if dim <= MAX_DIM_F32 => Ok("vector"),
            dim if dim <= MAX_DIM_F16 => Ok("halfvec"),
            _ => Err(RemoteError::TooManyDimensions {
                store: self.name.clone(),
                dim,
                max: MAX_DIM_F16,
            }),
        }
    }
}

/// A vector as a parameter of a statement.
fn parameter(vector: &[f32]) -> Box<dyn ToSql + Sync + Send> {
    match vector.len() <= MAX_DIM_F32 {
        true => Box::new(Vector::from(vector.to_vec())),
        false => Box::new(HalfVector::from_f32_slice(vector)),
    }
}

impl RemoteStore for Postgres {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn manifest(&self) -> Result<Option<Manifest>, RemoteError> {
        self.with_client(|client, _| async {
            let manifest = statement::manifest(&client, &self.index).await;
            (client, manifest)
        })
    }

    fn swap_manifest(&self, expected: Option<u64>, manifest: &Manifest) -> Result<(), RemoteError> {
        let swapped = self.with_client(|client, _| async {
            let swapped = statement::swap_manifest(&client, &self.index, expected, manifest).await;
            (client, swapped)
        })?;
        match swapped {
            true => Ok(()),
            false => Err(RemoteError::Conflict { store: self.name.clone() }),
        }
    }

    fn create_segment(&self, segment: &str, dim: usize) -> Result<u64, RemoteError> {
        let (table, kind) = (self.table(segment), self.vector_type(dim)?);
        let kind = format!("{kind}({dim})");
        self.with_client(|client, _| async {
            let count = statement::create_segment(&client, &table, &kind).await;
            (client, count)
        })
    }

    fn upsert(&self, segment: &str, points: &[Point]) -> Result<(), RemoteError> {
        let table = &self.table(segment);
        self.with_client(move |mut client, attempt| async move {
            let upserted = statement::upsert(&mut client, table, points, attempt > 0).await;
            (client, upserted)
        })
    }

    fn build_segment_index(&self, segment: &str) -> Result<(), RemoteError> {
        let table = self.table(segment);
        self.with_client(|client, _| async {
            let built = statement::build_segment_index(&client, &table).await;
            (client, built)
        })
    }

    fn delete(&self, segment: &str, ids: &[u64]) -> Result<(), RemoteError> {
        if ids.is_empty() {
            return Ok(());
        }
        let table = self.table(segment);
        self.with_client(|client, _| async {
            let deleted = statement::delete(&client, &table, ids).await;
            (client, deleted)
        })
    }

    fn retain_segments(&self, segments: &[&str]) -> Result<(), RemoteError> {
        let tables: Vec<String> = segments.iter().map(|segment| self.table(segment)).collect();
        self.with_client(|client, _| async {
            let pattern = format!("^lookalike_{}_[0-9a-f]{{12}}$", self.index);
            let dropped = statement::retain_segments(&client, &pattern, &tables).await;
            (client, dropped)
        })
    }

    fn search(
        &self,
        segment: &str,
        query: &[f32],
        groups: Option<&[&str]>,
        k: usize,
        exact: bool,
    ) -> Result<Vec<(u64, f32)>, RemoteError> {
        let table = self.table(segment);
        let query = parameter(query);
        self.with_client(|mut client, _| async {
            let found = statement::search(&mut client, &table, &*query, groups, k, exact).await;
            (client, found)
        })
    }

    fn vectors(&self, segment: &str, ids: &[u64]) -> Result<Vec<(u64, Vec<f32>)>, RemoteError> {
        let table = self.table(segment);
        self.with_client(|client, _| async {
            let vectors = statement::vectors(&client, &table, ids).await;
            (client, vectors)
        })
    }
}
