//! Search within one layer of a graph: HNSW's SEARCH-LAYER (Malkov and Yashunin, 2016, algorithm 2).

use crate::Vectors;
use crate::kernels::prefetch;
use crate::vectors::Code;

/// A row and its similarity by int8 codes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) similarity: f32,
    pub(crate) row: u32,
}

/// A candidate as one integer, compared by one instruction: in the upper half its similarity, as an integer of the
/// same order; below it its row, inverted so that the lowest comes first; in the lowest bit whether it was
/// expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    #[inline]
    fn new(Candidate { similarity, row }: Candidate) -> Self {
        let bits = similarity.to_bits() as i32;
        // The bits of negative floats are in reverse order.
        let ordered = (bits ^ ((bits >> 31) as u32 >> 1) as i32) as u32 ^ 1 << 31;
        Self(u64::from(ordered) << 32 | u64::from(!row << 1))
    }

    fn candidate(self) -> Candidate {
        let ordered = ((self.0 >> 32) as u32 ^ 1 << 31) as i32;
        let bits = ordered ^ ((ordered >> 31) as u32 >> 1) as i32;
        Candidate { similarity: f32::from_bits(bits as u32), row: self.row() }
    }

    fn row(self) -> u32 {
        !(self.0 as u32) >> 1
    }

    fn is_expanded(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The `ef` best candidates of a search, best first, and which of them were expanded.
///
/// A sorted list, as it is short: moving a part of it costs less than the paper's two heaps.
#[derive(Default)]
struct CandidateList {
    ef: usize,
    list: Vec<Key>,
    /// All before this position were expanded.
    next: usize,
}

impl CandidateList {
    fn clear(&mut self, ef: usize) {
        self.ef = ef;
        self.list.clear();
        self.next = 0;
    }

    #[inline]
    fn insert(&mut self, candidate: Candidate) {
        let key = Key::new(candidate);
        if self.list.len() >= self.ef {
            if self.list.last().is_none_or(|worst| key < *worst) {
                return;
            }
            self.list.pop();
        }
        let at = self.list.partition_point(|other| *other > key);
        self.list.insert(at, key);
        self.next = self.next.min(at);
    }

    /// The best candidate that is to be expanded.
    fn peek(&mut self) -> Option<u32> {
        self.next += self.list[self.next..].iter().position(|key| !key.is_expanded())?;
        Some(self.list[self.next].row())
    }

    /// The best candidate that is to be expanded, which is marked as expanded.
    fn pop(&mut self) -> Option<u32> {
        let row = self.peek()?;
        self.list[self.next].0 |= 1;
        Some(row)
    }
}

/// The rows that a search has visited (hnswlib's and qdrant's visited list), as bits: they fit a core's L1
/// cache.
#[derive(Default)]
struct VisitedSet(Vec<u64>);

impl VisitedSet {
    fn clear(&mut self, count: usize) {
        self.0.clear();
        self.0.resize(count.div_ceil(64), 0);
    }

    /// Marks a row as visited. Returns whether it was not.
    #[inline]
    fn insert(&mut self, row: u32) -> bool {
        let (word, bit) = (&mut self.0[row as usize / 64], 1 << (row % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Buffers of a search, reused by the next one.
#[derive(Default)]
pub(crate) struct SearchContext {
    best: CandidateList,
    visited: VisitedSet,
    unvisited: Vec<u32>,
    sums: Vec<i32>,
}

impl SearchContext {
    /// Follows links from `starts`, always those of the best candidate not expanded yet, until the `ef` best are
    /// all expanded; [`Self::found`] then has them.
    pub(crate) fn search_layer<'g>(
        &mut self,
        vectors: &Vectors,
        code: Code<'_>,
        starts: &[u32],
        ef: usize,
        links: impl Fn(u32) -> &'g [u32],
    ) {
        self.best.clear(ef);
        self.visited.clear(vectors.len());
        self.visit(vectors, code, starts);
        while let Some(row) = self.best.pop() {
            // The second best is often the next to be expanded.
            if let Some(next) = self.best.peek() {
                prefetch(links(next));
            }
            self.visit(vectors, code, links(row));
        }
    }

    /// Compares with the rows not visited before, and keeps the best.
    pub(crate) fn visit(&mut self, vectors: &Vectors, code: Code<'_>, rows: &[u32]) {
        let Self { best, visited, unvisited, sums } = self;
        // Whether a row is new cannot be predicted, so nothing branches on it.
        unvisited.resize(rows.len(), 0);
        let mut count = 0;
        for &row in rows {
            unvisited[count] = row;
            count += usize::from(visited.insert(row));
        }
        vectors.code_similarities(code, &unvisited[..count], sums, |row, similarity| {
            best.insert(Candidate { similarity, row });
        });
    }

    /// The best candidates of the last search, best first.
    pub(crate) fn found(&self) -> impl Iterator<Item = Candidate> {
        self.best.list.iter().map(|key| key.candidate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_candidates_and_give_them_back() {
        let candidate = |similarity, row| Candidate { similarity, row };
        let worst_first = [
            candidate(f32::NEG_INFINITY, 0),
            candidate(-1.0, 5),
            candidate(-0.25, 4),
            candidate(-0.0, 9),
            candidate(0.0, 7),
            candidate(0.5, (1 << 31) - 1),
            candidate(0.5, 1),
            candidate(0.5, 0),
            candidate(1.0, 3),
        ];
        let keys = worst_first.map(Key::new);
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert_eq!(keys.map(Key::candidate), worst_first);
        assert!(keys.iter().all(|key| !key.is_expanded()));
    }

    #[test]
    fn the_best_are_kept_in_order_and_each_expanded_once() {
        let mut best = CandidateList::default();
        best.clear(3);
        for (row, similarity) in [(0, 0.5), (1, 0.1), (2, 0.9), (3, 0.5), (4, 0.05)] {
            best.insert(Candidate { similarity, row });
        }
        let rows = |best: &CandidateList| best.list.iter().map(|key| key.row()).collect::<Vec<_>>();
        assert_eq!(rows(&best), [2, 0, 3]);
        assert_eq!((best.pop(), best.pop()), (Some(2), Some(0)));
        best.insert(Candidate { similarity: 0.95, row: 9 });
        assert_eq!(rows(&best), [9, 2, 0]);
        assert_eq!((best.pop(), best.pop()), (Some(9), None));
        best.clear(0);
        best.insert(Candidate { similarity: 1.0, row: 1 });
        assert_eq!(best.pop(), None);
    }
}
