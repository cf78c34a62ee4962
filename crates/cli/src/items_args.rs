use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use lookalike_engine::{CombinedDetector, EngineError, ObjectDetector, OnnxDetector, Searcher};

use crate::args::Cli;

/// The variable that names a detector for all commands.
const DETECTOR: &str = "LOOKALIKE_DETECTOR";

/// What finds the things in a photo.
#[derive(Args)]
pub(crate) struct FinderArgs {
    /// An object detector that finds the things in a photo: a PicoDet or a YOLOX in an ONNX file
    ///
    /// With or without it, the network that embeds photos says where it sees something.
    #[arg(long, value_name = "FILE", env = DETECTOR)]
    pub(crate) detector: Option<PathBuf>,
}

impl FinderArgs {
    /// Ends the program if a detector was named, other than for all commands, where nothing is to be found
    /// without `lacking`.
    pub(crate) fn needs(&self, lacking: &str) {
        if self.detector.is_some() && std::env::var_os(DETECTOR).is_none() {
            let why = format!("--detector finds the things in a photo: it needs {lacking}, too");
            Cli::command().error(ErrorKind::MissingRequiredArgument, why).exit();
        }
    }

    /// # Errors
    /// A file that is no detector, or a program without detectors.
    pub(crate) fn finder(
        &self,
        searcher: &Searcher,
    ) -> Result<Box<dyn ObjectDetector>, EngineError> {
        Ok(match &self.detector {
            Some(file) => Box::new(CombinedDetector::new(
                OnnxDetector::open(file)?,
                searcher.activation_detector(),
            )),
            None => Box::new(searcher.activation_detector()),
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

impl ItemsEvalArgs {
    /// Whether there is anything to measure.
    pub(crate) fn are_asked_for(&self) -> bool {
        self.items > 0 || self.shown.is_some() || self.boxes.is_some()
    }
}
