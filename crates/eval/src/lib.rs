//! How good rankings are: metrics, calibration, confusions, and a report of them.
//!
//! A [`Method`] takes, query by query, the true product and the products as they were ranked. Its
//! [`MethodResult`]s go into a [`Report`], which is written as JSON and as one HTML page. This crate
//! knows nothing of how a ranking was made. To a report a photo is a name; only [`composite`] looks into any, to
//! make one photo of several.
//!
//! ```
//! use lookalike_eval::{Method, Query, TopK, recall_at_k};
//!
//! let mut top = TopK::default();
//! top.add([4, 7, 9].iter().position(|&product| product == 7)); // right in second place
//! top.add(None); // not ranked at all
//! assert_eq!((top.accuracy(1), top.accuracy(3)), (0.0, 0.5));
//!
//! assert_eq!(recall_at_k(&[1, 2, 3, 4], &[4, 3, 2, 9]), 0.75);
//!
//! let mut method = Method::new("nearest photo");
//! method.add(Query {
//!     photo: "pear-1.jpg".to_owned(),
//!     truth: 7,
//!     ranking: vec![(4, 0.75), (7, 0.25)],
//!     neighbours: None,
//! });
//! assert_eq!(method.result().top3, 1.0);
//! ```

mod boxes;
mod calibration;
mod composite;
mod confusion;
mod grid;
mod html;
mod interval;
mod method;
pub mod plot;
mod rejection;
mod report;
mod retrieval;

pub use boxes::{BoxCounts, SAME_BOX, pairs};
pub use calibration::{Calibration, ReliabilityBin, calibration};
pub use composite::{Composite, composite};
pub use confusion::{Confusion, Outcome, ProductAccuracy, confused, per_product};
pub use grid::{GridCell, GridReport};
pub use interval::{Interval, wilson};
pub use method::{Method, MethodResult, Query};
pub use rejection::{auroc, false_accepts};
pub use report::{ProductName, Report, ReportError};
pub use retrieval::{Neighbours, Retrieval, average_precision, retrieval};

use std::collections::HashSet;
use std::hash::Hash;

/// In which place the right answer came, over many queries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopK {
    /// How often the right answer was in each place, counted from 0.
    places: Vec<u64>,
    queries: u64,
}

impl TopK {
    /// Counts a query whose right answer was in `place`, counted from 0; `None` if nowhere.
    pub fn add(&mut self, place: Option<usize>) {
        self.queries += 1;
        if let Some(place) = place {
            if self.places.len() <= place {
                self.places.resize(place + 1, 0);
            }
            self.places[place] += 1;
        }
    }

    /// Number of queries.
    pub fn queries(&self) -> u64 {
        self.queries
    }

    /// Share of the queries whose right answer was among the first `k`, 0 to 1; 0 of no queries.
    pub fn accuracy(&self, k: usize) -> f64 {
        let right: u64 = self.places.iter().take(k).sum();
        if self.queries == 0 { 0.0 } else { right as f64 / self.queries as f64 }
    }
}

/// Share of the `exact` answers that are among the `found` ones, 0 to 1; 1 if there are none.
pub fn recall_at_k<T: Eq + Hash>(exact: &[T], found: &[T]) -> f64 {
    if exact.is_empty() {
        return 1.0;
    }
    let found: HashSet<&T> = found.iter().collect();
    exact.iter().filter(|answer| found.contains(answer)).count() as f64 / exact.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_grows_with_k() {
        let mut top = TopK::default();
        [Some(0), Some(2), Some(0), Some(7), None].into_iter().for_each(|place| top.add(place));
        assert_eq!(top.queries(), 5);
        assert_eq!(top.accuracy(1), 0.4);
        assert_eq!(top.accuracy(3), 0.6);
        assert_eq!(top.accuracy(100), 0.8);
        assert_eq!(TopK::default().accuracy(1), 0.0);
    }

    #[test]
    fn recall_counts_what_is_missing() {
        assert_eq!(recall_at_k(&[1, 2], &[3, 4]), 0.0);
        assert_eq!(recall_at_k::<u32>(&[], &[]), 1.0);
    }
}
