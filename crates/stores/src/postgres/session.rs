//! Connections: TLS, tables, settings; and what errors mean.

use lookalike_vectors::RemoteError;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

use crate::retry::Failure;
use crate::tls;

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

/// Settings of every connection: `ef_search`, iterative scans, so that a filtered search finds as many rows as it is
/// to, and the timeout of a statement.
const SETTINGS: &str = "
    SET statement_timeout = '60s';
    SET hnsw.ef_search = 128; SET hnsw.iterative_scan = strict_order; SET hnsw.max_scan_tuples = 100000;
";

/// An advisory lock, so that two programs do not create the tables at once.
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
    Failure { error, is_transient: false }
}

/// The error to report, and whether another attempt may succeed.
pub(super) fn failed(store: &str, error: &Error) -> Failure {
    let store = store.to_owned();
    let Some(refusal) = error.as_db_error() else {
        // The source says more than, for example, "error connecting to server".
        let source = std::error::Error::source(error).map(ToString::to_string);
        let reason = source.unwrap_or_else(|| error.to_string());
        let is_transient = error.is_closed() || is_io(error);
        return Failure { error: RemoteError::Unreachable { store, reason }, is_transient };
    };
    let transient = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        // The batch was written before the connection was lost: the next attempt replaces it.
        SqlState::UNIQUE_VIOLATION,
    ];
    let is_transient = transient.contains(refusal.code());
    Failure { error: refused(store, refusal.code(), refusal.message()), is_transient }
}

/// What a refusal means, by its SQLSTATE.
fn refused(store: String, code: &SqlState, message: &str) -> RemoteError {
    let reason = message.to_owned();
    let is = |codes: &[SqlState]| codes.contains(code);
    if is(&[SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION]) {
        RemoteError::Unauthorized { store, reason }
    } else if is(&[SqlState::INSUFFICIENT_PRIVILEGE]) {
        RemoteError::PermissionDenied { store, reason }
    } else if is(&[SqlState::FEATURE_NOT_SUPPORTED, SqlState::UNDEFINED_FILE]) {
        // What CREATE EXTENSION says where the extension's files are not on the server.
        RemoteError::MissingExtension { store, reason }
    } else {
        RemoteError::Refused { store, reason }
    }
}

fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do_by_their_code() {
        let line = |code: SqlState| refused("db/shop".to_owned(), &code, "no").to_string();
        assert!(line(SqlState::INVALID_PASSWORD).contains("name and password"));
        assert!(line(SqlState::INSUFFICIENT_PRIVILEGE).contains("CREATE EXTENSION vector"));
        assert!(line(SqlState::FEATURE_NOT_SUPPORTED).contains("install pgvector"));
        assert_eq!(line(SqlState::SYNTAX_ERROR), "db/shop refused (no)");
    }
}
