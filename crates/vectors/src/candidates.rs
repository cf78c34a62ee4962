use crate::Vectors;
use crate::kernels::prefetch;
use crate::vectors::Code;

/// A vector and how similar it is, nearly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) similarity: f32,
    pub(crate) row: u32,
}

/// A candidate as one number, to be compared with one instruction: in the upper half its similarity, as an
/// integer in the same order; below it its row, turned round so that the lowest comes first; and in the lowest
/// bit whether it was walked from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    #[inline]
    fn new(Candidate { similarity, row }: Candidate) -> Self {
        let bits = similarity.to_bits() as i32;
        // Negative numbers' bits are in reverse order.
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

    fn is_walked(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The best candidates of a walk, best first, and which of them were walked from.
///
/// A sorted list, because it is short: to move some of it costs less than to keep two heaps.
#[derive(Default)]
struct Best {
    most: usize,
    list: Vec<Key>,
    /// None before this one waits.
    next: usize,
}

impl Best {
    fn clear(&mut self, most: usize) {
        self.most = most;
        self.list.clear();
        self.next = 0;
    }

    #[inline]
    fn offer(&mut self, candidate: Candidate) {
        let key = Key::new(candidate);
        if self.list.len() >= self.most {
            if self.list.last().is_none_or(|worst| key < *worst) {
                return;
            }
            self.list.pop();
        }
        let at = self.list.partition_point(|other| *other > key);
        self.list.insert(at, key);
        self.next = self.next.min(at);
    }

    /// The best that was not walked from yet.
    fn waiting(&mut self) -> Option<u32> {
        self.next += self.list[self.next..].iter().position(|key| !key.is_walked())?;
        Some(self.list[self.next].row())
    }

    /// The best that was not walked from yet, which it now is.
    fn take(&mut self) -> Option<u32> {
        let row = self.waiting()?;
        self.list[self.next].0 |= 1;
        Some(row)
    }
}

/// One flag a vector, in bits: all of them fit a core's first cache.
#[derive(Default)]
struct Seen(Vec<u64>);

impl Seen {
    fn clear(&mut self, count: usize) {
        self.0.clear();
        self.0.resize(count.div_ceil(64), 0);
    }

    /// Whether it was not seen before.
    #[inline]
    fn is_new(&mut self, row: u32) -> bool {
        let (word, bit) = (&mut self.0[row as usize / 64], 1 << (row % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Room for a walk, used again by the next one.
#[derive(Default)]
pub(crate) struct Walker {
    best: Best,
    seen: Seen,
    fresh: Vec<u32>,
    sums: Vec<i32>,
}

impl Walker {
    /// From `starts` along links, on and on from the best candidate not yet walked from, until none of the
    /// `ef` best is left; those are what [`Self::found`] then has (Malkov and Yashunin's algorithm 2).
    pub(crate) fn walk<'g>(
        &mut self,
        vectors: &Vectors,
        code: Code<'_>,
        starts: &[u32],
        ef: usize,
        links: impl Fn(u32) -> &'g [u32],
    ) {
        self.best.clear(ef);
        self.seen.clear(vectors.len());
        self.look(vectors, code, starts);
        while let Some(row) = self.best.take() {
            // Often the one after it stays the next.
            if let Some(next) = self.best.waiting() {
                prefetch(links(next));
            }
            self.look(vectors, code, links(row));
        }
    }

    /// Compares with rows that were not seen before.
    pub(crate) fn look(&mut self, vectors: &Vectors, code: Code<'_>, rows: &[u32]) {
        let Self { best, seen, fresh, sums } = self;
        // Whether a row is new cannot be foretold, so nothing branches on it.
        fresh.resize(rows.len(), 0);
        let mut count = 0;
        for &row in rows {
            fresh[count] = row;
            count += usize::from(seen.is_new(row));
        }
        vectors.nearly(code, &fresh[..count], sums, |row, similarity| {
            best.offer(Candidate { similarity, row });
        });
    }

    /// The best of the last walk, best first.
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
        assert!(keys.iter().all(|key| !key.is_walked()));
    }

    #[test]
    fn the_best_are_kept_in_order_and_each_taken_once() {
        let mut best = Best::default();
        best.clear(3);
        for (row, similarity) in [(0, 0.5), (1, 0.1), (2, 0.9), (3, 0.5), (4, 0.05)] {
            best.offer(Candidate { similarity, row });
        }
        let rows = |best: &Best| best.list.iter().map(|key| key.row()).collect::<Vec<_>>();
        assert_eq!(rows(&best), [2, 0, 3]);
        assert_eq!((best.take(), best.take()), (Some(2), Some(0)));
        best.offer(Candidate { similarity: 0.95, row: 9 });
        assert_eq!(rows(&best), [9, 2, 0]);
        assert_eq!((best.take(), best.take()), (Some(9), None));
        best.clear(0);
        best.offer(Candidate { similarity: 1.0, row: 1 });
        assert_eq!(best.take(), None);
    }
}
