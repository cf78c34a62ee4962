use std::path::{Path, PathBuf};
use std::sync::Arc;

use lookalike_catalog::{Product, Split};
use lookalike_vectors::snapshot::{self, Format, Payload, SnapshotError, WriteLock};
use lookalike_vectors::{Graph, HnswParams, HnswStore, VectorStore, Vectors};
use serde::{Deserialize, Serialize};

use crate::metric::Metric;
use crate::prototypes::Prototypes;
use crate::ranking::Ranking;
use crate::remote::Remote;
use crate::{BuildReport, Encoder, EngineError, Home, IndexLock, Model, Silent};

/// Name of the file in an index folder.
pub const INDEX_FILE: &str = "lookalike.index";

/// Raise `current` when [`Content`] changes; `index/README.md` tells the versions.
pub(crate) const FORMAT: Format = Format { current: 1, oldest_read: 1, oldest_reader: 1 };

/// What an index file holds, in this order.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Version of the program that wrote it.
    pub(crate) program: String,
    /// Seconds since 1970-01-01, UTC.
    pub(crate) created: u64,
    pub(crate) model: Model,
    /// The folder that photo paths are relative to.
    pub(crate) root: String,
    pub(crate) products: Vec<Product>,
    /// In the order of the vectors' rows.
    pub(crate) photos: Vec<IndexedPhoto>,
    pub(crate) report: BuildReport,
    pub(crate) metric: Metric,
    pub(crate) ranking: Ranking,
    pub(crate) hnsw: HnswParams,
    pub(crate) graph: Arc<Graph>,
    /// Behind the rest, as it is in memory, so that opening an index need not decode it.
    #[serde(skip)]
    pub(crate) vectors: Arc<Vectors>,
}

/// A photo in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedPhoto {
    /// Position of its product in [`Index::products`].
    pub product: u32,
    /// Path relative to [`Index::root`].
    pub path: String,
    /// The part of the data it was kept for.
    pub split: Option<Split>,
    /// Checksum of its file.
    pub sha256: [u8; 32],
}

/// A catalogue's photos, embedded and linked, ready to be searched.
pub struct Index {
    content: Content,
    /// Where the vectors are, if that is elsewhere: the content then has none, and no graph.
    remote: Option<Remote>,
}

/// What an index is, in short.
#[derive(Debug, Clone, Serialize)]
pub struct IndexInfo {
    /// The index file, or the store that has it.
    pub file: PathBuf,
    /// The file's size.
    pub bytes: Option<u64>,
    /// Version of the on-disk format.
    pub format: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// When, in seconds since 1970-01-01, UTC.
    pub created: u64,
    /// What made the embeddings.
    pub model: Model,
    /// The folder that photo paths are relative to.
    pub root: String,
    /// Number of products with photos.
    pub products: usize,
    /// Number of photos.
    pub photos: usize,
    /// Number of different vectors; 0 where they are elsewhere.
    pub nodes: usize,
    /// Length of a vector, which is what an embedding is turned into for being compared.
    pub vector_dim: usize,
    /// How products are ranked.
    pub ranking: Ranking,
    /// The graph's parameters.
    pub hnsw: HnswParams,
    /// What became of the photos during the build.
    pub report: BuildReport,
}

impl Index {
    pub(crate) fn from_content(content: Content) -> Self {
        Self { content, remote: None }
    }

    pub(crate) fn elsewhere(content: Content, remote: Remote) -> Self {
        Self { content, remote: Some(remote) }
    }

    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    /// Opens an index by its folder or file, and checks that it is whole.
    ///
    /// # Errors
    /// [`EngineError::NoIndex`], [`EngineError::DamagedIndex`] or [`EngineError::Snapshot`].
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let file = index_file(path);
        let decode = |_, payload: &Payload| payload.decode::<Content>();
        let (mut content, bytes) = match snapshot::read(&file, FORMAT, decode) {
            Err(SnapshotError::Unreadable { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Err(EngineError::NoIndex { path: path.to_owned() });
            }
            read => read?,
        };
        if let Some(reason) = content.metric.misfit(&content.model) {
            return Err(EngineError::DamagedIndex { path: file, reason: reason.to_owned() });
        }
        let (dim, photos) = (content.metric.dim(), content.photos.len());
        match Vectors::from_bytes(dim, photos, bytes) {
            Ok(vectors) => content.vectors = Arc::new(vectors),
            Err(error) => {
                return Err(EngineError::DamagedIndex { path: file, reason: error.to_string() });
            }
        }
        match content.misfit(content.vectors.len()) {
            Some(reason) => Err(EngineError::DamagedIndex { path: file, reason }),
            None => Ok(Self::from_content(content)),
        }
    }

    /// Checks that there is an index in a folder, whatever its state.
    ///
    /// # Errors
    /// [`EngineError::NoIndex`].
    pub fn check_there(folder: &Path) -> Result<(), EngineError> {
        match folder.join(INDEX_FILE).is_file() {
            true => Ok(()),
            false => Err(EngineError::NoIndex { path: folder.to_owned() }),
        }
    }

    /// Writes the index into a folder, in place of one that is there.
    ///
    /// Returns the size of the file in bytes.
    ///
    /// # Errors
    /// [`EngineError::Snapshot`]; an index that was there is then unchanged.
    pub fn save(&self, folder: &Path) -> Result<u64, EngineError> {
        Self::lock(folder)?.save(self, &Silent)
    }

