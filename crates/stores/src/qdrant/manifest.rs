//! An index's manifest in a Qdrant collection. Point 0 describes the live manifest; the other points hold its
//! content in chunks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lookalike_base::hex;
use lookalike_vectors::Manifest;
use qdrant_client::qdrant::{
    Condition, DeletePointsBuilder, Filter, GetPointsBuilder, PointId, PointStruct, Range,
    RetrievedPoint, UpsertPointsBuilder,
};
use qdrant_client::{Payload, Qdrant, QdrantError};
use sha2::{Digest, Sha256};

/// Version of the collections' layout, which this program writes and reads.
pub(super) const FORMAT: u64 = 1;

/// Bytes in a chunk: well below the limit on a gRPC message.
const CHUNK: usize = 2 << 20;

/// The most chunks of a manifest.
const MAX_CHUNKS: u64 = 1 << 20;

/// The point that describes the live manifest.
const LIVE: u64 = 0;

/// Why a manifest cannot be read.
pub(super) enum Unreadable {
    /// Another program's, or damaged.
    Damaged(String),
    /// Of this format, which is not [`FORMAT`].
    OtherFormat(u32),
}

/// Reads the live manifest; `None` where there is none.
pub(super) async fn read(
    client: &Qdrant,
    collection: &str,
) -> Result<Result<Option<Manifest>, Unreadable>, QdrantError> {
    if !client.collection_exists(collection).await? {
        return Ok(Ok(None));
    }
    let Some(live) = get(client, collection, LIVE.into()).await? else {
        return Ok(Ok(None));
    };
    match number(&live, "format") {
        Some(FORMAT) => {}
        other => return Ok(Err(Unreadable::OtherFormat(other.unwrap_or(0) as u32))),
    }
    let (generation, chunks) = (number(&live, "generation"), number(&live, "chunks"));
    let (segment, sha256) = (text(&live, "segment"), text(&live, "sha256"));
    let (Some(generation), Some(chunks), Some(segment), Some(sha256)) =
        (generation, chunks, segment, sha256)
    else {
        let reason = format!("{collection} holds no manifest of an index");
        return Ok(Err(Unreadable::Damaged(reason)));
    };
    let mut content = Vec::new();
    for number in 0..chunks.min(MAX_CHUNKS) {
        let chunk = get(client, collection, chunk_id(generation, &sha256, number)).await?;
        let bytes = chunk.and_then(|chunk| STANDARD.decode(text(&chunk, "bytes")?).ok());
        content.extend(bytes.unwrap_or_default());
    }
    if sha256_of(&content) != sha256 {
        let reason = format!("the index's manifest in {collection} is not whole");
        return Ok(Err(Unreadable::Damaged(reason)));
    }
    Ok(Ok(Some(Manifest { generation, segment, content })))
}

/// Replaces the manifest if its generation is still `expected`. Returns whether it was.
pub(super) async fn swap(
    client: &Qdrant,
    collection: &str,
    expected: Option<u64>,
    manifest: &Manifest,
) -> Result<bool, QdrantError> {
    let Manifest { generation, segment, content } = manifest;
    let live = get(client, collection, LIVE.into()).await?;
    let sha256 = sha256_of(content);
    let is_ours = |point: &RetrievedPoint| {
        number(point, "generation") == Some(*generation)
            && text(point, "sha256").as_deref() == Some(sha256.as_str())
    };
    if live.as_ref().and_then(|point| number(point, "generation")) != expected {
        // The first attempt may have succeeded although its response was lost.
        return Ok(live.as_ref().is_some_and(is_ours));
    }
    let chunks = content.chunks(CHUNK).count() as u64;
    for (number, chunk) in (0..).zip(content.chunks(CHUNK)) {
        let mut payload = Payload::new();
        payload.insert("bytes", STANDARD.encode(chunk));
        payload.insert("of", *generation as i64);
        upsert(client, collection, chunk_id(*generation, &sha256, number), payload, None).await?;
    }
    let mut payload = Payload::new();
    payload.insert("format", FORMAT as i64);
    payload.insert("generation", *generation as i64);
    payload.insert("chunks", chunks as i64);
    payload.insert("segment", segment.clone());
    payload.insert("sha256", sha256.clone());
    // No manifest has the generation 0: where none was expected, one that another program wrote meanwhile stays.
    let expected = expected.unwrap_or(0) as f64;
    let is_expected = Range { gte: Some(expected), lte: Some(expected), ..Range::default() };
    let filter = Filter::must([Condition::range("generation", is_expected)]);
    upsert(client, collection, LIVE.into(), payload, Some(filter)).await?;
    let live = get(client, collection, LIVE.into()).await?;
    if !live.as_ref().is_some_and(is_ours) {
        return Ok(false);
    }
    // A reader may still be at the previous manifest; nobody reads older ones.
    let old = Range { lt: Some(expected), ..Range::default() };
    let old = Filter::must([Condition::range("of", old)]);
    client.delete_points(DeletePointsBuilder::new(collection).points(old).wait(true)).await?;
    Ok(true)
}

async fn get(
    client: &Qdrant,
    collection: &str,
    id: PointId,
) -> Result<Option<RetrievedPoint>, QdrantError> {
    let get = GetPointsBuilder::new(collection, vec![id]).with_payload(true);
    Ok(client.get_points(get).await?.result.pop())
}

async fn upsert(
    client: &Qdrant,
    collection: &str,
    id: PointId,
    payload: Payload,
    filter: Option<Filter>,
) -> Result<(), QdrantError> {
    let point = PointStruct::new(id, vec![1.0], payload);
    let mut upsert = UpsertPointsBuilder::new(collection, vec![point]).wait(true);
    if let Some(filter) = filter {
        upsert = upsert.update_filter(filter);
    }
    client.upsert_points(upsert).await.map(drop)
}

/// A chunk's id. It depends on the content: of two programs that change an index at the same time, the one that
/// is refused must not overwrite the other's chunks.
fn chunk_id(generation: u64, sha256: &str, chunk: u64) -> PointId {
    let content = sha256.get(..5).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    (((generation << 20 | content.unwrap_or(0)) << 20) + chunk).into()
}

fn number(point: &RetrievedPoint, field: &str) -> Option<u64> {
    point.payload.get(field)?.as_integer()?.try_into().ok()
}

fn text(point: &RetrievedPoint, field: &str) -> Option<String> {
    point.payload.get(field)?.as_str().cloned()
}

fn sha256_of(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}
