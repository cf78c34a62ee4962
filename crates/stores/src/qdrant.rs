//! Qdrant, by gRPC.
//!
//! | collection | what |
//! | --- | --- |
//! | `NAME_SEGMENT` | an index's vectors, each with the payload `product` |
//! | `NAME_manifest` | the index's manifest: point 0 describes the live one, the others hold its content in chunks |
//!
//! A conditional update replaces point 0 in one step (`update_filter`, Qdrant 1.16 or newer).

mod manifest;

use std::time::{Duration, Instant};

use lookalike_vectors::{Manifest, Point, RemoteError, RemoteStore};
use qdrant_client::qdrant::vector_output::Vector as Numbers;
use qdrant_client::qdrant::{
    CollectionStatus, Condition, CountPointsBuilder, CreateCollectionBuilder,
    CreateFieldIndexCollectionBuilder, DeletePointsBuilder, Distance, FieldType, Filter,
    GetPointsBuilder, HnswConfigDiffBuilder, OptimizersConfigDiffBuilder, PointId, PointStruct,
    PointsIdsList, QuantizationSearchParamsBuilder, QueryPointsBuilder, ScalarQuantizationBuilder,
    SearchParamsBuilder, UpdateCollectionBuilder, UpsertPointsBuilder, VectorParamsBuilder,
    point_id::PointIdOptions,
};
use qdrant_client::{Payload, Qdrant, QdrantError};
use tonic::Code;

use crate::OpenError;
use crate::address::{Address, check_name};
use crate::waiting::{ANSWER, CONNECT, Failure, Waiting, asking};
use manifest::Unreadable;

/// The field by which products are told apart.
const PRODUCT: &str = "product";

/// Candidates that a walk keeps at least.
const EF_SEARCH: u64 = 128;

/// Kilobytes of vectors in a segment from which on Qdrant builds a graph: its own usual number.
const INDEXED_FROM: u64 = 10_000;

/// How long a graph may take to be built.
const BUILT: Duration = Duration::from_secs(6 * 3600);

pub(crate) struct QdrantStore {
    client: Qdrant,
    collection: String,
    name: String,
    shards: u32,
    replicas: u32,
    quantize: bool,
    waiting: Waiting,
}

impl QdrantStore {
    pub(crate) fn open(mut address: Address) -> Result<Self, OpenError> {
        check_name(&address.path)?;
        let shards = address.take_number("shards")?.unwrap_or(1);
        let replicas = address.take_number("replicas")?.unwrap_or(1);
        let quantize = match address.take("quantize").as_deref() {
            None | Some("yes") => true,
            Some("no") => false,
            Some(other) => {
                return Err(OpenError::Address(format!("quantize={other} is neither yes nor no")));
            }
        };
        address.finish()?;
        let scheme = if address.scheme == "qdrants" { "https" } else { "http" };
        let key = std::env::var("QDRANT_API_KEY").ok();
        let client = Qdrant::from_url(&format!("{scheme}://{}", address.authority))
            .api_key(key)
            .timeout(ANSWER)
            .connect_timeout(CONNECT)
            .skip_compatibility_check()
            .build()
            .map_err(|error| OpenError::Address(error.to_string()))?;
        let name = address.plain();
        let unreachable = |error: std::io::Error| RemoteError::Unreachable {
            store: name.clone(),
            reason: error.to_string(),
        };
        let waiting = Waiting::new().map_err(unreachable)?;
        let collection = address.path;
        Ok(Self { client, collection, name, shards, replicas, quantize, waiting })
    }

    /// Asks, and again where that may help.
    fn ask<T: Send, F>(&self, ask: impl Fn() -> F + Send + Sync) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, QdrantError>> + Send,
    {
        let ask = &ask;
        let asked = self
            .waiting
            .wait(asking(move |_| async move { ask().await.map_err(|error| self.failure(error)) }));
        asked.unwrap_or_else(|| {
            let reason = "the thread that waits for it is gone".to_owned();
            Err(RemoteError::Unreachable { store: self.name.clone(), reason })
        })
    }

