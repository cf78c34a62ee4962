//! Indexes are built, updated and compacted.

mod builder;
mod change;
mod compact;
mod graph;
mod intake;
mod products;
mod removal;
mod selection;
mod update;

pub use builder::{BuildOptions, IndexBuilder};
pub use change::UpdateReport;
pub use compact::compact;
pub use removal::{remove, remove_where};
pub(crate) use selection::empty_split;
pub use update::{UpdateOptions, upsert};
