//! SQL statements. Names of tables are made of checked parts only.

use std::pin::pin;

use bytes::Bytes;
use futures_util::SinkExt as _;
use lookalike_vectors::{Manifest, Point};
use pgvector::{HalfVector, Vector};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::copy;

/// A filtered search compares every vector of up to so many; of more, it searches the graph.
const SCAN_UP_TO: i64 = 20_000;

pub(super) async fn manifest(client: &Client, index: &str) -> Result<Option<Manifest>, Error> {
    let manifest = "SELECT generation, segment, content FROM lookalike_manifests WHERE index = $1";
    let row = client.query_opt(manifest, &[&index]).await?;
    Ok(row.map(|row| Manifest {
        generation: row.get::<_, i64>(0) as u64,
        segment: row.get(1),
        content: row.get(2),
    }))
}

/// Replaces the manifest if its generation is still `expected`. Returns whether it was.
pub(super) async fn swap_manifest(
    client: &Client,
    index: &str,
    expected: Option<u64>,
    manifest: &Manifest,
) -> Result<bool, Error> {
    let Manifest { generation, segment, content } = manifest;
    let generation = *generation as i64;
    let changed = match expected {
        None => {
            let insert = "INSERT INTO lookalike_manifests (index, generation, segment, content) \
                          VALUES ($1, $2, $3, $4) ON CONFLICT (index) DO NOTHING";
            client.execute(insert, &[&index, &generation, segment, content]).await?
        }
        Some(expected) => {
            let update = "UPDATE lookalike_manifests SET generation = $2, segment = $3, content = $4 \
                          WHERE index = $1 AND generation = $5";
            let expected = expected as i64;
            client.execute(update, &[&index, &generation, segment, content, &expected]).await?
        }
    };
    if changed == 1 {
        return Ok(true);
    }
    // The first attempt may have succeeded although its response was lost.
    Ok(self::manifest(client, index).await?.as_ref() == Some(manifest))
}

/// Creates a segment's table unless it exists. Returns the number of its rows.
pub(super) async fn create_segment(client: &Client, table: &str, kind: &str) -> Result<u64, Error> {
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} \
         (id bigint PRIMARY KEY, product text NOT NULL, embedding {kind} NOT NULL)"
    );
    client.batch_execute(&create).await?;
    let count = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?;
    Ok(count.get::<_, i64>(0) as u64)
}

/// Inserts points. `replace` deletes rows of the same ids first.
pub(super) async fn upsert(
    client: &mut Client,
    table: &str,
    points: &[Point],
    replace: bool,
) -> Result<(), Error> {
    let kind = vector_type(client, table).await?;
    let statement = format!("COPY {table} (id, product, embedding) FROM STDIN BINARY");
    let transaction = client.transaction().await?;
    if replace {
        let ids: Vec<i64> = points.iter().map(|point| point.id as i64).collect();
        let delete = format!("DELETE FROM {table} WHERE id = ANY($1)");
        transaction.execute(&delete, &[&ids]).await?;
    }
    let mut sink = pin!(transaction.copy_in::<_, Bytes>(&statement).await?);
    // Encoding these types does not fail; if it did, the server would refuse the empty COPY.
    sink.send(copy::rows(points, &kind).unwrap_or_default()).await?;
    sink.finish().await?;
    transaction.commit().await
}

/// The type of a table's vectors. pgvector's types have another OID on every server.
async fn vector_type(client: &Client, table: &str) -> Result<Type, Error> {
    let statement = client.prepare(&format!("SELECT embedding FROM {table}")).await?;
    Ok(statement.columns()[0].type_().clone())
}

pub(super) async fn build_segment_index(client: &Client, table: &str) -> Result<(), Error> {
    let kind = vector_type(client, table).await?;
    let operators = format!("{}_ip_ops", kind.name());
    client.batch_execute("SET statement_timeout = 0").await?;
    let build = format!(
        "SET maintenance_work_mem = '1GB'; \
         CREATE INDEX IF NOT EXISTS {table}_graph ON {table} USING hnsw (embedding {operators}) \
         WITH (m = 16, ef_construction = 100); \
         CREATE INDEX IF NOT EXISTS {table}_product ON {table} (product); \
         RESET maintenance_work_mem; \
         ANALYZE {table}"
    );
    client.batch_execute(&build).await?;
    client.batch_execute("SET statement_timeout = '60s'").await
}

