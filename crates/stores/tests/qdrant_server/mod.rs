//! A fake Qdrant server in this process: the requests that the client makes, points in memory, exact search.

/// Requests that the client does not make, as `tonic::async_trait` would write them: it does not see into macros.
macro_rules! unimplemented_requests {
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

mod collections;
mod points;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use qdrant_client::qdrant as api;
use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;

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
