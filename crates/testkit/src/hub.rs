//! A hub to download from, on this machine: it answers as a Hugging Face hub does, and fails as asked.
//!
//! Two servers listen on 127.0.0.1. The *endpoint* knows repositories and plain files; it sends
//! whoever wants a large file on to the *store*, another port and so another origin, as the real hub
//! does. Every request is noted down.
//!
//! ```
//! use lookalike_testkit::hub::{Fault, Hub};
//!
//! let hub = Hub::start();
//! hub.put("timm/tiny", "model.safetensors", b"weights");
//! let url = hub.put_url("/models/tiny.pth", b"weights");
//! assert!(url.starts_with(&hub.endpoint())); // what HF_ENDPOINT is to be
//! hub.fault(Fault::CutAfter(3)); // the next answer with content ends after 3 bytes
//! assert!(hub.requests().is_empty());
//! ```

mod answer;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use sha2::{Digest, Sha256};

pub use wire::Request;

/// SHA-256 of `bytes`: 64 hexadecimal digits in lower case.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The next request of any kind is answered with this status, and `Retry-After` if given.
    Status(u16, Option<u32>),
    /// Like [`Fault::Status`], for the next request that would be answered with content.
    ContentStatus(u16, Option<u32>),
    /// The connection is cut after so many bytes of the content.
    CutAfter(usize),
    /// Every byte of the content is another one; size and headers stay.
    WrongBytes,
    /// A request for a range is answered with everything.
    IgnoreRange,
    /// Half of the content comes, then nothing more while the hub runs; the connection stays open.
    Stall,
}

impl Fault {
    fn wants_content(&self) -> bool {
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
    /// Whether the endpoint sends requests for it on to the store.
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
    /// The commit that every revision stands for.
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

    /// `http://127.0.0.1:PORT`: what `HF_ENDPOINT` is to be.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.servers[0].0)
    }

    /// Address of the store, which never sees a token if all is well.
    pub fn store(&self) -> String {
        format!("http://{}", self.shared.store)
    }

    /// A large file of a repository: its entity tag is its SHA-256, its content comes from the store.
    /// It is there at every revision.
    pub fn put(&self, repo: &str, file: &str, bytes: &[u8]) {
        self.insert(repo, file, bytes, sha256(bytes), true);
    }

    /// A small file of a repository: its entity tag is not its SHA-256, its content comes from the
    /// endpoint itself.
    pub fn put_small(&self, repo: &str, file: &str, bytes: &[u8]) {
        self.insert(repo, file, bytes, sha256(bytes)[..40].to_owned(), false);
    }

    fn insert(&self, repo: &str, file: &str, bytes: &[u8], etag: String, large: bool) {
        let entry = Entry { bytes: bytes.into(), etag, large };
        self.shared.state().files.insert(format!("{repo}/{file}"), entry);
    }

    /// A plain file at `path`, which begins with a slash. Returns its address.
    pub fn put_url(&self, path: &str, bytes: &[u8]) -> String {
        let entry =
            Entry { bytes: bytes.into(), etag: sha256(bytes)[..16].to_owned(), large: false };
        self.shared.state().plain.insert(path.to_owned(), entry);
        format!("{}{path}", self.endpoint())
    }

    /// Answers requests for `path`, on both servers, with a redirect. Returns its address.
    pub fn redirect(&self, path: &str, target: &str) -> String {
        self.shared.state().redirects.insert(path.to_owned(), target.to_owned());
        format!("{}{path}", self.endpoint())
    }

    /// Replaces a header in what is answered for a repository's files; an empty value leaves it out.
    pub fn override_header(&self, name: &str, value: &str) {
        self.shared.state().overrides.push((name.to_owned(), value.to_owned()));
    }

    /// Answers requests for repositories without this token with 401.
    pub fn require_token(&self, token: &str) {
        self.shared.state().token = Some(token.to_owned());
    }

    /// Something to go wrong once. Faults wait in a queue; each takes the first request that it can
    /// befall.
    pub fn fault(&self, fault: Fault) {
        self.shared.state().faults.push_back(fault);
    }

    /// Something to go wrong every time, or no more. Faults in the queue come first.
    pub fn always(&self, fault: Option<Fault>) {
        self.shared.state().always = fault;
    }

    /// Every request so far, in the order they came.
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
            // Wakes the server, which then sees that it is to stop.
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
        // A client may go away at any time, which is no failure of the hub.
        thread::spawn(move || {
            let _ = answer::converse(stream, site, &shared);
        });
    }
}
