/// Why vectors cannot be stored or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// Numbers that do not make up whole vectors, or a query of another length.
    #[error("{found} numbers do not make vectors of {dim} dimensions")]
    Dimension {
        /// Length of a vector.
        dim: usize,
        /// How many numbers there were.
        found: usize,
    },
    /// NaN or infinity.
    #[error("vector {row} holds NaN or infinity")]
    NotFinite {
        /// Which vector.
        row: usize,
    },
    /// A vector without direction, which is at the same distance from everything.
    #[error("vector {row} is zero: it has no direction")]
    Zero {
        /// Which vector.
        row: usize,
    },
    /// A graph that does not fit its vectors.
    #[error("the graph does not fit the vectors: {0}")]
    Graph(&'static str),
    /// A store elsewhere that does not do what it is asked for; the words say which, why, and what to do.
    #[error("{0}")]
    Store(String),
}

impl VectorError {
    /// Of one of several vectors, the same.
    pub(crate) fn at(self, row: usize) -> Self {
        match self {
            Self::NotFinite { .. } => Self::NotFinite { row },
            Self::Zero { .. } => Self::Zero { row },
            other => other,
        }
    }
}