    fn failure(&self, error: QdrantError) -> Failure {
        let store = self.name.clone();
        let status = match error {
            QdrantError::ResponseError { status }
            | QdrantError::ResourceExhaustedError { status, .. } => status,
            other => {
                let error = RemoteError::Refused { store, reason: other.to_string() };
                return Failure { error, is_passing: false };
            }
        };
        // The client's own words for nobody there, whose rest is the inside of a structure.
        let (reason, is_nobody) = match status.message().split_once(": tonic::transport") {
            Some((reason, _)) => (reason.to_owned(), true),
            None => (status.message().to_owned(), false),
        };
        let error = match status.code() {
            _ if is_nobody => RemoteError::Unreachable { store, reason },
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => {
                RemoteError::Unreachable { store, reason }
            }
            Code::Unauthenticated | Code::PermissionDenied => RemoteError::Refused {
                store,
                reason: format!("{reason}: set QDRANT_API_KEY to a key that may do this"),
            },
            _ => RemoteError::Refused { store, reason },
        };
        let passing = [
            Code::Unavailable,
            Code::DeadlineExceeded,
            Code::Cancelled,
            Code::Aborted,
            Code::ResourceExhausted,
        ];
        Failure { error, is_passing: is_nobody || passing.contains(&status.code()) }
    }

    fn collection_of(&self, segment: &str) -> String {
        format!("{}_{segment}", self.collection)
    }
}

/// Ids as Qdrant has them.
fn ids_of(ids: &[u64]) -> Vec<PointId> {
    ids.iter().map(|&id| id.into()).collect()
}

fn number(id: Option<PointId>) -> Option<u64> {
    match id?.point_id_options? {
        PointIdOptions::Num(number) => Some(number),
        PointIdOptions::Uuid(_) => None,
    }
}

impl RemoteStore for QdrantStore {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn manifest(&self) -> Result<Option<Manifest>, RemoteError> {
        let collection = self.collection_of("manifest");
        let read = self.ask(|| async {
            let read = manifest::read(&self.client, &collection).await?;
            let before_0_1_0 = self.collection_of("head");
            if matches!(read, Ok(None)) && self.client.collection_exists(before_0_1_0).await? {
                return Ok(Err(Unreadable::OtherFormat(0)));
            }
            Ok(read)
        })?;
        let store = self.name.clone();
        read.map_err(|unreadable| match unreadable {
            Unreadable::Damaged(reason) => {
                RemoteError::Refused { store, reason: format!("{reason}: build the index again") }
            }
            Unreadable::OtherFormat(found) => {
                RemoteError::OtherFormat { store, found, newest: manifest::FORMAT as u32 }
            }
        })
    }

    fn swap_manifest(&self, seen: Option<u64>, manifest: &Manifest) -> Result<(), RemoteError> {
        let collection = self.collection_of("manifest");
        let (shards, replicas) = (1, self.replicas);
        let swapped = self.ask(|| async {
            if !self.client.collection_exists(&collection).await? {
                let vectors = VectorParamsBuilder::new(1, Distance::Dot);
                let create = CreateCollectionBuilder::new(&collection)
                    .vectors_config(vectors)
                    .shard_number(shards)
                    .replication_factor(replicas);
                self.client.create_collection(create).await?;
            }
            manifest::swap(&self.client, &collection, seen, manifest).await
        })?;
        match swapped {
            true => Ok(()),
            false => Err(RemoteError::Conflict { store: self.name.clone() }),
        }
    }

    fn create_segment(&self, segment: &str, dim: usize) -> Result<u64, RemoteError> {
        let collection = self.collection_of(segment);
        self.ask(|| async {
            if !self.client.collection_exists(&collection).await? {
                let vectors = VectorParamsBuilder::new(dim as u64, Distance::Dot);
                let mut create = CreateCollectionBuilder::new(&collection)
                    .vectors_config(vectors)
                    .hnsw_config(HnswConfigDiffBuilder::default().m(16).ef_construct(100))
                    // Loaded first, linked after.
                    .optimizers_config(OptimizersConfigDiffBuilder::default().indexing_threshold(0))
                    .shard_number(self.shards)
                    .replication_factor(self.replicas);
                if self.quantize {
                    let bytes = ScalarQuantizationBuilder::default().always_ram(true);
                    create = create.quantization_config(bytes);
                }
                self.client.create_collection(create).await?;
                let product = CreateFieldIndexCollectionBuilder::new(
                    &collection,
                    PRODUCT,
                    FieldType::Keyword,
                );
                self.client.create_field_index(product.wait(true)).await?;
            }
            let count = CountPointsBuilder::new(&collection).exact(true);
            Ok(self.client.count(count).await?.result.map_or(0, |result| result.count))
        })
    }

