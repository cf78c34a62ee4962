//! Things that belong together because they are linked, over however many steps (union-find).

/// Which of a number of things are linked.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    /// So many things, each alone.
    pub(crate) fn new(things: usize) -> Self {
        Self { parents: (0..things).collect() }
    }

    /// The first thing of a thing's group.
    pub(crate) fn of(&mut self, thing: usize) -> usize {
        let mut first = thing;
        while self.parents[first] != first {
            // Every step halves what is left of the way for the next who asks.
            self.parents[first] = self.parents[self.parents[first]];
            first = self.parents[first];
        }
        first
    }

    /// Puts two groups together.
    pub(crate) fn link(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        // The smaller number leads, whatever order links come in.
        self.parents[a.max(b)] = a.min(b);
    }

    /// The groups, each with its things in order, by their first things.
    pub(crate) fn all(&mut self) -> Vec<Vec<usize>> {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.parents.len()];
        for thing in 0..self.parents.len() {
            let first = self.of(thing);
            members[first].push(thing);
        }
        members.retain(|group| !group.is_empty());
        members
    }
}