    /// Takes the right to write an index into a folder, so that a build learns at its start that
    /// another one is under way or that the folder cannot be written to.
    ///
    /// # Errors
    /// [`EngineError::Snapshot`].
    pub fn lock(folder: &Path) -> Result<IndexLock, EngineError> {
        Ok(IndexLock::of_file(WriteLock::take(&folder.join(INDEX_FILE))?))
    }

    /// The products, with and without photos.
    pub fn products(&self) -> &[Product] {
        &self.content.products
    }

    /// Number of products that a search can find: those with a photo.
    pub fn products_shown(&self) -> usize {
        self.content.products.len() - self.content.report.products_without_photos.len()
    }

    /// The photos, in the order of their vectors.
    pub fn photos(&self) -> &[IndexedPhoto] {
        &self.content.photos
    }

    /// What became of the photos during the build.
    pub fn report(&self) -> &BuildReport {
        &self.content.report
    }

    /// Whether a search can say that nothing like a photo is sold: only where there were photos enough to learn it
    /// from.
    pub fn tells_what_is_not_sold(&self) -> bool {
        self.content.ranking.judge.is_some()
    }

    /// The folder that photo paths are relative to.
    pub fn root(&self) -> &Path {
        Path::new(&self.content.root)
    }

    /// What made the embeddings.
    pub fn model(&self) -> &Model {
        &self.content.model
    }

    /// When it was built, in seconds since 1970-01-01, UTC.
    pub fn created(&self) -> u64 {
        self.content.created
    }

    /// What the index is, in short. `home` is where it was opened.
    ///
    /// # Errors
    /// [`EngineError::Snapshot`] when its file is gone.
    pub fn info(&self, home: &Home) -> Result<IndexInfo, EngineError> {
        let (file, bytes) = match home {
            Home::Store(store) => (PathBuf::from(store.name()), None),
            Home::Folder(path) => {
                let file = index_file(path);
                let metadata = std::fs::metadata(&file)
                    .map_err(|source| SnapshotError::Unreadable { path: file.clone(), source })?;
                (file, Some(metadata.len()))
            }
        };
        let content = &self.content;
        Ok(IndexInfo {
            bytes,
            file: file.to_owned(),
            format: FORMAT.current,
            program: content.program.clone(),
            created: content.created,
            model: content.model.clone(),
            root: content.root.clone(),
            products: self.products_shown(),
            photos: content.photos.len(),
            nodes: content.graph.len(),
            vector_dim: content.metric.dim(),
            ranking: content.ranking.clone(),
            hnsw: content.hnsw,
            report: content.report.clone(),
        })
    }

    /// Checks that an encoder's embeddings can be compared with this index's.
    ///
    /// # Errors
    /// [`EngineError::OtherModel`] with the first thing that differs.
    pub fn check_model(&self, encoder: &Encoder) -> Result<(), EngineError> {
        match self.content.model.difference(encoder.model()) {
            None => Ok(()),
            Some((what, index, now)) => Err(EngineError::OtherModel { what, index, now }),
        }
    }

    /// The vectors that are here, and their graph.
    pub(crate) fn graph_store(&self) -> Result<HnswStore, EngineError> {
        let Content { vectors, graph, hnsw, photos, .. } = &self.content;
        let store = HnswStore::from_graph(Arc::clone(vectors), Arc::clone(graph), *hnsw)?;
        Ok(store.with_groups(photos.iter().map(|photo| photo.product).collect()))
    }

    /// Dimensions of the vectors that a search compares.
    pub fn vector_dim(&self) -> usize {
        self.content.metric.dim()
    }

    /// The store of the index's vectors: row `n` is photo `n` of [`Self::photos`], grouped by product.
    ///
    /// # Errors
    /// [`EngineError::Vector`] when graph and vectors do not fit.
    pub fn store(&self) -> Result<Arc<dyn VectorStore>, EngineError> {
        Ok(match &self.remote {
            None => Arc::new(self.graph_store()?),
            Some(remote) => Arc::new(remote.rows(&self.content)),
        })
    }

    /// What the vectors of each product have in common.
    pub(crate) fn prototypes(&self) -> Prototypes {
        let Content { products, photos, vectors, metric, .. } = &self.content;
        match &self.remote {
            None => Prototypes::new(products.len(), photos, vectors),
            Some(remote) => Prototypes::of_sums(metric.dim(), remote.sums.clone()),
        }
    }
}

impl Content {
    /// What does not fit together, if anything.
    pub(crate) fn misfit(&self, vectors: usize) -> Option<String> {
        if self.photos.len() != vectors {
            return Some("photos and embeddings differ in number".into());
        }
        if self.report.products_without_photos.len() > self.products.len() {
            return Some("more products lack photos than there are".into());
        }
        if let Some(reason) = self.ranking.misfit(self.model.parts.len()) {
            return Some(reason);
        }
        if self.photos.iter().any(|photo| photo.product as usize >= self.products.len()) {
            return Some("a photo belongs to no product".into());
        }
        None
    }
}

fn index_file(path: &Path) -> PathBuf {
    if path.is_file() { path.to_owned() } else { path.join(INDEX_FILE) }
}
