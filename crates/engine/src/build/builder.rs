//! Builds an index of a catalogue's photos.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use lookalike_catalog::{Catalog, PhotoSource, Skipped, Split};
use lookalike_rank::CalibrationSet;
use lookalike_vectors::{GraphBuilder, HnswParams, Vectors};

use super::graph::{link, now};
use super::intake::{Intake, Rows};
use super::split_selection::without_photos;
use crate::encode::{EMPTY_EMBEDDING, Encoder, absolute, is_degenerate};
use crate::error::EngineError;
use crate::index::{BuildReport, Content, Index, IndexedPhoto};
use crate::metric::{Metric, TrainingPhotos};
use crate::progress::{Progress, Silent};
use crate::ranking::{Ranking, fit};

/// How to build an index.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The splits whose photos are indexed; empty for `train` and photos without a split.
    pub splits: Vec<Split>,
    /// The graph's parameters, and what builds it.
    pub hnsw: HnswParams,
    /// A folder in which embeddings are kept as they are made, so that a build that was killed resumes and no photo is
    /// embedded twice. Without it, nothing is kept.
    pub embedding_cache: Option<PathBuf>,
    /// The dimensions of each network's embeddings that the learnt metric keeps; 0 to learn nothing but their mean.
    pub dims: usize,
}

impl Default for BuildOptions {
    /// 256 dimensions: half a point of top-1 accuracy worse than all at most
    /// (`benches/runs/2026-11-25-learnt-metric-epyc-2-cores`).
    fn default() -> Self {
        let hnsw = HnswParams::default();
        Self { splits: Vec::new(), hnsw, embedding_cache: None, dims: 256 }
    }
}

/// Builds an index of a catalogue's photos.
///
/// ```no_run
/// # use lookalike_catalog::Catalog;
/// # use lookalike_engine::{Encoder, IndexBuilder};
/// # fn example(catalog: Catalog, encoder: Encoder) -> Result<(), lookalike_engine::EngineError> {
/// let index = IndexBuilder::new(&catalog, &encoder).dims(128).embedding_cache("cache").build()?;
/// # Ok(())
/// # }
/// ```
pub struct IndexBuilder<'a> {
    catalog: &'a Catalog,
    encoder: &'a Encoder,
    options: BuildOptions,
    progress: &'a dyn Progress,
}

impl<'a> IndexBuilder<'a> {
    /// A builder with the [default options](BuildOptions::default).
    pub fn new(catalog: &'a Catalog, encoder: &'a Encoder) -> Self {
        Self { catalog, encoder, options: BuildOptions::default(), progress: &Silent }
    }

    /// Sets all options.
    pub fn options(self, options: BuildOptions) -> Self {
        Self { options, ..self }
    }

    /// Sets [`BuildOptions::splits`].
    pub fn splits(mut self, splits: impl Into<Vec<Split>>) -> Self {
        self.options.splits = splits.into();
        self
    }

    /// Sets [`BuildOptions::hnsw`].
    pub fn hnsw(mut self, hnsw: HnswParams) -> Self {
        self.options.hnsw = hnsw;
        self
    }

    /// Sets [`HnswParams::builder`]: what links the graph.
    pub fn graph_builder(mut self, builder: GraphBuilder) -> Self {
        self.options.hnsw.builder = builder;
        self
    }

    /// Sets [`BuildOptions::embedding_cache`].
    pub fn embedding_cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.embedding_cache = Some(folder.into());
        self
    }

    /// Sets [`BuildOptions::dims`].
    pub fn dims(mut self, dims: usize) -> Self {
        self.options.dims = dims;
        self
    }

    /// Sets what follows the build; by default, nothing does.
    pub fn progress(self, progress: &'a dyn Progress) -> Self {
        Self { progress, ..self }
    }

    /// Builds the index.
    ///
    /// Photos are decoded and embedded on all cores. Memory holds the embeddings and, for each core, one
    /// batch of decoded photos.
    ///
    /// # Errors
    /// [`EngineError::NothingUsable`] when not one photo can be used; a single bad photo is skipped and
    /// reported. [`EngineError::EmptySplit`], [`EngineError::EmbeddingCache`].
    pub fn build(self) -> Result<Index, EngineError> {
        let Self { catalog, encoder, options, progress } = self;
        build(catalog, encoder, &options, progress)
    }
}

