//! A fake Qdrant server in this process: the requests that the client makes, points in memory, exact search.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use qdrant_client::qdrant::collections_server::{Collections, CollectionsServer};
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_server::{Points, PointsServer};
use qdrant_client::qdrant::{
    self as api, query, vector_input, vectors, vectors_config, vectors_output,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

#[derive(Default)]
struct Collection {
    dim: usize,
    points: BTreeMap<u64, (Vec<f32>, BTreeMap<String, api::Value>)>,
}

#[derive(Default)]
pub struct State {
    collections: BTreeMap<String, Collection>,
    /// Calls that are answered by "unavailable" before the next one is answered.
    pub unavailable: usize,
    /// Calls in all.
    pub calls: usize,
}

/// A server on a port of its own, until the process ends.
#[derive(Clone, Default)]
pub struct QdrantServer {
    state: Arc<Mutex<State>>,
}

impl QdrantServer {
    pub fn start() -> (Self, SocketAddr) {
        let server = Self::default();
        let (send, receive) = std::sync::mpsc::channel();
        let own = server.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                send.send(listener.local_addr().expect("an address")).expect("somebody waits");
                let points = PointsServer::new(own.clone()).max_decoding_message_size(64 << 20);
                tonic::transport::Server::builder()
                    .add_service(points)
                    .add_service(CollectionsServer::new(own))
                    .serve_with_incoming(TcpListenerStream::new(listener))
                    .await
                    .expect("a server");
            });
        });
        (server, receive.recv().expect("an address"))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state")
    }

    fn called(&self) -> Result<MutexGuard<'_, State>, Status> {
        let mut state = self.state();
        state.calls += 1;
        if state.unavailable > 0 {
            state.unavailable -= 1;
            return Err(Status::unavailable("restarting"));
        }
        Ok(state)
    }
}

/// Used by some tests only.
#[allow(dead_code)]
impl State {
    pub fn names(&self) -> Vec<String> {
        self.collections.keys().cloned().collect()
    }

    pub fn points(&self, collection: &str) -> usize {
        self.collections[collection].points.len()
    }

    /// Gives a collection another name.
    pub fn rename(&mut self, from: &str, to: &str) {
        let collection = self.collections.remove(from).expect("a collection");
        self.collections.insert(to.to_owned(), collection);
    }

    /// Sets a field of a point's payload.
    pub fn set(&mut self, collection: &str, point: u64, field: &str, value: i64) {
        let points = &mut self.collections.get_mut(collection).expect("a collection").points;
        points.get_mut(&point).expect("a point").1.insert(field.to_owned(), value.into());
    }

    /// Deletes the chunks of a manifest.
    pub fn spoil(&mut self, collection: &str) {
        let points = &mut self.collections.get_mut(collection).expect("a collection").points;
        points.retain(|id, _| *id == 0);
    }

    fn collection(&mut self, name: &str) -> Result<&mut Collection, Status> {
        let missing = || Status::not_found(format!("Collection `{name}` doesn't exist!"));
        self.collections.get_mut(name).ok_or_else(missing)
    }
}

fn number(id: Option<api::PointId>) -> Result<u64, Status> {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Num(number)) => Ok(number),
        _ => Err(Status::invalid_argument("an id that is no number")),
    }
}

fn id(number: u64) -> Option<api::PointId> {
    Some(number.into())
}

fn admits(filter: &api::Filter, payload: &BTreeMap<String, api::Value>) -> bool {
    filter.must.iter().all(|condition| {
        let Some(ConditionOneOf::Field(field)) = &condition.condition_one_of else { return false };
        let Some(value) = payload.get(&field.key) else { return false };
        if let Some(range) = &field.range {
            let value = value.as_integer().map_or(f64::NAN, |value| value as f64);
            return range.gte.is_none_or(|least| value >= least)
                && range.lte.is_none_or(|most| value <= most)
                && range.lt.is_none_or(|limit| value < limit);
        }
        let wanted = field.r#match.as_ref().and_then(|wanted| wanted.match_value.as_ref());
        match (wanted, value.as_str()) {
            (Some(MatchValue::Keyword(wanted)), Some(value)) => value == wanted,
            (Some(MatchValue::Keywords(wanted)), Some(value)) => wanted.strings.contains(value),
            _ => false,
        }
    })
}

fn done() -> Result<Response<api::PointsOperationResponse>, Status> {
    Ok(Response::new(api::PointsOperationResponse::default()))
}

/// Requests that the client does not make, as `tonic::async_trait` would write them: it does not see into macros.
macro_rules! unasked {
    ($($name:ident($request:ident) -> $response:ident;)*) => {
        $(fn $name<'life0, 'async_trait>(
            &'life0 self,
            _: Request<api::$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<api::$response>, Status>> + Send + 'async_trait>>
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async { Err(Status::unimplemented(stringify!($name))) })
        })*
    };
}

