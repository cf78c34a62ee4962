/// Identifies a tensor of a plan: the input, or the output of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TensorId(pub(crate) usize);

impl TensorId {
    /// Index of the tensor in [`Plan::shapes`](crate::Plan::shapes).
    pub fn index(self) -> usize {
        self.0
    }
}
