//! Which candidates a node is linked to: the neighbour selection heuristic of HNSW (Malkov and Yashunin, 2016,
//! algorithm 4), by similarities of int8 codes.

use super::LayersBuilder;
use crate::search_layer::Candidate;

impl LayersBuilder<'_> {
    /// Up to `m` of the candidates, which come best first: each that is nearer to the node than to any neighbour
    /// selected before. Links then lead in all directions.
    pub(super) fn select_neighbours(&self, candidates: &[Candidate], m: usize) -> Vec<u32> {
        if candidates.len() <= m {
            return candidates.iter().map(|candidate| candidate.row).collect();
        }
        let mut selected: Vec<u32> = Vec::with_capacity(m);
        let mut sums = Vec::new();
        for candidate in candidates {
            let code = self.vectors.code(candidate.row);
            let is_apart = selected.chunks(4).all(|some| {
                let mut is_apart = true;
                self.vectors.code_similarities(code, some, &mut sums, |_, similarity| {
                    is_apart &= similarity < candidate.similarity;
                });
                is_apart
            });
            if is_apart {
                selected.push(candidate.row);
                if selected.len() == m {
                    break;
                }
            }
        }
        selected
    }

    /// A node's links, or those that the heuristic selects if there are more than `m_max`.
    pub(super) fn shrink(&self, m_max: usize, node: u32, links: Vec<u32>) -> Vec<u32> {
        if links.len() <= m_max {
            return links;
        }
        let mut candidates = Vec::with_capacity(links.len());
        let each = |row, similarity| candidates.push(Candidate { similarity, row });
        self.vectors.code_similarities(self.vectors.code(node), &links, &mut Vec::new(), each);
        candidates
            .sort_unstable_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row)));
        self.select_neighbours(&candidates, m_max)
    }
}