    fn upsert(&self, segment: &str, points: &[Point]) -> Result<(), RemoteError> {
        let collection = self.collection_of(segment);
        let point = |point: &Point| {
            let mut payload = Payload::new();
            payload.insert(PRODUCT, point.group.clone());
            PointStruct::new(point.id, point.vector.clone(), payload)
        };
        self.ask(|| async {
            let points: Vec<PointStruct> = points.iter().map(point).collect();
            let upsert = UpsertPointsBuilder::new(&collection, points).wait(true);
            self.client.upsert_points(upsert).await.map(drop)
        })
    }

    fn build_segment_index(&self, segment: &str) -> Result<(), RemoteError> {
        let collection = self.collection_of(segment);
        self.ask(|| async {
            let usual = OptimizersConfigDiffBuilder::default().indexing_threshold(INDEXED_FROM);
            let update = UpdateCollectionBuilder::new(&collection).optimizers_config(usual);
            self.client.update_collection(update).await.map(drop)
        })?;
        let begun = Instant::now();
        loop {
            let info = self.ask(|| self.client.collection_info(&collection))?;
            let status = info.result.map(|info| info.status());
            if status == Some(CollectionStatus::Red) || begun.elapsed() > BUILT {
                let (store, reason) = (self.name.clone(), format!("{collection} is not built"));
                return Err(RemoteError::Refused { store, reason });
            }
            if status == Some(CollectionStatus::Green) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn delete(&self, segment: &str, ids: &[u64]) -> Result<(), RemoteError> {
        if ids.is_empty() {
            return Ok(());
        }
        let collection = self.collection_of(segment);
        self.ask(|| async {
            let points = PointsIdsList { ids: ids_of(ids) };
            let delete = DeletePointsBuilder::new(&collection).points(points).wait(true);
            self.client.delete_points(delete).await.map(drop)
        })
    }

    fn retain_segments(&self, segments: &[&str]) -> Result<(), RemoteError> {
        let kept: Vec<String> =
            segments.iter().map(|segment| self.collection_of(segment)).collect();
        let prefix = self.collection_of("");
        let is_part = |name: &str| {
            let segment = name.strip_prefix(&prefix).unwrap_or_default();
            segment.len() == 12 && segment.chars().all(|c| c.is_ascii_hexdigit())
        };
        self.ask(|| async {
            for collection in self.client.list_collections().await?.collections {
                if is_part(&collection.name) && !kept.contains(&collection.name) {
                    self.client.delete_collection(&collection.name).await?;
                }
            }
            Ok(())
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
        let collection = self.collection_of(segment);
        let rescored = QuantizationSearchParamsBuilder::default().rescore(true).oversampling(2.0);
        let params = SearchParamsBuilder::default()
            .exact(exact)
            .hnsw_ef(EF_SEARCH.max(k as u64))
            .quantization(rescored);
        let answer = self.ask(|| async {
            let mut ask = QueryPointsBuilder::new(&collection)
                .query(query.to_vec())
                .limit(k as u64)
                .params(params.clone())
                .with_payload(false);
            if let Some(groups) = groups {
                let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
                ask = ask.filter(Filter::must([Condition::matches(PRODUCT, groups)]));
            }
            self.client.query(ask).await
        })?;
        let near = answer.result.into_iter();
        Ok(near.filter_map(|point| Some((number(point.id)?, point.score))).collect())
    }

    fn vectors(&self, segment: &str, ids: &[u64]) -> Result<Vec<(u64, Vec<f32>)>, RemoteError> {
        let collection = self.collection_of(segment);
        let answer = self.ask(|| async {
            let get = GetPointsBuilder::new(&collection, ids_of(ids)).with_vectors(true);
            self.client.get_points(get.with_payload(false)).await
        })?;
        let vector =
            |point: qdrant_client::qdrant::RetrievedPoint| match point.vectors?.get_vector()? {
                Numbers::Dense(dense) => Some((number(point.id)?, dense.data)),
                _ => None,
            };
        Ok(answer.result.into_iter().filter_map(vector).collect())
    }
}
