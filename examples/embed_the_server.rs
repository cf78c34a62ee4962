//! The search as part of another web server: its API and its page under `/search/`, beside a route of one's
//! own.
//!
//! ```text
//! lookalike index build PHOTOS --weights bundled
//! cargo run --release --example embed_the_server -- index
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::routing::get;
use lookalike::engine::IndexLocation;
use lookalike::server::{IndexSource, Settings, router};
use lookalike::{Encoder, EngineError, Index, Searcher, load};
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    let index = std::env::args_os().nth(1).ok_or("name the folder of an index")?;
    let shop = shop(Path::new(&index))?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:8090").await?;
        println!("http://{}/search/", listener.local_addr()?);
        // With the clients' addresses, by which the search limits their rate.
        let service = shop.into_make_service_with_connect_info::<SocketAddr>();
        Ok(axum::serve(listener, service).await?)
    })
}

/// A shop's own server, with the search in it.
pub fn shop(index: &Path) -> Result<Router, Box<dyn Error>> {
    let folder: PathBuf = index.to_owned();
    let again = folder.clone();
    let source = IndexSource {
        location: IndexLocation::Folder(folder.clone()),
        folder: folder.clone(),
        // For operators, who may have the index opened again.
        reload: Box::new(move || searcher(&again).map_err(|error| error.to_string())),
        detector: None,
    };
    let search = router(searcher(&folder)?, source, &Settings::default())?;
    Ok(Router::new().route("/", get(async || "the shop")).nest_service("/search", search))
}

fn searcher(index: &Path) -> Result<Searcher, EngineError> {
    // The weights that the index was built with.
    let encoder = Encoder::new(load("bundled".as_ref(), None)?);
    Searcher::new(Index::open(index)?, encoder)
}
