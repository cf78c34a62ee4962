//! The contract of remote stores: of a fake Qdrant in this process always, of PostgreSQL with pgvector where
//! `LOOKALIKE_POSTGRES` has the address of a test database, of Qdrant where `QDRANT_URL` has its address
//! (`qdrant://host:6334`). The tests delete the segments that they create.

#[path = "../../vectors/tests/cases/mod.rs"]
mod cases;
mod qdrant_server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cases::{GROUPS, clouds};
use lookalike_stores::open;
use lookalike_testkit::skipped;
use lookalike_vectors::{
    Manifest, Point, RemoteError, RemoteSegment, RemoteStore, VectorError, VectorStore, Vectors,
};
use qdrant_server::QdrantServer;

const SEGMENT: &str = "0123456789ab";

/// An index's name that no other test has.
fn name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// An empty store of every kind that is available.
fn stores() -> Vec<(&'static str, Arc<dyn RemoteStore>)> {
    let (_, address) = QdrantServer::start();
    let mut stores = vec![("Qdrant in this process", format!("qdrant://{address}/{}", name()))];
    match std::env::var("LOOKALIKE_POSTGRES") {
        Ok(address) => stores.push(("PostgreSQL", format!("{address}?index={}", name()))),
        Err(_) => skipped("PostgreSQL: LOOKALIKE_POSTGRES is not set"),
    }
    match std::env::var("QDRANT_URL") {
        Ok(address) => stores.push(("Qdrant", format!("{address}/{}", name()))),
        Err(_) => skipped("Qdrant's own server: QDRANT_URL is not set"),
    }
    let open = |(name, address): (_, String)| (name, open(&address).expect("a store"));
    stores.into_iter().map(open).collect()
}

fn manifest(generation: u64, content: &[u8]) -> Manifest {
    Manifest { generation, segment: SEGMENT.into(), content: content.to_vec() }
}

fn points(dim: usize, values: &[f32]) -> Vec<Point> {
    let vectors = Vectors::normalised(dim, values.to_vec()).expect("valid vectors");
    let point = |row: u32| Point {
        id: 10 * u64::from(row),
        group: format!("제품 {}", row % GROUPS),
        vector: vectors.row(row),
    };
    (0..vectors.len() as u32).map(point).collect()
}

/// Stores of some vectors, in segments that have another point, too.
fn filled(dim: usize, values: Vec<f32>) -> Vec<(&'static str, Box<dyn VectorStore>)> {
    let points = points(dim, &values);
    let ids: Arc<[u64]> = points.iter().map(|point| point.id).collect();
    let groups: Arc<[String]> = (0..GROUPS).map(|group| format!("제품 {group}")).collect();
    let fill = |(name, store): (&'static str, Arc<dyn RemoteStore>)| {
        assert_eq!(store.create_segment(SEGMENT, dim).expect("a segment"), 0, "{name}");
        for points in points.chunks(700) {
            store.upsert(SEGMENT, points).expect("points");
        }
        // As if a change had been killed after it inserted the point.
        if let Some(stray) = points.first() {
            store.upsert(SEGMENT, &[Point { id: 5, ..stray.clone() }]).expect("a point");
        }
        store.build_segment_index(SEGMENT).expect("a graph");
        let rows =
            RemoteSegment::new(store, SEGMENT.into(), Arc::clone(&ids), Arc::clone(&groups), dim);
        (name, Box::new(Swept(rows)) as Box<dyn VectorStore>)
    };
    stores().into_iter().map(fill).collect()
}

/// Deletes its segments when dropped.
struct Swept(RemoteSegment);

impl Drop for Swept {
    fn drop(&mut self) {
        self.0.store().retain_segments(&[]).expect("swept");
    }
}

impl VectorStore for Swept {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn search(&self, query: &[f32], k: usize) -> Result<Vec<lookalike_vectors::Hit>, VectorError> {
        self.0.search(query, k)
    }
    fn search_exact(
        &self,
        query: &[f32],
        k: usize,
    ) -> Result<Vec<lookalike_vectors::Hit>, VectorError> {
        self.0.search_exact(query, k)
    }
    fn search_filtered(
        &self,
        query: &[f32],
        allowed: &[bool],
        k: usize,
    ) -> Result<Vec<lookalike_vectors::Hit>, VectorError> {
        self.0.search_filtered(query, allowed, k)
    }
    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError> {
        self.0.rows(rows)
    }
}

#[test]
fn remote_stores_keep_the_contract_of_all_stores() {
    cases::hits_are_sorted_distinct_and_as_many_as_there_can_be(&filled);
    cases::an_empty_store_finds_nothing(&filled);
    cases::queries_that_cannot_be_compared_are_refused(&filled);
    cases::hundreds_of_identical_vectors_hide_no_other(&filled);
    cases::some_groups_are_searched_as_if_there_were_no_others(&filled);
    cases::an_exact_search_misses_nothing(&filled);
    cases::vectors_are_given_back(&filled);
}

