/// Why the server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} ({source}): choose another address or port")]
    Address {
        /// The address, as it was given.
        address: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(String),
    /// The index cannot be searched.
    #[error(transparent)]
    Index(#[from] lookalike_engine::EngineError),
    /// The system failed.
    #[error("the server failed: {0}")]
    Failed(std::io::Error),
}
