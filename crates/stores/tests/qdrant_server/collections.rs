//! Qdrant's service `Collections`.

use std::pin::Pin;

use qdrant_client::qdrant::collections_server::Collections;
use qdrant_client::qdrant::{self as api, vectors_config};
use tonic::{Request, Response, Status};

use super::{Collection, QdrantServer};

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

    unimplemented_requests! {
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
