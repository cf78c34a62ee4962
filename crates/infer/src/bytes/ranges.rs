//! What a network's maps hold, over some photos.

use crate::bytes::scales::Range;
use crate::bytes::tile::FOUR;
use crate::map::Shape;
use crate::plan::{Node, Plan, TooSmall};
use crate::step::{Step, Work};

/// The least and the largest number of each channel of a network's maps, by which codes are chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranges {
    /// For each node, the photos first, those that are kept as codes.
    pub nodes: Vec<Option<Vec<Range>>>,
    /// For each step, its inputs where these become codes only in it.
    pub inputs: Vec<Option<Vec<Range>>>,
}

impl Ranges {
    /// Takes in another photo's, of the same network.
    ///
    /// # Panics
    /// If the network is another.
    pub fn merge(&mut self, other: &Self) {
        let all = |ranges: &Self| (ranges.nodes.len(), ranges.inputs.len());
        assert_eq!(all(self), all(other), "ranges of the same network");
        let own = self.nodes.iter_mut().chain(&mut self.inputs).flatten();
        let others = other.nodes.iter().chain(&other.inputs).flatten();
        for (own, other) in own.zip(others) {
            assert_eq!(own.len(), other.len(), "ranges of the same network");
            for (own, other) in own.iter_mut().zip(other) {
                *own = [own[0].min(other[0]), own[1].max(other[1])];
            }
        }
    }
}

impl Plan {
    /// What the maps of a photo hold, `(1, channels, height, width)`, where a plan in bytes of the same
    /// network would keep codes.
    ///
    /// # Errors
    /// [`TooSmall`] if nothing is left of the photo.
    ///
    /// # Panics
    /// As [`Plan::run`], and if the plan is one in bytes.
    pub fn ranges(&self, photo: &[f32], shape: Shape) -> Result<Ranges, TooSmall> {
        assert!(self.scales.iter().all(Option::is_none), "a plan in numbers");
        let every: Vec<Node> = (1..=self.steps.len()).map(Node).collect();
        let maps = self.run(photo, shape, &every)?;
        let shapes = self.shapes(shape);
        let of = |node: Node, gate: Option<Node>| -> Vec<Range> {
            let Shape { channels, height, width, .. } = shapes[node.0];
            let map = if node.0 == 0 { photo } else { &maps[node.0 - 1] };
            let area = height * width;
            let gate = |channel: usize| gate.map_or(1.0, |gate| maps[gate.0 - 1][channel]);
            (0..channels)
                .map(|channel| {
                    let numbers = map[channel * area..][..area].iter();
                    numbers.fold([0.0f32; 2], |range, x| {
                        let x = x * gate(channel);
                        [range[0].min(x), range[1].max(x)]
                    })
                })
                .collect()
        };
        let is_kept = |node: Node| node.0 > 0 && self.is_kept_as_codes(node);
        let node = |at: usize| is_kept(Node(at)).then(|| of(Node(at), None));
        let input = |step: &Step| {
            let is_photo = step.from.0 == 0 && shape.channels <= FOUR;
            let becomes =
                step.convolves_all() && (is_photo || step.from.0 > 0) && !is_kept(step.from);
            becomes.then(|| of(step.from, step.gate))
        };
        let nodes = (0..=self.steps.len()).map(node).collect();
        Ok(Ranges { nodes, inputs: self.steps.iter().map(input).collect() })
    }

    /// Whether something takes in codes of a result, and nothing needs its numbers.
    fn is_kept_as_codes(&self, node: Node) -> bool {
        let made_by = &self.steps[node.0 - 1];
        let takes = |step: &Step| {
            let from =
                step.from == node && step.gate.is_none() && !matches!(step.work, Work::Average);
            from || step.add == Some(node)
        };
        let needs =
            |step: &Step| step.gate == Some(node) || (step.from == node && step.gate.is_some());
        !matches!(made_by.work, Work::Average)
            && self.steps.iter().any(takes)
            && !self.steps.iter().any(needs)
    }
}

impl Step {
    /// Whether each of its results takes in all channels.
    fn convolves_all(&self) -> bool {
        matches!(self.work, Work::Stem(_) | Work::Convolve { .. } | Work::Winograd { .. })
    }
}
