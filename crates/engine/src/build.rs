//! Indexes are built, updated and compacted.

mod apply_change;
mod builder;
mod compact;
mod graph;
mod intake;
mod paths;
mod products;
mod recalibrate;
mod removal;
mod split_selection;
mod update;

pub use apply_change::UpdateReport;
pub use builder::{BuildOptions, IndexBuilder};
pub use compact::compact;
pub use removal::{remove, remove_where};
pub(crate) use split_selection::empty_split;
pub use update::{UpdateOptions, upsert};
