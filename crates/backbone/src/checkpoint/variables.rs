//! What a checkpoint is opened for, and the variables that training gets from it.

use std::collections::BTreeMap;

use candle_core::Var;

use crate::layers::batch_norm::BatchNorm;

/// How a network is prepared for training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrainSetup {
    /// A new classifier for this many classes, initialised to zeros, in place of the file's. A file with
    /// only the first three blocks of VGG19 is accepted then; the other blocks are initialised at random.
    pub classes: Option<usize>,
    /// Adds batch norms where the file has them folded into the convolutions, which makes training as
    /// stable as it was originally. They begin as the identity; see
    /// [`crate::TrainableBackbone::adopt_statistics`].
    pub add_norms: bool,
}

/// What a network is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Batch norms are folded into the convolutions before them.
    Inference,
    /// Parameters are variables, batch norms stay apart.
    Training(TrainSetup),
}

/// The variables of a network, by the names in its file.
#[derive(Default)]
pub(crate) struct Variables {
    /// What training changes.
    pub(crate) parameters: BTreeMap<String, Var>,
    /// Batch norm's running statistics.
    pub(crate) statistics: BTreeMap<String, Var>,
    /// The stage of each parameter.
    pub(crate) stages: BTreeMap<String, usize>,
    /// Batch norms that were added ([`TrainSetup::add_norms`]), by the names of their layers.
    pub(crate) added: Vec<(String, BatchNorm)>,
}