#[tonic::async_trait]
impl Points for QdrantServer {
    async fn upsert(
        &self,
        request: Request<api::UpsertPoints>,
    ) -> Result<Response<api::PointsOperationResponse>, Status> {
        let mut state = self.called()?;
        let api::UpsertPoints { collection_name, points, update_filter, .. } = request.into_inner();
        let collection = state.collection(&collection_name)?;
        for point in points {
            let vector = match point.vectors.and_then(|vectors| vectors.vectors_options) {
                #[allow(deprecated)]
                Some(vectors::VectorsOptions::Vector(vector)) => match vector.vector {
                    Some(api::vector::Vector::Dense(dense)) => dense.data,
                    _ => vector.data,
                },
                _ => return Err(Status::invalid_argument("no vector")),
            };
            if vector.len() != collection.dim {
                return Err(Status::invalid_argument("Wrong input: Vector dimension error"));
            }
            let number = number(point.id)?;
            let stays = collection.points.get(&number).is_some_and(|(_, payload)| {
                update_filter.as_ref().is_some_and(|filter| !admits(filter, payload))
            });
            if !stays {
                let payload = point.payload.into_iter().collect();
                collection.points.insert(number, (vector, payload));
            }
        }
        done()
    }

    async fn delete(
        &self,
        request: Request<api::DeletePoints>,
    ) -> Result<Response<api::PointsOperationResponse>, Status> {
        let mut state = self.called()?;
        let api::DeletePoints { collection_name, points, .. } = request.into_inner();
        let collection = state.collection(&collection_name)?;
        match points.and_then(|points| points.points_selector_one_of) {
            Some(PointsSelectorOneOf::Points(list)) => {
                for id in list.ids {
                    collection.points.remove(&number(Some(id))?);
                }
            }
            Some(PointsSelectorOneOf::Filter(filter)) => {
                collection.points.retain(|_, (_, payload)| !admits(&filter, payload));
            }
            None => return Err(Status::invalid_argument("no points")),
        }
        done()
    }

    async fn get(
        &self,
        request: Request<api::GetPoints>,
    ) -> Result<Response<api::GetResponse>, Status> {
        let mut state = self.called()?;
        let api::GetPoints { collection_name, ids, .. } = request.into_inner();
        let collection = state.collection(&collection_name)?;
        let mut result = Vec::new();
        for wanted in ids {
            let number = number(Some(wanted))?;
            let Some((vector, payload)) = collection.points.get(&number) else { continue };
            let dense =
                api::vector_output::Vector::Dense(api::DenseVector { data: vector.clone() });
            let vector = api::VectorOutput { vector: Some(dense), ..api::VectorOutput::default() };
            result.push(api::RetrievedPoint {
                id: id(number),
                payload: payload.clone().into_iter().collect(),
                vectors: Some(api::VectorsOutput {
                    vectors_options: Some(vectors_output::VectorsOptions::Vector(vector)),
                }),
                ..api::RetrievedPoint::default()
            });
        }
        Ok(Response::new(api::GetResponse { result, ..api::GetResponse::default() }))
    }

    async fn create_field_index(
        &self,
        request: Request<api::CreateFieldIndexCollection>,
    ) -> Result<Response<api::PointsOperationResponse>, Status> {
        self.called()?.collection(&request.into_inner().collection_name)?;
        done()
    }

    async fn count(
        &self,
        request: Request<api::CountPoints>,
    ) -> Result<Response<api::CountResponse>, Status> {
        let mut state = self.called()?;
        let count = state.collection(&request.into_inner().collection_name)?.points.len() as u64;
        let result = Some(api::CountResult { count });
        Ok(Response::new(api::CountResponse { result, ..api::CountResponse::default() }))
    }

    async fn query(
        &self,
        request: Request<api::QueryPoints>,
    ) -> Result<Response<api::QueryResponse>, Status> {
        let mut state = self.called()?;
        let api::QueryPoints { collection_name, query, filter, limit, .. } = request.into_inner();
        let collection = state.collection(&collection_name)?;
        let wanted = match query.and_then(|query| query.variant) {
            Some(query::Variant::Nearest(nearest)) => match nearest.variant {
                Some(vector_input::Variant::Dense(dense)) => dense.data,
                _ => return Err(Status::invalid_argument("no dense vector")),
            },
            _ => return Err(Status::invalid_argument("no nearest")),
        };
        let mut result: Vec<api::ScoredPoint> = collection
            .points
            .iter()
            .filter(|(_, (_, payload))| filter.as_ref().is_none_or(|f| admits(f, payload)))
            .map(|(&number, (vector, _))| api::ScoredPoint {
                id: id(number),
                score: vector.iter().zip(&wanted).map(|(a, b)| a * b).sum(),
                ..api::ScoredPoint::default()
            })
            .collect();
        result.sort_by(|a, b| b.score.total_cmp(&a.score));
        result.truncate(limit.unwrap_or(10) as usize);
        Ok(Response::new(api::QueryResponse { result, ..api::QueryResponse::default() }))
    }

