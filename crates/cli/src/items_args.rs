use std::path::PathBuf;

use clap::Args;
use lookalike_engine::{Both, Detector, EngineError, ItemFinder, Searcher};

/// What finds the things in a photo.
#[derive(Args)]
pub(crate) struct FinderArgs {
    /// An object detector that finds the things in a photo: a PicoDet or a YOLOX in an ONNX file
    ///
    /// With or without it, the network that embeds photos says where it sees something.
    #[arg(long, value_name = "FILE", env = "LOOKALIKE_DETECTOR")]
    pub(crate) detector: Option<PathBuf>,
}

impl FinderArgs {
    /// # Errors
    /// A file that is no detector, or a program without detectors.
    pub(crate) fn finder(&self, searcher: &Searcher) -> Result<Box<dyn ItemFinder>, EngineError> {
        Ok(match &self.detector {
            Some(file) => Box::new(Both::new(Detector::open(file)?, searcher.activation_finder())),
            None => Box::new(searcher.activation_finder()),
        })
    }
}

/// What is measured of several things in one photo.
#[derive(Args)]
pub(crate) struct ItemsEvalArgs {
    /// Also measure how well several things in one photo are found: make N photos, each of 2 to 6 of the
    /// split's
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) items: u64,
    /// Other photos are made for another number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) items_seed: u64,
    /// Also search in photos of several products, of which a file says which are where: lines of JSON,
    /// {"photo": "a.jpg", "shown": [{"id": "chair", "box": {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.4}}]}
    #[arg(long, value_name = "FILE")]
    pub(crate) shown: Option<PathBuf>,
    /// Also find things in photos with boxes in YOLO's text form: a folder of images/ and labels/
    #[arg(long, value_name = "FOLDER")]
    pub(crate) boxes: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) finder: FinderArgs,
}
