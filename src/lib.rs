//! Visual product search as a library: a photo in, the shop's product out.
//!
//! Customers' review photos, each labelled with the product it shows, are embedded by a convolutional network
//! and indexed. A search embeds a photo, finds its nearest neighbours and ranks their products.
//!
//! This crate is the library's front door, and shares its name with the program `lookalike`. It re-exports
//! what most programs need, and each part as a module: take single crates of the workspace for less.
//!
//! # Example
//!
//! Draws a small synthetic shop, indexes it with the weights that are part of the program, and searches for a
//! photo that is not in the index:
//!
//! ```
//! use lookalike::catalog::Split;
//! use lookalike::{Catalog, Encoder, Index, IndexBuilder, Searcher, Silent, demo, load};
//!
//! let folder = tempfile::tempdir()?;
//! let settings = demo::Settings { photos: 108, side: 128, ..demo::Settings::default() };
//! let shop = demo::write(&folder.path().join("shop"), &settings, &Silent)?;
//!
//! // A manifest, or a folder with one folder of photos per product.
//! let catalog = Catalog::open(&shop.manifest, None)?;
//! let encoder = Encoder::new(load("bundled".as_ref(), None)?);
//! let index = IndexBuilder::new(&catalog, &encoder).build()?;
//! index.save(&folder.path().join("index"))?;
//!
//! let index = Index::open(&folder.path().join("index"))?;
//! let searcher = Searcher::new(index, encoder)?;
//! let photo = catalog.photos.iter().find(|photo| photo.split == Some(Split::Test)).expect("one");
//! let answer = searcher.search_file(&catalog.file(photo), 5)?;
//! for found in &answer.matches {
//!     println!("{}. {} ({:.0} %)", found.rank, found.product.name, 100.0 * found.score);
//! }
//! assert_eq!(answer.matches.len(), 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! More programs stand in the repository's folder `examples`: `search_a_photo`, `embed_the_server` (the HTTP
//! API as part of another server) and `own_vector_store` (a [`VectorStore`] of one's own).
//!
//! # Concepts
//!
//! **Catalogue**: products, and the photos that show each: [`Catalog`], [`catalog::Product`],
//! [`catalog::Photo`]. A photo may belong to a [`catalog::Split`]: `train`, `val` or `test`.
//!
//! **Embedding**: the activations of a network's penultimate layer for one photo, a vector of some hundred
//! to some thousand dimensions. [`load`] opens a network, [`Encoder`] embeds photos with one or with an
//! ensemble. [`photo::Preprocess`] says how a photo becomes the network's input;
//! [`backbone::ModelIdentity`] names network, weights and preprocessing. An index refuses any other.
//!
//! **Metric**: embeddings are centred, whitened by the covariance within products (WCCN) and reduced to
//! [`BuildOptions::dims`] dimensions. Cosine similarity compares the results. The metric is learnt from
//! the indexed photos, in closed form, and kept in the [`Index`].
//!
//! **Nearest neighbours**: [`vectors::HnswStore`] is an approximate index (HNSW), [`vectors::ExactStore`]
//! compares with every vector. Both implement [`VectorStore`]; so do PostgreSQL with pgvector and Qdrant, in
//! the module `stores`, with the feature of that name.
//!
//! **Neighbour vote**: the nearest photos vote for their products, weighted by similarity:
//! [`rank::vote`]. The photos that voted for a product are its evidence: [`EvidencePhoto`].
//!
//! **Prototype**: the mean vector of a product's photos. A product also scores by the similarity of its
//! prototype to the query.
//!
//! **Fusion**: the vote, the prototypes and, where a network was trained on the products, its classifier are
//! combined by a log-linear pool with weights fitted on held-out photos: [`rank`]. [`Match`] shows the parts of
//! a score.
//!
//! **Calibration and "no match"**: a logistic model, with a prior from many catalogues, turns features of a ranking into
//! the probability that its first product is right. Novelty detection rejects photos of objects that are not sold:
//! [`Verdict`].
//!
//! **Views**: test-time augmentation of the query, whose embeddings are averaged: [`Views`].
//!
//! **Objects**: a photo of several objects is cut into boxes first, from a network's activation map or by an
//! object detector, and each is searched for: [`detect`].
//!
//! # Parts
//!
//! | module | what |
//! | --- | --- |
//! | [`photo`] | decoding, preprocessing, augmentation, thumbnails |
//! | [`catalog`] | folders and manifests of products and photos |
//! | [`infer`] | inference on the CPU, in f32 and int8 |
//! | [`backbone`] | MobileNetV3, ResNet50 and VGG19: inference and training |
//! | [`weights`] | known weight files: where they are, and where they can be downloaded |
//! | [`download`] | downloading files, cached, resumed and verified |
//! | [`vectors`] | nearest-neighbour search, snapshots on disk |
//! | `stores` | indexes in PostgreSQL and Qdrant (feature `stores`) |
//! | [`detect`] | object detection |
//! | [`rank`] | vote, fusion, calibration |
//! | [`engine`] | building, changing, searching and evaluating an index |
//! | [`eval`] | metrics, and the report of an evaluation |
//! | [`curate`] | which photos to keep, near-duplicates, splits |
//! | [`train`] | fine-tuning |
//! | [`demo`] | the synthetic shop |
//! | [`server`] | the HTTP API and the shoppers' page |
//! | [`progress`] | the progress of what takes long |
//!
//! # Features
//!
//! `stores`: indexes in PostgreSQL with pgvector, or in Qdrant. `detector`: object detectors in ONNX files.
//! `cuda`: networks on an NVIDIA GPU.

pub use lookalike_backbone as backbone;
pub use lookalike_catalog as catalog;
pub use lookalike_curate as curate;
pub use lookalike_demo as demo;
pub use lookalike_detect as detect;
pub use lookalike_download as download;
pub use lookalike_engine as engine;
pub use lookalike_eval as eval;
pub use lookalike_infer as infer;
pub use lookalike_photo as photo;
pub use lookalike_rank as rank;
pub use lookalike_server as server;
#[cfg(feature = "stores")]
pub use lookalike_stores as stores;
pub use lookalike_train as train;
pub use lookalike_vectors as vectors;
pub use lookalike_weights as weights;

pub use lookalike_base::progress;

pub use lookalike_backbone::{BackboneKind, LoadedBackbone, load};
pub use lookalike_catalog::Catalog;
pub use lookalike_engine::{
    Answer, BuildOptions, Encoder, EngineError, EvidencePhoto, Filter, Index, IndexBuilder, Match,
    Phase, Progress, Query, SearchResult, Searcher, Silent, Verdict, Views,
};
pub use lookalike_vectors::VectorStore;
