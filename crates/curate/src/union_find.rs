//! Disjoint sets with union and find (Tarjan, "Efficiency of a good but not linear set union algorithm", 1975).

/// The connected components of numbered elements.
#[derive(Debug, Clone)]
pub(crate) struct UnionFind {
    parents: Vec<usize>,
}

impl UnionFind {
    /// So many elements, each in a set of its own.
    pub(crate) fn new(elements: usize) -> Self {
        Self { parents: (0..elements).collect() }
    }

    /// The smallest element of an element's set.
    pub(crate) fn find(&mut self, element: usize) -> usize {
        let mut root = element;
        while self.parents[root] != root {
            // Path halving.
            self.parents[root] = self.parents[self.parents[root]];
            root = self.parents[root];
        }
        root
    }

    /// Merges the sets of two elements.
    pub(crate) fn union(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        // The smaller number becomes the root, so that the sets do not depend on the order of unions.
        self.parents[a.max(b)] = a.min(b);
    }

    /// The sets, each with its elements in order, by their smallest elements.
    pub(crate) fn sets(&mut self) -> Vec<Vec<usize>> {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.parents.len()];
        for element in 0..self.parents.len() {
            let root = self.find(element);
            members[root].push(element);
        }
        members.retain(|set| !set.is_empty());
        members
    }
}
