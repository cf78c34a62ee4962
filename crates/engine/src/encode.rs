//! Photos to embeddings.

mod embedding;
mod embedding_cache;
mod encoder;
mod files;
mod fingerprints;
mod harder_views;
mod model;
mod quantise;
mod query_embedding;
mod views;

pub(crate) use embedding::{EMPTY_EMBEDDING, FileEmbedding, is_degenerate};
pub use embedding_cache::EMBEDDINGS_FOLDER;
pub(crate) use embedding_cache::EmbeddingCache;
pub use encoder::Encoder;
pub use harder_views::Hardness;
pub(crate) use model::absolute;
pub use model::{Model, ModelPart};
pub use quantise::{Cosines, Quantised, quantise};
pub(crate) use query_embedding::{QueryEmbedding, mean_direction};
pub use views::Views;
