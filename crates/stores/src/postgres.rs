//! PostgreSQL with pgvector, 0.8 or newer.
//!
//! | table | what |
//! | --- | --- |
//! | `lookalike_format` | the version of these tables |
//! | `lookalike_manifests` | a row for each index: its manifest |
//! | `lookalike_INDEX_SEGMENT` | an index's vectors: `id`, `product`, `embedding` |
//!
//! Up to 2,000 numbers are `vector`s of f32, up to 4,000 `halfvec`s of f16: pgvector has no graph of more.

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
use crate::waiting::{ANSWER, CONNECT, Failure, Waiting, asking};
use session::{connect, failed};

/// The most numbers that a graph over f32 takes, and over f16.
const MOST: (usize, usize) = (2000, 4000);

pub(crate) struct Postgres {
    config: Config,
    index: String,
    name: String,
    waiting: Waiting,
    /// Connections that nobody uses at the moment.
    idle: Mutex<Vec<Client>>,
}

impl Postgres {
    pub(crate) fn open(mut address: Address) -> Result<Self, OpenError> {
        let index = address.take("index").unwrap_or_else(|| "lookalike".to_owned());
        check_name(&index)?;
        let name = format!("{}?index={index}", address.plain());
        let options: Vec<String> =
            address.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let Address { authority, path, .. } = &address;
        let url = format!("postgres://{authority}/{path}?{}", options.join("&"));
        let wrong = |error: Error| {
            // What tokio-postgres says never repeats the address.
            let reason = std::error::Error::source(&error).map(ToString::to_string);
            OpenError::Address(reason.unwrap_or_else(|| error.to_string()))
        };
        let mut config: Config = url.parse().map_err(wrong)?;
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        config.connect_timeout(CONNECT).tcp_user_timeout(ANSWER).application_name("lookalike");
        let unreachable = |error: std::io::Error| RemoteError::Unreachable {
            store: name.clone(),
            reason: error.to_string(),
        };
        let waiting = Waiting::new().map_err(unreachable)?;
        Ok(Self { config, index, name, waiting, idle: Mutex::default() })
    }

    /// Asks for `answer` on a connection, again where that may help; that is told which attempt it is.
    fn ask<T: Send, F>(
        &self,
        answer: impl Fn(Client, usize) -> F + Sync + Send,
    ) -> Result<T, RemoteError>
    where
        F: Future<Output = (Client, Result<T, Error>)> + Send,
    {
        let answer = &answer;
        let asked = self.waiting.wait(asking(move |attempt| async move {
            let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
            let client = match idle.filter(|client| !client.is_closed()) {
                Some(client) => client,
                None => connect(&self.config, &self.name).await?,
            };
            let (client, answer) = answer(client, attempt).await;
            match answer {
                Ok(answer) => {
                    if let Ok(mut idle) = self.idle.lock() {
                        idle.push(client);
                    }
                    Ok(answer)
                }
                // The connection goes with it: it may be in the middle of something.
                Err(error) => Err(self.failure(&error)),
            }
        }));
        asked.unwrap_or_else(|| {
            let reason = "the thread that waits for it is gone".to_owned();
            Err(RemoteError::Unreachable { store: self.name.clone(), reason })
        })
    }

    fn failure(&self, error: &Error) -> Failure {
        failed(&self.name, error)
    }

    /// The table of a segment.
    fn table(&self, segment: &str) -> String {
        format!("lookalike_{}_{segment}", self.index)
    }

    /// The type of vectors of so many numbers.
    fn kind(&self, dim: usize) -> Result<&'static str, RemoteError> {
        match dim {
            dim if dim <= MOST.0 => Ok("vector"),
            dim if dim <= MOST.1 => Ok("halfvec"),
            _ => Err(RemoteError::Refused {
                store: self.name.clone(),
                reason: format!(
                    "pgvector has no graph of vectors of {dim} numbers, {} at most: build with \
                     --directions {}",
                    MOST.1, MOST.0
                ),
            }),
        }
    }
}

/// A vector as pgvector has it.
fn value(vector: &[f32]) -> Box<dyn ToSql + Sync + Send> {
    match vector.len() <= MOST.0 {
        true => Box::new(Vector::from(vector.to_vec())),
        false => Box::new(HalfVector::from_f32_slice(vector)),
    }
}

impl RemoteStore for Postgres {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn manifest(&self) -> Result<Option<Manifest>, RemoteError> {
        self.ask(|client, _| async {
            let manifest = statement::manifest(&client, &self.index).await;
            (client, manifest)
        })
    }

    fn swap_manifest(&self, seen: Option<u64>, manifest: &Manifest) -> Result<(), RemoteError> {
        let swapped = self.ask(|client, _| async {
            let swapped = statement::swap_manifest(&client, &self.index, seen, manifest).await;
            (client, swapped)
        })?;
        match swapped {
            true => Ok(()),
            false => Err(RemoteError::Conflict { store: self.name.clone() }),
        }
    }

    fn create_segment(&self, segment: &str, dim: usize) -> Result<u64, RemoteError> {
        let (table, kind) = (self.table(segment), self.kind(dim)?);
        self.ask(|client, _| async {
            let created =
                statement::create_segment(&client, &table, &format!("{kind}({dim})")).await;
            (client, created)
        })
    }

    fn upsert(&self, segment: &str, points: &[Point]) -> Result<(), RemoteError> {
        let table = &self.table(segment);
        self.ask(move |mut client, attempt| async move {
            let put = statement::upsert(&mut client, table, points, attempt > 0).await;
            (client, put)
        })
    }

    fn build_segment_index(&self, segment: &str) -> Result<(), RemoteError> {
        let table = self.table(segment);
        self.ask(|client, _| async {
            let finished = statement::build_segment_index(&client, &table).await;
            (client, finished)
        })
    }

    fn delete(&self, segment: &str, ids: &[u64]) -> Result<(), RemoteError> {
        if ids.is_empty() {
            return Ok(());
        }
        let table = self.table(segment);
        self.ask(|client, _| async {
            let removed = statement::delete(&client, &table, ids).await;
            (client, removed)
        })
    }

    fn retain_segments(&self, segments: &[&str]) -> Result<(), RemoteError> {
        let tables: Vec<String> = segments.iter().map(|segment| self.table(segment)).collect();
        self.ask(|client, _| async {
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
        let query = value(query);
        self.ask(|mut client, _| async {
            let near = statement::search(&mut client, &table, &*query, groups, k, exact).await;
            (client, near)
        })
    }

    fn vectors(&self, segment: &str, ids: &[u64]) -> Result<Vec<(u64, Vec<f32>)>, RemoteError> {
        let table = self.table(segment);
        self.ask(|client, _| async {
            let vectors = statement::vectors(&client, &table, ids).await;
            (client, vectors)
        })
    }
}
