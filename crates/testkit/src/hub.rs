//! A fake Hugging Face hub with fault injection.
//!
//! Two servers listen on 127.0.0.1. The *endpoint* serves repositories and plain files; it redirects requests for large
//! files to the *store*, another port and so another origin, as the real hub does. Every request is recorded.
//!
//! ```
//! use lookalike_testkit::hub::{Fault, Hub};
//!
//! let hub = Hub::start();
//! hub.put("timm/tiny", "model.safetensors", b"weights");
//! let url = hub.put_url("/models/tiny.pth", b"weights");
//! assert!(url.starts_with(&hub.endpoint())); // for HF_ENDPOINT
//! hub.fault(Fault::CutAfter(3)); // the next response with content ends after 3 bytes
//! assert!(hub.requests().is_empty());
//! ```

mod http;
mod respond;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use sha2::{Digest, Sha256};

pub use http::Request;

/// SHA-256 of `bytes`: 64 hexadecimal digits in lower case.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A fault to inject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The next request gets a response with this status, and `Retry-After` if given.
    Status(u16, Option<u32>),
    /// Like [`Fault::Status`], for the next request whose response would have content.
    ContentStatus(u16, Option<u32>),
    /// The connection is cut after so many bytes of the content.
    CutAfter(usize),
    /// Every byte of the content is wrong; size and headers are right.
    WrongBytes,
    /// A range request gets the whole content.
    IgnoreRange,
    /// Half of the content is sent, then nothing more while the hub runs; the connection stays open.
    Stall,
}

impl Fault {
    fn needs_content(&self) -> bool {
        !matches!(self, Self::Status(..))
    }
}

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// Repositories and plain files.
    Endpoint,
    /// The content of large files.
    Store,
}

#[derive(Clone)]
struct Entry {
    bytes: Arc<[u8]>,
    etag: String,
    /// Whether the endpoint redirects requests for it to the store.
    large: bool,
}

#[derive(Default)]
struct State {
    /// By `REPO/FILE`.
    files: BTreeMap<String, Entry>,
    /// By path.
    plain: BTreeMap<String, Entry>,
    redirects: BTreeMap<String, String>,
    overrides: Vec<(String, String)>,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
    token: Option<String>,
    requests: Vec<Request>,
}

struct Shared {
    state: Mutex<State>,
    stopped: AtomicBool,
    store: SocketAddr,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hub that runs until it is dropped.
pub struct Hub {
    shared: Arc<Shared>,
    servers: Vec<(SocketAddr, Option<JoinHandle<()>>)>,
}

impl Hub {
    /// The commit of every revision.
    pub const COMMIT: &str = "5dead1e55be90b5bd3a3ee5b6b0e5f0123456789";

    /// Starts both servers on free ports.
    pub fn start() -> Self {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let (endpoint, store) = (listen(), listen());
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            stopped: AtomicBool::new(false),
            store: store.local_addr().expect("a bound port"),
        });
        let servers = [(endpoint, Site::Endpoint), (store, Site::Store)];
        let servers = servers.map(|(listener, site)| {
            let address = listener.local_addr().expect("a bound port");
            let shared = Arc::clone(&shared);
            (address, Some(thread::spawn(move || serve(&listener, site, &shared))))
        });
        Self { shared, servers: servers.into() }
    }

    /// `http://127.0.0.1:PORT`, for `HF_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.servers[0].0)
    }

    /// Address of the store, which must never receive a token.
    pub fn store(&self) -> String {
        format!("http://{}", self.shared.store)
    }

    /// Adds a large file to a repository, at every revision: its ETag is its SHA-256, its content comes from the store.
    pub fn put(&self, repo: &str, file: &str, bytes: &[u8]) {
        self.insert(repo, file, bytes, sha256(bytes), true);
    }

    /// Adds a small file to a repository: its ETag is not its SHA-256, its content comes from the endpoint.
    pub fn put_small(&self, repo: &str, file: &str, bytes: &[u8]) {
        self.insert(repo, file, bytes, sha256(bytes)[..40].to_owned(), false);
    }

    fn insert(&self, repo: &str, file: &str, bytes: &[u8], etag: String, large: bool) {
        let entry = Entry { bytes: bytes.into(), etag, large };
        self.shared.state().files.insert(format!("{repo}/{file}"), entry);
    }

    /// Adds a plain file at `path`, which begins with a slash. Returns its URL.
    pub fn put_url(&self, path: &str, bytes: &[u8]) -> String {
        let entry =
            Entry { bytes: bytes.into(), etag: sha256(bytes)[..16].to_owned(), large: false };
        self.shared.state().plain.insert(path.to_owned(), entry);
        format!("{}{path}", self.endpoint())
    }

    /// Redirects requests for `path`, on both servers. Returns its URL.
    pub fn redirect(&self, path: &str, target: &str) -> String {
        self.shared.state().redirects.insert(path.to_owned(), target.to_owned());
        format!("{}{path}", self.endpoint())
    }

    /// Overrides a header of responses for repositories' files; an empty value removes it.
    pub fn override_header(&self, name: &str, value: &str) {
        self.shared.state().overrides.push((name.to_owned(), value.to_owned()));
    }

    /// Requires this token for repositories; other requests get 401.
    pub fn require_token(&self, token: &str) {
        self.shared.state().token = Some(token.to_owned());
    }

    /// Injects a fault once. Faults queue up; each affects the first request that it applies to.
    pub fn fault(&self, fault: Fault) {
        self.shared.state().faults.push_back(fault);
    }

    /// Injects a fault into every request, or stops that. Queued faults come first.
    pub fn always(&self, fault: Option<Fault>) {
        self.shared.state().always = fault;
    }

    /// All requests so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.state().requests.clear();
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for (address, server) in &mut self.servers {
            // Wakes the server's accept loop, which then stops.
            let _ = TcpStream::connect(*address);
            if let Some(server) = server.take() {
                let _ = server.join();
            }
        }
    }
}

fn serve(listener: &TcpListener, site: Site, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // Clients may disconnect at any time.
        thread::spawn(move || {
            let _ = respond::handle(stream, site, &shared);
        });
    }
}
