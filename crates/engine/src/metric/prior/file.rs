//! The file of a prior: safetensors, with each factor in f16.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;

use super::{Kind, LowRank, MetricPrior};

/// The prior of the bundled weights.
pub(super) static BUNDLED: &[u8] = include_bytes!(
    "../../../../../weights/mobilenet_v3_large_minimalistic.shop.metric-prior.safetensors"
);

/// Keys of the metadata: the checksum of the weights, and the names of the kinds, a JSON list.
const WEIGHTS_KEY: &str = "lookalike.weights_sha256";
const KINDS_KEY: &str = "lookalike.kinds";

impl MetricPrior {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) =
            SafeTensors::read_metadata(bytes).map_err(|error| format!("its header: {error}"))?;
        let about = header.metadata().clone().unwrap_or_default();
        let weights_sha256 = about.get(WEIGHTS_KEY).cloned().ok_or("it names no weights")?;
        let kinds = about.get(KINDS_KEY).ok_or("it names no kinds of goods")?;
        let kinds: Vec<String> = serde_json::from_str(kinds).map_err(|error| error.to_string())?;
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)
            .map_err(|error| error.to_string())?;
        let kinds = kinds.into_iter().map(|name| Kind::read(name, &tensors));
        Ok(Self { weights_sha256, kinds: kinds.collect::<Result<_, _>>()? })
    }

    /// The content of its file.
    ///
    /// # Errors
    /// When candle fails.
    pub fn to_bytes(&self) -> candle_core::Result<Vec<u8>> {
        let mut tensors = Vec::new();
        for kind in &self.kinds {
            let dim = kind.photos.len();
            let mut add = |part: &str, values: &[f32], dtype: DType| {
                let shape = (values.len() / dim, dim);
                let tensor = Tensor::from_slice(values, shape, &Device::Cpu)?.to_dtype(dtype)?;
                tensors.push((format!("{}.{part}", kind.name), tensor));
                candle_core::Result::Ok(())
            };
            add("photos", &kind.photos, DType::F32)?;
            if !kind.pictures.is_empty() {
                add("pictures", &kind.pictures, DType::F32)?;
            }
            add("within", &kind.within.factor, DType::F16)?;
            add("moment", &kind.moment.factor, DType::F16)?;
            let rest = Tensor::new(&[kind.within.rest, kind.moment.rest], &Device::Cpu)?;
            tensors.push((format!("{}.rest", kind.name), rest));
        }
        let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name.as_str()).collect();
        let about = HashMap::from([
            (WEIGHTS_KEY.to_owned(), self.weights_sha256.clone()),
            (KINDS_KEY.to_owned(), serde_json::json!(names).to_string()),
        ]);
        safetensors::serialize(tensors, Some(about)).map_err(candle_core::Error::wrap)
    }
}

impl Kind {
    fn read(name: String, tensors: &HashMap<String, Tensor>) -> Result<Self, String> {
        let values = |part: &str| -> Result<Option<Vec<f32>>, String> {
            let Some(tensor) = tensors.get(&format!("{name}.{part}")) else { return Ok(None) };
            let values = tensor.flatten_all().and_then(|flat| flat.to_dtype(DType::F32)?.to_vec1());
            values.map(Some).map_err(|error| error.to_string())
        };
        let needed = |part: &str| values(part)?.ok_or_else(|| format!("it lacks {name}.{part}"));
        let (photos, rest) = (needed("photos")?, needed("rest")?);
        let pictures = values("pictures")?.unwrap_or_default();
        let [within_rest, moment_rest] =
            rest[..].try_into().map_err(|_| format!("{name}.rest is not two numbers"))?;
        let within = LowRank { factor: needed("within")?, rest: within_rest };
        let moment = LowRank { factor: needed("moment")?, rest: moment_rest };
        let is_whole = |rows: &[f32]| rows.len().is_multiple_of(photos.len().max(1));
        let all = [&photos, &pictures, &within.factor, &moment.factor];
        if photos.is_empty() || !all.into_iter().all(|rows| is_whole(rows)) {
            return Err(format!("the parts of {name} do not fit together"));
        }
        Ok(Self { name, photos, pictures, within, moment })
    }
}
