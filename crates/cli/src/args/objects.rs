//! The arguments of object detection.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use lookalike_engine::{CombinedDetector, EngineError, ObjectDetector, OnnxDetector, Searcher};

use crate::args::Cli;

/// The variable that names a detector for all commands.
const DETECTOR: &str = "LOOKALIKE_DETECTOR";

/// What detects the objects in a photo.
#[derive(Args)]
pub(crate) struct DetectorArgs {
    /// An object detector: a PicoDet or a YOLOX in an ONNX file
    ///
    /// Its boxes are added to those from the activation map of the network that embeds photos.
    #[arg(long, value_name = "FILE", env = DETECTOR)]
    pub(crate) detector: Option<PathBuf>,
}

impl DetectorArgs {
    /// Ends the program if a detector was named, other than by the variable for all commands, but no option
    /// that uses one: `lacking` names these.
    pub(crate) fn needs(&self, lacking: &str) {
        if self.detector.is_some() && std::env::var_os(DETECTOR).is_none() {
            let why = format!("--detector detects objects in a photo: it needs {lacking}, too");
            Cli::command().error(ErrorKind::MissingRequiredArgument, why).exit();
        }
    }

    /// # Errors
    /// A file that is no detector, or a program without detectors.
    pub(crate) fn open(&self, searcher: &Searcher) -> Result<Box<dyn ObjectDetector>, EngineError> {
        Ok(match &self.detector {
            Some(file) => Box::new(CombinedDetector::new(
                OnnxDetector::open(file)?,
                searcher.activation_detector(),
            )),
            None => Box::new(searcher.activation_detector()),
        })
    }
}