    unasked! {
        update_vectors(UpdatePointVectors) -> PointsOperationResponse;
        delete_vectors(DeletePointVectors) -> PointsOperationResponse;
        set_payload(SetPayloadPoints) -> PointsOperationResponse;
        overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
        delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
        clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
        delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse;
        create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
        delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
        search(SearchPoints) -> SearchResponse;
        search_batch(SearchBatchPoints) -> SearchBatchResponse;
        search_groups(SearchPointGroups) -> SearchGroupsResponse;
        scroll(ScrollPoints) -> ScrollResponse;
        recommend(RecommendPoints) -> RecommendResponse;
        recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
        recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
        discover(DiscoverPoints) -> DiscoverResponse;
        discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
        update_batch(UpdateBatchPoints) -> UpdateBatchResponse;
        query_batch(QueryBatchPoints) -> QueryBatchResponse;
        query_groups(QueryPointGroups) -> QueryGroupsResponse;
        facet(FacetCounts) -> FacetResponse;
        search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
        search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
    }
}

#[tonic::async_trait]
impl Collections for QdrantServer {
    async fn get(
        &self,
        request: Request<api::GetCollectionInfoRequest>,
    ) -> Result<Response<api::GetCollectionInfoResponse>, Status> {
        self.called()?.collection(&request.into_inner().collection_name)?;
        let status = api::CollectionStatus::Green.into();
        let result = Some(api::CollectionInfo { status, ..api::CollectionInfo::default() });
        let response = api::GetCollectionInfoResponse { result, ..Default::default() };
        Ok(Response::new(response))
    }

    async fn list(
        &self,
        _: Request<api::ListCollectionsRequest>,
    ) -> Result<Response<api::ListCollectionsResponse>, Status> {
        let names = self.called()?.names().into_iter();
        let collections = names.map(|name| api::CollectionDescription { name }).collect();
        Ok(Response::new(api::ListCollectionsResponse { collections, ..Default::default() }))
    }

    async fn create(
        &self,
        request: Request<api::CreateCollection>,
    ) -> Result<Response<api::CollectionOperationResponse>, Status> {
        let api::CreateCollection { collection_name, vectors_config, .. } = request.into_inner();
        let dim = match vectors_config.and_then(|config| config.config) {
            Some(vectors_config::Config::Params(params)) => params.size as usize,
            _ => return Err(Status::invalid_argument("no vectors")),
        };
        let collection = Collection { dim, ..Collection::default() };
        self.called()?.collections.insert(collection_name, collection);
        Ok(Response::new(api::CollectionOperationResponse { result: true, time: 0.0 }))
    }

    async fn update(
        &self,
        request: Request<api::UpdateCollection>,
    ) -> Result<Response<api::CollectionOperationResponse>, Status> {
        self.called()?.collection(&request.into_inner().collection_name)?;
        Ok(Response::new(api::CollectionOperationResponse { result: true, time: 0.0 }))
    }

    async fn delete(
        &self,
        request: Request<api::DeleteCollection>,
    ) -> Result<Response<api::CollectionOperationResponse>, Status> {
        let name = request.into_inner().collection_name;
        let result = self.called()?.collections.remove(&name).is_some();
        Ok(Response::new(api::CollectionOperationResponse { result, time: 0.0 }))
    }

    async fn collection_exists(
        &self,
        request: Request<api::CollectionExistsRequest>,
    ) -> Result<Response<api::CollectionExistsResponse>, Status> {
        let name = request.into_inner().collection_name;
        let exists = self.called()?.collections.contains_key(&name);
        let result = Some(api::CollectionExists { exists });
        Ok(Response::new(api::CollectionExistsResponse { result, time: 0.0 }))
    }

    unasked! {
        update_aliases(ChangeAliases) -> CollectionOperationResponse;
        list_collection_aliases(ListCollectionAliasesRequest) -> ListAliasesResponse;
        list_aliases(ListAliasesRequest) -> ListAliasesResponse;
        collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
        update_collection_cluster_setup(UpdateCollectionClusterSetupRequest) -> UpdateCollectionClusterSetupResponse;
        create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse;
        delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
        list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
    }
}
