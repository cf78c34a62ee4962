//! Qdrant, over gRPC.
//!
//! | collection | what |
//! | --- | --- |
//! | `NAME_SEGMENT` | an index's vectors, each with the payload `product` |
//! | `NAME_manifest` | the index's manifest: point 0 describes the live one, the others hold its content in chunks |
//!
//! A conditional update replaces point 0 in one step (`update_filter`, Qdrant 1.16 or newer).

mod connection;
mod manifest;

use std::time::{Duration, Instant};

use lookalike_vectors::{Manifest, Point, RemoteError, RemoteStore};
use qdrant_client::qdrant::vector_output::Vector;
use qdrant_client::qdrant::{
    CollectionStatus, Condition, CountPointsBuilder, CreateCollectionBuilder,
    CreateFieldIndexCollectionBuilder, DeletePointsBuilder, Distance, FieldType, Filter,
    GetPointsBuilder, HnswConfigDiffBuilder, OptimizersConfigDiffBuilder, PointId, PointStruct,
    PointsIdsList, QuantizationSearchParamsBuilder, QueryPointsBuilder, RetrievedPoint,
    ScalarQuantizationBuilder, SearchParamsBuilder, UpdateCollectionBuilder, UpsertPointsBuilder,
    VectorParamsBuilder, point_id::PointIdOptions,
};
use qdrant_client::{Payload, QdrantError};

use crate::OpenError;
use crate::address::{Address, check_name};
use connection::Connection;
use manifest::Unreadable;

/// The payload field that searches are filtered by.
const PRODUCT: &str = "product";

/// The smallest `ef` of a search.
const EF_SEARCH: u64 = 128;

/// Qdrant's default `indexing_threshold`: kilobytes of vectors in one of its segments from which on it builds a graph.
const INDEXING_THRESHOLD: u64 = 10_000;

/// How long a graph may take to be built.
const BUILD_TIMEOUT: Duration = Duration::from_secs(6 * 3600);

pub(crate) struct QdrantStore {
    connection: Connection,
    collection: String,
    shards: u32,
    replicas: u32,
    quantize: bool,
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
        address.refuse_rest()?;
        let connection = Connection::open(&address)?;
        Ok(Self { connection, collection: address.path, shards, replicas, quantize })
    }

    /// The collection of a segment.
    fn collection_of(&self, segment: &str) -> String {
        format!("{}_{segment}", self.collection)
    }

    async fn create_collection(&self, collection: &str, dim: usize) -> Result<(), QdrantError> {
        let client = &self.connection.client;
        let mut create = CreateCollectionBuilder::new(collection)
            .vectors_config(VectorParamsBuilder::new(dim as u64, Distance::Dot))
            .hnsw_config(HnswConfigDiffBuilder::default().m(16).ef_construct(100))
            // No graph until all points are inserted.
            .optimizers_config(OptimizersConfigDiffBuilder::default().indexing_threshold(0))
            .shard_number(self.shards)
            .replication_factor(self.replicas);
        if self.quantize {
            let int8 = ScalarQuantizationBuilder::default().always_ram(true);
            create = create.quantization_config(int8);
        }
        client.create_collection(create).await?;
        let product =
            CreateFieldIndexCollectionBuilder::new(collection, PRODUCT, FieldType::Keyword);
        client.create_field_index(product.wait(true)).await.map(drop)
    }
}

