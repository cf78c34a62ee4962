//! Errors of vectors, graphs and stores.

/// Why vectors cannot be stored or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// Values that do not make up whole vectors, or a query of another length.
    #[error("{found} values do not make vectors of {dim} dimensions")]
    Dimension {
        /// Length of a vector.
        dim: usize,
        /// How many values there were.
        found: usize,
    },
    /// NaN or infinity.
    #[error("vector {row} holds NaN or infinity")]
    NotFinite {
        /// Which vector.
        row: usize,
    },
    /// A zero vector, whose cosine similarity is undefined.
    #[error("vector {row} is zero: it has no direction")]
    Zero {
        /// Which vector.
        row: usize,
    },
    /// A graph that does not fit its vectors.
    #[error("the graph does not fit the vectors: {0}")]
    Graph(&'static str),
    /// A remote store that failed; the text says which, why, and what to do.
    #[error("{0}")]
    Store(String),
}

impl VectorError {
    /// The same error of another row.
    pub(crate) fn at(self, row: usize) -> Self {
        match self {
            Self::NotFinite { .. } => Self::NotFinite { row },
            Self::Zero { .. } => Self::Zero { row },
            other => other,
        }
    }
}