#[test]
fn graph_searches_agree_with_exact_ones() {
    let (dim, n) = (64, 4000);
    let values = clouds(n, dim, 54);
    let queries = clouds(n + 100, dim, 54).split_off(n * dim);
    for (name, store) in filled(dim, values) {
        let (mut same, mut all) = (0, 0);
        for query in queries.chunks_exact(dim) {
            let exact = store.search_exact(query, 10).expect("a search");
            let found = store.search(query, 10).expect("a search");
            all += exact.len();
            same += exact.iter().filter(|hit| found.iter().any(|f| f.row == hit.row)).count();
        }
        let recall = same as f64 / all as f64;
        assert!(recall >= 0.97, "{name}: recall@10 of {recall:.4} over 100 queries");
    }
}

#[test]
fn a_manifest_is_swapped_only_by_who_has_read_the_last() {
    for (name, store) in stores() {
        assert_eq!(store.manifest().expect("no manifest"), None, "{name}");
        // More than one message holds.
        let large: Vec<u8> = (0..5_000_000u32).map(|at| (at * 31 % 251) as u8).collect();
        store.swap_manifest(None, &manifest(1, &large)).expect("the first");
        assert_eq!(store.manifest().expect("a manifest"), Some(manifest(1, &large)), "{name}");
        store.swap_manifest(None, &manifest(1, &large)).expect("a repeated swap is none");
        for expected in [None, Some(7)] {
            let refused = store.swap_manifest(expected, &manifest(8, b"late")).expect_err(name);
            assert!(matches!(refused, RemoteError::Conflict { .. }), "{name}: {refused}");
        }
        for generation in 2..5 {
            let next = manifest(generation, format!("의자 {generation}").as_bytes());
            store.swap_manifest(Some(generation - 1), &next).expect("the next");
            assert_eq!(store.manifest().expect("a manifest"), Some(next), "{name}");
        }
    }
}

#[test]
fn loading_resumes_and_points_are_deleted() {
    let dim = 8;
    let points = points(dim, &clouds(30, dim, 3));
    for (name, store) in stores() {
        assert_eq!(store.create_segment(SEGMENT, dim).expect("a segment"), 0, "{name}");
        store.upsert(SEGMENT, &points[..20]).expect("points");
        assert_eq!(store.create_segment(SEGMENT, dim).expect("the segment"), 20, "{name}");
        store.upsert(SEGMENT, &points[10..]).expect("some of them again");
        assert_eq!(store.create_segment(SEGMENT, dim).expect("the segment"), 30, "{name}");
        store.build_segment_index(SEGMENT).expect("a graph");
        store.build_segment_index(SEGMENT).expect("it is there already");
        store.delete(SEGMENT, &[0, 10, 77]).expect("removed");
        store.delete(SEGMENT, &[]).expect("nothing");
        assert_eq!(store.vectors(SEGMENT, &[0, 10, 20]).expect("vectors").len(), 1, "{name}");
        let near = store.search(SEGMENT, &points[0].vector, None, 30, false).expect("a search");
        assert!(near.iter().all(|(id, _)| *id > 10) && near.len() == 28, "{name}: {near:?}");
        let other = "ba9876543210";
        store.create_segment(other, dim).expect("another segment");
        store.retain_segments(&[other]).expect("swept");
        assert_eq!(store.create_segment(other, dim).expect("it stays"), 0, "{name}");
        assert!(store.search(SEGMENT, &points[0].vector, None, 3, false).is_err(), "{name}");
        store.retain_segments(&[]).expect("swept");
    }
}

#[test]
fn long_vectors_are_kept() {
    // Above 2,000 dimensions PostgreSQL keeps them in f16.
    let dim = 2560;
    for (name, store) in filled(dim, clouds(40, dim, 3)) {
        let hits = store.search(&store.rows(&[7]).expect("a vector")[0], 3).expect("a search");
        assert_eq!(hits[0].row, 7, "{name}");
        assert!((hits[0].similarity - 1.0).abs() < 1e-3, "{name}");
    }
}

#[test]
fn an_unreachable_server_is_one_line_after_a_few_attempts() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
    let free = free.expect("an address");
    for scheme in ["postgres://me:geheim@", "qdrant://"] {
        let store = open(&format!("{scheme}{free}/shop")).expect("nothing is asked yet");
        let error = store.manifest().expect_err("nobody there").to_string();
        assert!(error.contains("does not answer") && error.lines().count() == 1, "{error}");
        assert!(error.contains(&free.to_string()) && !error.contains("geheim"), "{error}");
    }
}