fn build(
    catalog: &Catalog,
    encoder: &Encoder,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Index, EngineError> {
    let started = Instant::now();
    let intake = Intake::select(catalog, &options.splits)?;
    let mut report = BuildReport {
        listed: (intake.len() + catalog.skipped.len()) as u64,
        other_splits: (catalog.photos.len() - intake.len()) as u64,
        ..BuildReport::default()
    };
    let mut rows = intake.rows();
    let cache = options.embedding_cache.as_deref();
    intake.embed(encoder, cache, progress, |photo, embedded| match embedded {
        Err(reason) => rows.skip(&photo.path, reason),
        Ok(file) => {
            let (path, split) = (photo.path.clone(), photo.split);
            let (product, source, sha256) = (photo.product, photo.source, file.sha256);
            let perceptual_hash = file.perceptual_hash;
            let indexed = IndexedPhoto { product, path, split, source, sha256, perceptual_hash };
            rows.add(indexed, &file.photo.embedding, file.is_cached);
        }
    })?;
    let Rows { mut photos, vectors: mut embeddings, skipped, duplicates, cached, .. } = rows;
    (report.skipped, report.duplicates, report.cached) = (skipped, duplicates, cached);
    report.indexed = photos.len() as u64;
    report.products_without_photos = without_photos(&catalog.products, &photos);
    if photos.is_empty() {
        return Err(EngineError::NothingUsable { report: Box::new(report) });
    }

    let products: Vec<u32> = photos.iter().map(|photo| photo.product).collect();
    let whole: Vec<&[f32]> = embeddings.chunks_exact(encoder.model().embedding_dim()).collect();
    let sources: Vec<PhotoSource> = photos.iter().map(|photo| photo.source).collect();
    let training = TrainingPhotos { embeddings: &whole, products: &products, sources: &sources };
    let metric = Metric::fit(encoder.model(), &encoder.metric_priors(), &training, options.dims)?;
    let mut vectors = metric.apply_all(&whole, &sources);
    drop_degenerate(&mut vectors, metric.dim(), &mut embeddings, &mut photos, &mut report);
    report.products_without_photos = without_photos(&catalog.products, &photos);
    let vectors = Arc::new(Vectors::normalised(metric.dim(), vectors)?);
    let store = link(Arc::clone(&vectors), options.hnsw, progress)?;
    let mut content = Content {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: now(),
        model: encoder.model().clone(),
        root: absolute(&catalog.root).to_string_lossy().into_owned(),
        products: catalog.products.clone(),
        photos,
        build_report: report,
        metric,
        ranking: Ranking::default(),
        calibration_set: CalibrationSet::default(),
        hnsw: store.params(),
        graph: Arc::clone(store.graph()),
        vectors,
    };
    (content.ranking, content.calibration_set) =
        fit(&content, &embeddings, encoder, catalog, progress)?;
    content.build_report.seconds = started.elapsed().as_secs_f64();
    Ok(Index::from_content(content))
}

/// Leaves out photos whose vectors by the metric are degenerate: one of them must not fail the build.
fn drop_degenerate(
    vectors: &mut Vec<f32>,
    dim: usize,
    embeddings: &mut Vec<f32>,
    photos: &mut Vec<IndexedPhoto>,
    report: &mut BuildReport,
) {
    let rows = vectors.chunks_exact(dim).enumerate();
    let degenerate: HashSet<usize> =
        rows.filter(|(_, vector)| is_degenerate(vector)).map(|(row, _)| row).collect();
    if degenerate.is_empty() {
        return;
    }
    let embedding_dim = embeddings.len() / photos.len();
    let without = |values: &[f32], dim: usize| -> Vec<f32> {
        let rows = values.chunks_exact(dim).enumerate();
        let rows = rows.filter(|(row, _)| !degenerate.contains(row));
        rows.flat_map(|(_, values)| values).copied().collect()
    };
    (*vectors, *embeddings) = (without(vectors, dim), without(embeddings, embedding_dim));
    let mut row = 0;
    photos.retain(|photo| {
        row += 1;
        let is_kept = !degenerate.contains(&(row - 1));
        if !is_kept {
            let reason = EMPTY_EMBEDDING.to_owned();
            report.skipped.push(Skipped { path: photo.path.clone(), reason });
        }
        is_kept
    });
    report.indexed = photos.len() as u64;
}
