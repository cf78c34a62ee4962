//! Connections, and what their failures mean.

use lookalike_vectors::RemoteError;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

use crate::tls;
use crate::waiting::Failure;

/// Version of the tables' layout, which this program creates and reads.
const FORMAT: i32 = 1;

const CREATE: &str = "
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE IF NOT EXISTS lookalike_manifests (
        index text PRIMARY KEY, generation bigint NOT NULL, segment text NOT NULL, content bytea NOT NULL
    );
    CREATE TABLE IF NOT EXISTS lookalike_format (version int PRIMARY KEY);
    INSERT INTO lookalike_format VALUES (1) ON CONFLICT DO NOTHING;
";

/// What every connection is told: how many candidates a walk keeps, and that it goes on until it has as many
/// as are asked for; how long an answer may take.
const SETTINGS: &str = "
    SET statement_timeout = '60s';
    SET hnsw.ef_search = 128; SET hnsw.iterative_scan = strict_order; SET hnsw.max_scan_tuples = 100000;
";

/// A number for PostgreSQL's advisory locks, so that two programs do not make the tables at once.
const LOCK: i64 = 0x6c6f_6f6b_616c;

/// Connects, by TLS where the server has it, and creates the tables where there are none.
pub(super) async fn connect(config: &Config, store: &str) -> Result<Client, Failure> {
    let failed = |error: Error| failed(store, &error);
    let client = open(config).await.map_err(failed)?;
    match format_of(&client).await.map_err(failed)? {
        Some(FORMAT) => {}
        None => create(&client).await.map_err(failed)?,
        Some(other) => return Err(other_format(store, other)),
    }
    client.batch_execute(SETTINGS).await.map_err(failed)?;
    Ok(client)
}

async fn open(config: &Config) -> Result<Client, Error> {
    match tls::connector() {
        Ok(connector) => {
            let (client, connection) = config.connect(connector).await?;
            // The task ends when the client is dropped; the client reports what goes wrong.
            drop(tokio::spawn(connection));
            Ok(client)
        }
        Err(_) => {
            let (client, connection) = config.connect(NoTls).await?;
            drop(tokio::spawn(connection));
            Ok(client)
        }
    }
}

/// The format of the tables that there are; 0 is that of programs before 0.1.0.
async fn format_of(client: &Client) -> Result<Option<i32>, Error> {
    let exists = "SELECT to_regclass('lookalike_format') IS NOT NULL, \
                  to_regclass('lookalike_heads') IS NOT NULL";
    let row = client.query_one(exists, &[]).await?;
    match (row.get(0), row.get(1)) {
        (true, _) => {
            let version = "SELECT coalesce(max(version), 0) FROM lookalike_format";
            Ok(Some(client.query_one(version, &[]).await?.get(0)))
        }
        (false, true) => Ok(Some(0)),
        (false, false) => Ok(None),
    }
}

async fn create(client: &Client) -> Result<(), Error> {
    let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
    client.batch_execute(&format!("BEGIN; {lock}; {CREATE} COMMIT")).await
}

fn other_format(store: &str, found: i32) -> Failure {
    let (store, found) = (store.to_owned(), found.unsigned_abs());
    let error = RemoteError::OtherFormat { store, found, newest: FORMAT.unsigned_abs() };
    Failure { error, is_passing: false }
}

/// What to say of a failure, and whether it may pass.
pub(super) fn failed(store: &str, error: &Error) -> Failure {
    let store = store.to_owned();
    let Some(refusal) = error.as_db_error() else {
        // What is below says more: "error connecting to server" for one.
        let below = std::error::Error::source(error).map(ToString::to_string);
        let reason = below.unwrap_or_else(|| error.to_string());
        let is_passing = error.is_closed() || is_io(error);
        return Failure { error: RemoteError::Unreachable { store, reason }, is_passing };
    };
    let passing = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        // A batch that was written before the connection was lost: it is replaced.
        SqlState::UNIQUE_VIOLATION,
    ];
    let is_passing = passing.contains(refusal.code());
    Failure {
        error: RemoteError::Refused { store, reason: refusal.message().to_owned() },
        is_passing,
    }
}

fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|below| below.is::<std::io::Error>())
}