#[test]
fn a_restart_is_survived_and_lost_points_are_reported() {
    let (server, address) = QdrantServer::start();
    let store = open(&format!("qdrant://{address}/shop")).expect("a store");
    store.create_segment(SEGMENT, 4).expect("a segment");
    server.state().unavailable = 3;
    let points = points(4, &clouds(9, 4, 2));
    store.upsert(SEGMENT, &points).expect("after a while");
    assert_eq!(server.state().points(&format!("shop_{SEGMENT}")), 9);
    server.state().unavailable = 100;
    let calls = server.state().calls;
    let error = store.upsert(SEGMENT, &points).expect_err("never back").to_string();
    assert!(error.contains("does not answer (restarting)"), "{error}");
    // Five attempts, each of which the client makes twice.
    assert_eq!(server.state().calls - calls, 10, "attempts are bounded");
    server.state().unavailable = 0;
    let wrong = [Point { vector: vec![1.0], ..points[0].clone() }];
    let error = store.upsert(SEGMENT, &wrong).expect_err("another length").to_string();
    assert!(error.contains("refused (Wrong input"), "{error}");

    store.swap_manifest(None, &manifest(1, b"content")).expect("a manifest");
    server.state().spoil("shop_manifest");
    let error = store.manifest().expect_err("half a manifest").to_string();
    assert!(error.contains("not whole") && error.contains("build the index again"), "{error}");
    let rows = RemoteSegment::new(store, SEGMENT.into(), [0, 99].into(), [].into(), 4);
    let error = rows.rows(&[1]).expect_err("lost").to_string();
    assert!(error.contains("has lost vector 99"), "{error}");
    assert_eq!(server.state().names(), [format!("shop_{SEGMENT}"), "shop_manifest".to_owned()]);
}

#[test]
fn invalid_addresses_are_refused() {
    for (address, expected) in [
        ("mysql://db/shop", "not the address of a store"),
        ("qdrant://host/Shop", "is no name"),
        ("qdrant://host/shop?shards=many", "shards=many"),
        ("qdrant://host/shop?quantize=perhaps", "neither yes nor no"),
        ("qdrant://host/shop?colour=red", "no option 'colour'"),
        ("postgres://host/shop?index=a-b", "is no name"),
        ("postgres://host:port/shop", "port"),
    ] {
        let error = open(address).err().expect(address).to_string();
        assert!(error.contains(expected) && error.lines().count() == 1, "{address}: {error}");
    }
}

/// Manifests of other formats are refused: of programs before 0.1.0, and of a later one.
#[test]
fn qdrants_other_formats_are_refused() {
    let (server, address) = QdrantServer::start();
    let store = open(&format!("qdrant://{address}/shop")).expect("a store");
    store.swap_manifest(None, &manifest(1, b"content")).expect("a manifest");
    server.state().rename("shop_manifest", "shop_head");
    let refused = store.manifest().expect_err("before 0.1.0");
    assert!(matches!(refused, RemoteError::OtherFormat { found: 0, newest: 1, .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.contains("before 0.1.0") && text.contains("build the index again"), "{text}");
    server.state().rename("shop_head", "shop_manifest");
    server.state().set("shop_manifest", 0, "format", 2);
    let refused = store.manifest().expect_err("a later program's");
    assert!(matches!(refused, RemoteError::OtherFormat { found: 2, newest: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("update it"), "{refused}");
}

/// Tables of other formats are refused: of programs before 0.1.0, and of a later one.
#[test]
fn postgresqls_other_formats_are_refused() {
    let Ok(address) = std::env::var("LOOKALIKE_POSTGRES") else {
        return skipped("PostgreSQL: LOOKALIKE_POSTGRES is not set");
    };
    let database = name();
    let own = format!("{}/{database}", address.rsplit_once('/').expect("a database").0);
    execute(&address, &format!("CREATE DATABASE {database}"));
    let refused = |statement: &str| {
        execute(&own, statement);
        open(&own).expect("a store").manifest().expect_err("another format")
    };
    let old = refused("CREATE TABLE lookalike_heads (index text)");
    assert!(matches!(old, RemoteError::OtherFormat { found: 0, newest: 1, .. }), "{old}");
    let new =
        "CREATE TABLE lookalike_format (version int); INSERT INTO lookalike_format VALUES (2)";
    let new = refused(new);
    assert!(matches!(new, RemoteError::OtherFormat { found: 2, newest: 1, .. }), "{new}");
    execute(&address, &format!("DROP DATABASE {database} WITH (FORCE)"));
}

fn execute(address: &str, statement: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let connected = tokio_postgres::connect(address, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("a connection");
        let connection = tokio::spawn(connection);
        client.batch_execute(statement).await.expect("executed");
        drop(client);
        connection.await.expect("no panic").expect("closed");
    });
}
