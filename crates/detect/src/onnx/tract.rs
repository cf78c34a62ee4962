//! Runs ONNX files with tract.

use std::path::Path;
use std::sync::Arc;

use tract_onnx::prelude::*;

use super::network::{Network, Output};

struct Onnx {
    plan: Arc<TypedRunnableModel>,
    side: usize,
}

/// Opens a network whose input is one square photo, `(1, 3, side, side)`. Returns it with that side.
pub(crate) fn open(file: &Path) -> Result<(Box<dyn Network>, usize), String> {
    let read = |error: TractError| one_line(&error);
    // The operating system's message is clearer than tract's.
    std::fs::metadata(file).map_err(|error| error.to_string())?;
    let model = tract_onnx::onnx().model_for_path(file).map_err(read)?;
    let fact = model.input_fact(0).map_err(read)?;
    let shape: Option<Vec<usize>> =
        fact.shape.as_concrete_finite().map_err(read)?.map(|s| s.to_vec());
    let side = match shape.as_deref() {
        Some(&[1, 3, height, width]) if height == width && (32..=2048).contains(&height) => height,
        other => {
            return Err(format!(
                "its input is {other:?}, not one square photo, (1, 3, side, side)"
            ));
        }
    };
    let input = f32::fact([1, 3, side, side]).into();
    let plan = model.with_input_fact(0, input).and_then(|model| model.into_optimized());
    let plan = plan.and_then(|model| model.into_runnable()).map_err(read)?;
    Ok((Box::new(Onnx { plan, side }), side))
}

impl Network for Onnx {
    fn run(&self, input: Vec<f32>) -> Result<Vec<Output>, String> {
        let run = || -> TractResult<Vec<Output>> {
            let photo = Tensor::from_shape(&[1, 3, self.side, self.side], &input)?;
            let outputs = self.plan.run(tvec![photo.into()])?;
            let to_output = |output: TValue| {
                let view = output.to_plain_array_view::<f32>()?;
                Ok(Output { shape: view.shape().to_vec(), values: view.iter().copied().collect() })
            };
            outputs.into_iter().map(to_output).collect()
        };
        run().map_err(|error| one_line(&error))
    }
}

fn one_line(error: &TractError) -> String {
    format!("{error:#}").replace('\n', " ")
}
