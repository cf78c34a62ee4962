//! Top-k accuracy and recall@k.

use std::collections::HashSet;
use std::hash::Hash;

/// Counts the ranks of right answers over many queries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopK {
    /// Number of queries by the rank of their right answer, from 0.
    queries_by_rank: Vec<u64>,
    queries: u64,
}

impl TopK {
    /// Counts a query by the rank of its right answer, from 0; `None` where the answer was not ranked.
    pub fn add(&mut self, rank: Option<usize>) {
        self.queries += 1;
        if let Some(rank) = rank {
            if self.queries_by_rank.len() <= rank {
                self.queries_by_rank.resize(rank + 1, 0);
            }
            self.queries_by_rank[rank] += 1;
        }
    }

    /// Number of queries.
    pub fn queries(&self) -> u64 {
        self.queries
    }

    /// Fraction of the queries whose right answer was among the first `k`, 0 to 1; 0 without queries.
    pub fn accuracy(&self, k: usize) -> f64 {
        let right: u64 = self.queries_by_rank.iter().take(k).sum();
        if self.queries == 0 { 0.0 } else { right as f64 / self.queries as f64 }
    }
}

/// Fraction of the `exact` answers among the `found` ones, 0 to 1; 1 if there are none.
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
        [Some(0), Some(2), Some(0), Some(7), None].into_iter().for_each(|rank| top.add(rank));
        assert_eq!(top.queries(), 5);
        assert_eq!(top.accuracy(1), 0.4);
        assert_eq!(top.accuracy(3), 0.6);
        assert_eq!(top.accuracy(100), 0.8);
        assert_eq!(TopK::default().accuracy(1), 0.0);
    }

    #[test]
    fn recall_counts_missing_answers() {
        assert_eq!(recall_at_k(&[1, 2], &[3, 4]), 0.0);
        assert_eq!(recall_at_k::<u32>(&[], &[]), 1.0);
    }
}