pub(super) async fn delete(client: &Client, table: &str, ids: &[u64]) -> Result<(), Error> {
    let ids: Vec<i64> = ids.iter().map(|&id| id as i64).collect();
    let delete = format!("DELETE FROM {table} WHERE id = ANY($1)");
    client.execute(&delete, &[&ids]).await.map(drop)
}

/// Drops the tables whose names match a pattern, but for `tables`.
pub(super) async fn retain_segments(
    client: &Client,
    pattern: &str,
    tables: &[String],
) -> Result<(), Error> {
    let others = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() \
                  AND tablename ~ $1 AND NOT tablename::text = ANY($2)";
    for row in client.query(others, &[&pattern, &tables]).await? {
        let table: String = row.get(0);
        client.batch_execute(&format!("DROP TABLE IF EXISTS {table}")).await?;
    }
    Ok(())
}

pub(super) async fn search(
    client: &mut Client,
    table: &str,
    query: &(dyn ToSql + Sync + Send),
    groups: Option<&[&str]>,
    k: usize,
    exact: bool,
) -> Result<Vec<(u64, f32)>, Error> {
    let k = k as i64;
    let filter = if groups.is_some() { "WHERE product = ANY($3)" } else { "" };
    let select = format!(
        "SELECT id, -(embedding <#> $1) FROM {table} {filter} ORDER BY embedding <#> $1, id LIMIT $2"
    );
    // With the id in ORDER BY, PostgreSQL would not use the HNSW index.
    let by_graph = select.replace(", id LIMIT", " LIMIT");
    let exact = exact || is_narrow(client, table, groups).await?;
    let rows = if exact {
        let transaction = client.transaction().await?;
        transaction.batch_execute("SET LOCAL enable_indexscan = off").await?;
        let rows = match &groups {
            None => transaction.query(&select, &[query, &k]).await?,
            Some(groups) => transaction.query(&select, &[query, &k, groups]).await?,
        };
        transaction.commit().await?;
        rows
    } else {
        let statement = client.prepare(&by_graph).await?;
        match &groups {
            None => client.query(&statement, &[query, &k]).await?,
            Some(groups) => client.query(&statement, &[query, &k, groups]).await?,
        }
    };
    let hit = |row: &Row| (row.get::<_, i64>(0) as u64, row.get::<_, f64>(1) as f32);
    Ok(rows.iter().map(hit).collect())
}

/// Whether the filter leaves so few vectors that all are compared.
async fn is_narrow(client: &Client, table: &str, groups: Option<&[&str]>) -> Result<bool, Error> {
    let Some(groups) = groups else { return Ok(false) };
    let count = format!(
        "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE product = ANY($1) LIMIT $2) AS few"
    );
    let count = client.query_one(&count, &[&groups, &(SCAN_UP_TO + 1)]).await?;
    Ok(count.get::<_, i64>(0) <= SCAN_UP_TO)
}

pub(super) async fn vectors(
    client: &Client,
    table: &str,
    ids: &[u64],
) -> Result<Vec<(u64, Vec<f32>)>, Error> {
    let ids: Vec<i64> = ids.iter().map(|&id| id as i64).collect();
    let select = format!("SELECT id, embedding FROM {table} WHERE id = ANY($1)");
    let rows = client.query(&select, &[&ids]).await?;
    let vector = |row: &Row| -> Result<Vec<f32>, Error> {
        if row.columns()[1].type_().name() == "halfvec" {
            let half: HalfVector = row.try_get(1)?;
            return Ok(half.as_slice().iter().map(|x| x.to_f32()).collect());
        }
        Ok(row.try_get::<_, Vector>(1)?.into())
    };
    rows.iter().map(|row| Ok((row.get::<_, i64>(0) as u64, vector(row)?))).collect()
}
