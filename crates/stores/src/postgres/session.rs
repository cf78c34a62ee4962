//! Connections, and what their failures mean.

use lookalike_vectors::RemoteError;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

use crate::tls;
use crate::waiting::Failure;

/// The version of the tables that this program makes.
const SCHEMA: i32 = 1;

/// What makes each version out of the one before.
const STEPS: [&str; SCHEMA as usize] = ["
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE lookalike_heads (
        index text PRIMARY KEY, generation bigint NOT NULL, part text NOT NULL, content bytea NOT NULL
    );
"];

/// What every connection is told: how many candidates a walk keeps, and that it goes on until it has as many
/// as are asked for; how long an answer may take.
const SETTINGS: &str = "
    SET statement_timeout = '60s';
    SET hnsw.ef_search = 128; SET hnsw.iterative_scan = strict_order; SET hnsw.max_scan_tuples = 100000;
";

/// A number for PostgreSQL's advisory locks, so that two programs do not make the tables at once.
const LOCK: i64 = 0x6c6f_6f6b_616c;

/// Connects, by TLS where the server has it, and makes the tables or brings them up to date.
pub(super) async fn connect(config: &Config) -> Result<Client, Error> {
    let client = match tls::connector() {
        Ok(connector) => {
            let (client, connection) = config.connect(connector).await?;
            // It ends when the client is dropped; what goes wrong, the client is told.
            drop(tokio::spawn(connection));
            client
        }
        Err(_) => {
            let (client, connection) = config.connect(NoTls).await?;
            drop(tokio::spawn(connection));
            client
        }
    };
    let known = "SELECT to_regclass('lookalike_schema') IS NOT NULL";
    let is_there: bool = client.query_one(known, &[]).await?.get(0);
    let version: i32 = match is_there {
        true => client.query_one("SELECT max(version) FROM lookalike_schema", &[]).await?.get(0),
        false => 0,
    };
    if version < SCHEMA {
        migrate(&client).await?;
    }
    client.batch_execute(SETTINGS).await?;
    Ok(client)
}

async fn migrate(client: &Client) -> Result<(), Error> {
    client.batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})")).await?;
    let table = "CREATE TABLE IF NOT EXISTS lookalike_schema (version int NOT NULL)";
    client.batch_execute(table).await?;
    let version = "SELECT coalesce(max(version), 0) FROM lookalike_schema";
    let version: i32 = client.query_one(version, &[]).await?.get(0);
    for (step, number) in STEPS.iter().zip(1..).filter(|(_, number)| *number > version) {
        client.batch_execute(step).await?;
        client.execute("INSERT INTO lookalike_schema VALUES ($1)", &[&number]).await?;
    }
    client.batch_execute("COMMIT").await
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
