//! A vector store of one's own behind the search: here an inverted file (IVF), which clusters the vectors
//! and compares a query with the nearest clusters only (Jégou, Douze and Schmid, "Product quantization for
//! nearest neighbor search", 2011).
//!
//! ```text
//! cargo run --release --example own_vector_store -- PHOTOS PHOTO.jpg
//! ```

use std::cmp::Ordering;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use lookalike::vectors::{Hit, VectorError, VectorStore};
use lookalike::{Answer, Catalog, Encoder, IndexBuilder, Searcher, load};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let photos = args.next().ok_or("name a folder of photos, or a manifest")?;
    let photo = args.next().ok_or("name a photo to search for")?;
    let answer = search(photos.as_ref(), photo.as_ref())?;
    for found in &answer.matches {
        println!("{}. {} ({:.0} %)", found.rank, found.product.name, 100.0 * found.score);
    }
    Ok(())
}

/// The five products most similar to a photo, by the store below.
pub fn search(photos: &Path, photo: &Path) -> Result<Answer, Box<dyn Error>> {
    let catalog = Catalog::open(photos, None)?;
    let encoder = Encoder::new(load("bundled".as_ref(), None)?);
    let index = IndexBuilder::new(&catalog, &encoder).build()?;
    let rows: Vec<u32> = (0..index.photos().len() as u32).collect();
    let groups = index.photos().iter().map(|photo| photo.product).collect();
    let store = InvertedFile::new(index.store()?.rows(&rows)?, groups);
    let searcher = Searcher::with_store(index, encoder, Arc::new(store))?;
    Ok(searcher.search_file(photo, 5)?)
}

/// Vectors of length 1, in clusters.
pub struct InvertedFile {
    vectors: Vec<Vec<f32>>,
    /// The product of each vector, by which a filtered search selects.
    groups: Vec<u32>,
    centroids: Vec<Vec<f32>>,
    /// The rows of each cluster.
    clusters: Vec<Vec<u32>>,
}

impl InvertedFile {
    /// Clusters of a search that are compared in full.
    const PROBES: usize = 8;

    /// Clusters vectors of length 1 by a few rounds of spherical k-means, from evenly spaced ones.
    pub fn new(vectors: Vec<Vec<f32>>, groups: Vec<u32>) -> Self {
        let number = (vectors.len() as f64).sqrt().ceil() as usize;
        let spaced = (0..number).map(|at| vectors[at * vectors.len() / number].clone());
        let mut centroids: Vec<Vec<f32>> = spaced.collect();
        let mut clusters = Vec::new();
        for _ in 0..5 {
            clusters = vec![Vec::new(); number];
            for (row, vector) in vectors.iter().enumerate() {
                clusters[nearest(&centroids, vector)[0]].push(row as u32);
            }
            for (centroid, rows) in centroids.iter_mut().zip(&clusters) {
                let mut sum = vec![0.0; centroid.len()];
                for &row in rows {
                    sum.iter_mut().zip(&vectors[row as usize]).for_each(|(sum, x)| *sum += x);
                }
                if let Some(mean) = unit(&sum) {
                    *centroid = mean;
                }
            }
        }
        Self { vectors, groups, centroids, clusters }
    }

    /// The `k` nearest of some rows, best first, ties by row.
    fn best(&self, query: &[f32], rows: impl Iterator<Item = u32>, k: usize) -> Vec<Hit> {
        let hit = |row| Hit { row, similarity: dot(&self.vectors[row as usize], query) };
        let mut hits: Vec<Hit> = rows.map(hit).collect();
        let order =
            |a: &Hit, b: &Hit| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row));
        hits.sort_by(order);
        hits.truncate(k);
        hits
    }

    /// A query of length 1.
    fn query(&self, query: &[f32]) -> Result<Vec<f32>, VectorError> {
        if query.len() != self.dim() {
            return Err(VectorError::Dimension { dim: self.dim(), found: query.len() });
        }
        if query.iter().any(|x| !x.is_finite()) {
            return Err(VectorError::NotFinite { row: 0 });
        }
        unit(query).ok_or(VectorError::Zero { row: 0 })
    }
}

impl VectorStore for InvertedFile {
    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn dim(&self) -> usize {
        self.vectors.first().map_or(0, Vec::len)
    }

    fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        let query = self.query(query)?;
        let probes = nearest(&self.centroids, &query).into_iter().take(Self::PROBES);
        let rows = probes.flat_map(|cluster| self.clusters[cluster].iter().copied());
        Ok(self.best(&query, rows, k))
    }

    fn search_exact(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        Ok(self.best(&self.query(query)?, 0..self.len() as u32, k))
    }

    fn search_filtered(
        &self,
        query: &[f32],
        allowed: &[bool],
        k: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        let is_allowed = |row: &u32| {
            let group = self.groups[*row as usize] as usize;
            allowed.get(group) == Some(&true)
        };
        Ok(self.best(&self.query(query)?, (0..self.len() as u32).filter(is_allowed), k))
    }

    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError> {
        Ok(rows.iter().map(|&row| self.vectors[row as usize].clone()).collect())
    }
}

/// Positions of the centroids, most similar first.
fn nearest(centroids: &[Vec<f32>], vector: &[f32]) -> Vec<usize> {
    let similarity = |at: &usize| dot(&centroids[*at], vector);
    let mut order: Vec<usize> = (0..centroids.len()).collect();
    let by = |a: &usize, b: &usize| -> Ordering { similarity(b).total_cmp(&similarity(a)) };
    order.sort_by(by);
    order
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The vector scaled to length 1; `None` for one of length 0.
fn unit(vector: &[f32]) -> Option<Vec<f32>> {
    let length = dot(vector, vector).sqrt();
    (length > 0.0).then(|| vector.iter().map(|x| x / length).collect())
}