fn point_ids(ids: &[u64]) -> Vec<PointId> {
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
        self.connection.name.clone()
    }

    fn manifest(&self) -> Result<Option<Manifest>, RemoteError> {
        let collection = self.collection_of("manifest");
        let client = &self.connection.client;
        let read = self.connection.call(|| async {
            let read = manifest::read(client, &collection).await?;
            // Programs before 0.1.0 wrote this collection.
            let old = self.collection_of("head");
            if matches!(read, Ok(None)) && client.collection_exists(old).await? {
                return Ok(Err(Unreadable::OtherFormat(0)));
            }
            Ok(read)
        })?;
        let store = self.name();
        read.map_err(|unreadable| match unreadable {
            Unreadable::Damaged(reason) => {
                RemoteError::Refused { store, reason: format!("{reason}: build the index again") }
            }
            Unreadable::OtherFormat(found) => {
                RemoteError::OtherFormat { store, found, newest: manifest::FORMAT as u32 }
            }
        })
    }

    fn swap_manifest(&self, expected: Option<u64>, manifest: &Manifest) -> Result<(), RemoteError> {
        let collection = self.collection_of("manifest");
        let client = &self.connection.client;
        let swapped = self.connection.call(|| async {
            if !client.collection_exists(&collection).await? {
                let create = CreateCollectionBuilder::new(&collection)
                    .vectors_config(VectorParamsBuilder::new(1, Distance::Dot))
                    .shard_number(1)
                    .replication_factor(self.replicas);
                client.create_collection(create).await?;
            }
            manifest::swap(client, &collection, expected, manifest).await
        })?;
        match swapped {
            true => Ok(()),
            false => Err(RemoteError::Conflict { store: self.name() }),
        }
    }

    fn create_segment(&self, segment: &str, dim: usize) -> Result<u64, RemoteError> {
        let collection = self.collection_of(segment);
        let client = &self.connection.client;
        self.connection.call(|| async {
            if !client.collection_exists(&collection).await? {
                self.create_collection(&collection, dim).await?;
            }
            let count = CountPointsBuilder::new(&collection).exact(true);
            Ok(client.count(count).await?.result.map_or(0, |result| result.count))
        })
    }

    fn upsert(&self, segment: &str, points: &[Point]) -> Result<(), RemoteError> {
        let collection = self.collection_of(segment);
        let point = |point: &Point| {
            let mut payload = Payload::new();
            payload.insert(PRODUCT, point.group.clone());
            PointStruct::new(point.id, point.vector.clone(), payload)
        };
        self.connection.call(|| async {
            let points: Vec<PointStruct> = points.iter().map(point).collect();
            let upsert = UpsertPointsBuilder::new(&collection, points).wait(true);
            self.connection.client.upsert_points(upsert).await.map(drop)
        })
    }

    fn build_segment_index(&self, segment: &str) -> Result<(), RemoteError> {
        let collection = self.collection_of(segment);
        let client = &self.connection.client;
        self.connection.call(|| async {
            let optimizers =
                OptimizersConfigDiffBuilder::default().indexing_threshold(INDEXING_THRESHOLD);
            let update = UpdateCollectionBuilder::new(&collection).optimizers_config(optimizers);
            client.update_collection(update).await.map(drop)
        })?;
        let started = Instant::now();
        loop {
            let info = self.connection.call(|| client.collection_info(&collection))?;
            let status = info.result.map(|info| info.status());
            if status == Some(CollectionStatus::Red) || started.elapsed() > BUILD_TIMEOUT {
                let reason = format!("it did not build the graph of {collection}");
                return Err(RemoteError::Refused { store: self.name(), reason });
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
        self.connection.call(|| async {
            let points = PointsIdsList { ids: point_ids(ids) };
            let delete = DeletePointsBuilder::new(&collection).points(points).wait(true);
            self.connection.client.delete_points(delete).await.map(drop)
        })
    }

    fn retain_segments(&self, segments: &[&str]) -> Result<(), RemoteError> {
        let retained: Vec<String> =
            segments.iter().map(|segment| self.collection_of(segment)).collect();
        let prefix = self.collection_of("");
        let is_segment = |name: &str| {
            let segment = name.strip_prefix(&prefix).unwrap_or_default();
            segment.len() == 12 && segment.chars().all(|c| c.is_ascii_hexdigit())
        };
        let client = &self.connection.client;
        self.connection.call(|| async {
            for collection in client.list_collections().await?.collections {
                if is_segment(&collection.name) && !retained.contains(&collection.name) {
                    client.delete_collection(&collection.name).await?;
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
        let response = self.connection.call(|| async {
            let mut search = QueryPointsBuilder::new(&collection)
                .query(query.to_vec())
                .limit(k as u64)
                .params(params.clone())
                .with_payload(false);
            if let Some(groups) = groups {
                let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
                search = search.filter(Filter::must([Condition::matches(PRODUCT, groups)]));
            }
            self.connection.client.query(search).await
        })?;
        let points = response.result.into_iter();
        Ok(points.filter_map(|point| Some((number(point.id)?, point.score))).collect())
    }

    fn vectors(&self, segment: &str, ids: &[u64]) -> Result<Vec<(u64, Vec<f32>)>, RemoteError> {
        let collection = self.collection_of(segment);
        let response = self.connection.call(|| async {
            let get = GetPointsBuilder::new(&collection, point_ids(ids)).with_vectors(true);
            self.connection.client.get_points(get.with_payload(false)).await
        })?;
        let vector = |point: RetrievedPoint| match point.vectors?.get_vector()? {
            Vector::Dense(dense) => Some((number(point.id)?, dense.data)),
            _ => None,
        };
        Ok(response.result.into_iter().filter_map(vector).collect())
    }
}
