//! An index in short, for people and scripts.

use std::path::PathBuf;

use lookalike_vectors::HnswParams;
use lookalike_vectors::snapshot::SnapshotError;
use serde::Serialize;

use super::file_format::FORMAT;
use super::location::{IndexLocation, index_file};
use super::report::BuildReport;
use crate::{EngineError, Index, Model, Ranking};

/// What an index is, in short.
#[derive(Debug, Clone, Serialize)]
pub struct IndexInfo {
    /// The index file, or the store that has it.
    pub file: PathBuf,
    /// The file's size; none for a store.
    pub size_bytes: Option<u64>,
    /// Version of the on-disk format.
    pub format_version: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// When, in seconds since 1970-01-01, UTC.
    pub created_at: u64,
    /// What made the embeddings.
    pub model: Model,
    /// The folder that photo paths are relative to.
    pub root: String,
    /// Number of products with photos.
    pub products: usize,
    /// Number of photos, catalogue pictures included.
    pub photos: usize,
    /// Number of catalogue pictures among them.
    pub catalogue_pictures: usize,
    /// Number of nodes of the graph, one for each distinct vector; 0 for a store.
    pub graph_nodes: usize,
    /// Length of a vector: an embedding after the metric.
    pub vector_dim: usize,
    /// How products are ranked.
    pub ranking: Ranking,
    /// The graph's parameters.
    pub hnsw: HnswParams,
    /// What became of the photos during the build.
    pub build_report: BuildReport,
}

impl Index {
    /// What the index is, in short. `location` is where it was opened.
    ///
    /// # Errors
    /// [`EngineError::Snapshot`] when its file is gone.
    pub fn info(&self, location: &IndexLocation) -> Result<IndexInfo, EngineError> {
        let (file, size_bytes) = match location {
            IndexLocation::Store(store) => (PathBuf::from(store.name()), None),
            IndexLocation::Folder(path) => {
                let file = index_file(path);
                let metadata = std::fs::metadata(&file)
                    .map_err(|source| SnapshotError::Unreadable { path: file.clone(), source })?;
                (file, Some(metadata.len()))
            }
        };
        let content = &self.content;
        Ok(IndexInfo {
            size_bytes,
            file,
            format_version: FORMAT.current,
            program: content.program.clone(),
            created_at: content.created_at,
            model: content.model.clone(),
            root: content.root.clone(),
            products: self.products_with_photos(),
            photos: content.photos.len(),
            catalogue_pictures: content.catalogue_pictures(),
            graph_nodes: content.graph.len(),
            vector_dim: content.metric.dim(),
            ranking: content.ranking.clone(),
            hnsw: content.hnsw,
            build_report: content.build_report.clone(),
        })
    }
}
