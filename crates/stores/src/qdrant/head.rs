//! An index's head in a collection: pieces, and a point that says which are the current ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lookalike_vectors::Head;
use qdrant_client::qdrant::{
    Condition, DeletePointsBuilder, Filter, GetPointsBuilder, PointId, PointStruct, Range,
    RetrievedPoint, UpsertPointsBuilder,
};
use qdrant_client::{Payload, Qdrant, QdrantError};
use sha2::{Digest, Sha256};

/// Bytes in a piece: well below what a message may hold.
const PIECE: usize = 2 << 20;

/// The most pieces of a head.
const MOST: u64 = 1 << 20;

/// The point that says which head is the current one.
const CURRENT: u64 = 0;

/// The current head, `None` where there is none, or why it cannot be read.
pub(super) async fn read(
    client: &Qdrant,
    collection: &str,
) -> Result<Result<Option<Head>, String>, QdrantError> {
    if !client.collection_exists(collection).await? {
        return Ok(Ok(None));
    }
    let Some(current) = get(client, collection, vec![CURRENT.into()]).await?.pop() else {
        return Ok(Ok(None));
    };
    let (generation, pieces) = (number(&current, "generation"), number(&current, "pieces"));
    let (part, sha256) = (text(&current, "part"), text(&current, "sha256"));
    let (Some(generation), Some(pieces), Some(part), Some(sha256)) =
        (generation, pieces, part, sha256)
    else {
        return Ok(Err(format!("{collection} is no head of an index")));
    };
    let mut content = Vec::new();
    for number in 0..pieces.min(MOST) {
        let piece = get(client, collection, vec![id(generation, &sha256, number)]).await?.pop();
        let bytes = piece.and_then(|piece| STANDARD.decode(text(&piece, "bytes")?).ok());
        content.extend(bytes.unwrap_or_default());
    }
    if sha256_hex(&content) != sha256 {
        return Ok(Err(format!("the index's head in {collection} is not whole")));
    }
    Ok(Ok(Some(Head { generation, part, content })))
}

/// Whether the generation was still the one that was seen.
pub(super) async fn swap(
    client: &Qdrant,
    collection: &str,
    seen: Option<u64>,
    head: &Head,
) -> Result<bool, QdrantError> {
    let Head { generation, part, content } = head;
    let now = get(client, collection, vec![CURRENT.into()]).await?.pop();
    let sha256 = sha256_hex(content);
    let is_ours = |point: &RetrievedPoint| {
        number(point, "generation") == Some(*generation)
            && text(point, "sha256").as_deref() == Some(sha256.as_str())
    };
    let before = now.as_ref().and_then(|point| number(point, "generation"));
    if before != seen {
        // An answer may have been lost on its way back, and this be the second attempt.
        return Ok(now.as_ref().is_some_and(is_ours));
    }
    let pieces = content.chunks(PIECE).count() as u64;
    for (number, piece) in (0..).zip(content.chunks(PIECE)) {
        let mut payload = Payload::new();
        payload.insert("bytes", STANDARD.encode(piece));
        payload.insert("of", *generation as i64);
        put(client, collection, id(*generation, &sha256, number), payload, None).await?;
    }
    let mut payload = Payload::new();
    payload.insert("generation", *generation as i64);
    payload.insert("pieces", pieces as i64);
    payload.insert("part", part.clone());
    payload.insert("sha256", sha256.clone());
    // No head has the generation 0: where there was none, one that came meanwhile stays.
    let seen = seen.unwrap_or(0) as f64;
    let is_seen = Range { gte: Some(seen), lte: Some(seen), ..Range::default() };
    let filter = Filter::must([Condition::range("generation", is_seen)]);
    put(client, collection, CURRENT.into(), payload, Some(filter)).await?;
    let now = get(client, collection, vec![CURRENT.into()]).await?.pop();
    if !now.as_ref().is_some_and(is_ours) {
        return Ok(false);
    }
    // Whoever is reading the one before may go on; those before that, nobody reads.
    let old = Range { lt: Some(seen), ..Range::default() };
    let old = Filter::must([Condition::range("of", old)]);
    client.delete_points(DeletePointsBuilder::new(collection).points(old).wait(true)).await?;
    Ok(true)
}

async fn get(
    client: &Qdrant,
    collection: &str,
    ids: Vec<PointId>,
) -> Result<Vec<RetrievedPoint>, QdrantError> {
    let get = GetPointsBuilder::new(collection, ids).with_payload(true);
    Ok(client.get_points(get).await?.result)
}

async fn put(
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

/// A piece's id. The content is part of it: of two programs that change an index at the same time, the one that
/// is refused must not have written over the other's pieces.
fn id(generation: u64, sha256: &str, piece: u64) -> PointId {
    let content = sha256.get(..5).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    (((generation << 20 | content.unwrap_or(0)) << 20) + piece).into()
}

fn number(point: &RetrievedPoint, field: &str) -> Option<u64> {
    point.payload.get(field)?.as_integer()?.try_into().ok()
}

fn text(point: &RetrievedPoint, field: &str) -> Option<String> {
    point.payload.get(field)?.as_str().cloned()
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
