//! Qdrant's service `Points`.

use std::collections::BTreeMap;
use std::pin::Pin;

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_server::Points;
use qdrant_client::qdrant::{self as api, query, vector_input, vectors, vectors_output};
use tonic::{Request, Response, Status};

use super::QdrantServer;

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

    unimplemented_requests! {
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
