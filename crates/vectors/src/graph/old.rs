use serde::{Deserialize, Serialize};

use super::{Graph, Lists, UpperLayer};
use crate::VectorError;

/// A graph as it was stored when nodes had numbers of their own, beside a list of the rows that each
/// stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OldGraph {
    entry: u32,
    rows: Lists,
    ground: Lists,
    upper: Vec<UpperLayer>,
}

impl OldGraph {
    /// The same graph as it is now.
    ///
    /// # Errors
    /// [`VectorError::Graph`] when it contradicts itself.
    pub fn into_graph(self) -> Result<Graph, VectorError> {
        let nodes = self.rows.len();
        let vectors = self.rows.items.len();
        let has_rows = (0..nodes).all(|node| self.rows.starts[node] < self.rows.starts[node + 1]);
        if !self.rows.is_sound(nodes, vectors) || !has_rows {
            return Err(VectorError::Graph("a node stands for no vector"));
        }
        let of_nodes = |layer: &UpperLayer| {
            layer.links.is_sound(layer.nodes.len(), nodes)
                && layer.nodes.iter().all(|&node| (node as usize) < nodes)
        };
        if !self.ground.is_sound(nodes, nodes) || !self.upper.iter().all(of_nodes) {
            return Err(VectorError::Graph("a link leads nowhere"));
        }
        let first_row: Vec<u32> = (0..nodes)
            .map(|node| *self.rows.get(node).iter().min().expect("a node has rows"))
            .collect();
        let of_rows = |links: &[u32]| -> Vec<u32> {
            links.iter().map(|&node| first_row[node as usize]).collect()
        };
        let mut ground = vec![Vec::new(); vectors];
        let mut copies = Vec::new();
        for (node, &first) in first_row.iter().enumerate() {
            ground[first as usize] = of_rows(self.ground.get(node));
            let others = self.rows.get(node).iter().filter(|&&row| row != first);
            copies.extend(others.map(|&row| (first, row)));
        }
        copies.sort_unstable();
        let upper = |layer: &UpperLayer| {
            let each = layer.nodes.iter().enumerate();
            let mut lists: Vec<(u32, Vec<u32>)> = each
                .map(|(at, &node)| (first_row[node as usize], of_rows(layer.links.get(at))))
                .collect();
            lists.sort_unstable();
            UpperLayer {
                nodes: lists.iter().map(|(row, _)| *row).collect(),
                links: Lists::from_lists(lists.iter().map(|(_, links)| links.as_slice())),
            }
        };
        let entry = match first_row.get(self.entry as usize) {
            Some(&row) => row,
            None if nodes == 0 => 0,
            None => return Err(VectorError::Graph("the entry point is no node")),
        };
        Ok(Graph {
            entry,
            ground: Lists::from_lists(ground.iter().map(Vec::as_slice)),
            upper: self.upper.iter().map(upper).collect(),
            copies,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_become_the_first_of_their_rows() {
        let old = OldGraph {
            entry: 1,
            // Rows 0, 2 and 3 are the same vector.
            rows: Lists::from_lists([&[0, 2, 3][..], &[1]]),
            ground: Lists::from_lists([&[1][..], &[0]]),
            upper: vec![UpperLayer { nodes: vec![1], links: Lists::from_lists([&[][..]]) }],
        };
        let graph = old.clone().into_graph().expect("sound");
        assert_eq!(graph.check(4), Ok(()));
        assert_eq!((graph.len(), graph.entry, graph.layers()), (2, 1, 2));
        assert_eq!(graph.copies(0).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((graph.ground.get(0), graph.ground.get(1)), (&[1][..], &[0][..]));
        let spoilt = OldGraph { entry: 2, ..old.clone() };
        assert!(spoilt.into_graph().is_err());
        let spoilt = OldGraph { ground: Lists::from_lists([&[1][..], &[5]]), ..old };
        assert!(spoilt.into_graph().is_err());
    }
}
