//! `lookalike embed`: embeddings as NumPy arrays, safetensors or JSON Lines.

use std::collections::HashMap;
use std::io::{BufWriter, Error, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use candle_core::{Device, Tensor};
use lookalike_base::{publish, temporary_beside};
use lookalike_catalog::{Skipped, photos_below};
use serde_json::json;

use crate::args::embed::EmbedArgs;
use crate::error::WrongUsage;
use crate::output::{count, print, skipped};
use crate::{model, progress};

/// The embeddings of photos, to be written for other tools.
struct Embeddings<'a> {
    photos: Vec<&'a Path>,
    rows: Vec<Vec<f32>>,
    /// What made them, as JSON.
    model: serde_json::Value,
}

pub(crate) fn run(args: &EmbedArgs) -> anyhow::Result<()> {
    let form = Form::of(&args.out)?;
    let (files, mut bad) = files(&args.photos)?;
    let unwritable = || format!("cannot write {}", args.out.display());
    // Only the error's kind: its text names the temporary file.
    let partial = || {
        let file = temporary_beside(&args.out);
        file.map_err(|error| Error::from(error.kind())).with_context(unwritable)
    };
    // Tried before embedding, so that an unwritable folder fails at once.
    drop(partial()?);
    let encoder = model::encoder(&args.model)?;
    let progress = progress::reporter(args.progress.quiet);
    let results = encoder.embed_files(&files, &*progress)?;
    let mut embeddings =
        Embeddings { photos: Vec::new(), rows: Vec::new(), model: json!(encoder.model()) };
    for (file, result) in files.iter().zip(results) {
        match result {
            Ok(row) => {
                embeddings.photos.push(file);
                embeddings.rows.push(if args.normalise { unit(row) } else { row });
            }
            Err(reason) => bad.push(Skipped { path: file.display().to_string(), reason }),
        }
    }
    eprint!("{}", skipped(&bad));
    if embeddings.rows.is_empty() {
        let photo = lookalike_engine::PhotoRef::Named(format!("{} of them", files.len()));
        let reason = "not one photo can be used".into();
        return Err(lookalike_engine::EngineError::Photo { photo, reason }.into());
    }
    let partial = partial()?;
    form.write(&embeddings, partial.path(), &args.out).with_context(unwritable)?;
    publish(partial, &args.out).with_context(unwritable)?;
    let photos = count(embeddings.rows.len() as u64, "photo");
    let length = embeddings.rows[0].len();
    print(&format!("wrote embeddings of {photos}, {length} dims each, to {}\n", args.out.display()))
}

/// The photos that are named, and those in the folders that are; and what cannot be read there.
fn files(named: &[PathBuf]) -> anyhow::Result<(Vec<PathBuf>, Vec<Skipped>)> {
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    for path in named {
        if path.is_dir() {
            let (photos, unreadable) = photos_below(path)?;
            files.extend(photos);
            skipped.extend(unreadable);
        } else {
            files.push(path.clone());
        }
    }
    Ok((files, skipped))
}

/// The format of a file, by its extension.
enum Form {
    Npy,
    Safetensors,
    Jsonl,
}

impl Form {
    fn of(out: &Path) -> anyhow::Result<Self> {
        match out.extension().and_then(|ending| ending.to_str()) {
            Some("npy") => Ok(Self::Npy),
            Some("safetensors") => Ok(Self::Safetensors),
            Some("jsonl") => Ok(Self::Jsonl),
            _ => {
                let forms = ".npy, .safetensors or .jsonl";
                let why = format!("{}: --out takes a file that ends in {forms}", out.display());
                Err(WrongUsage(why).into())
            }
        }
    }

    /// Writes to `file`, which will be called `out`.
    fn write(&self, found: &Embeddings, file: &Path, out: &Path) -> anyhow::Result<()> {
        let photos: Vec<_> = found.photos.iter().map(|photo| photo.to_string_lossy()).collect();
        let about = json!({ "photos": photos, "model": found.model });
        match self {
            Self::Npy => {
                found.tensor()?.write_npy(file)?;
                // An array has no room for names: they go beside it.
                let beside = out.with_extension("npy.json");
                std::fs::write(&beside, about.to_string())?;
            }
            Self::Safetensors => {
                let text = |key: &str| (format!("lookalike.{key}"), about[key].to_string());
                let about = HashMap::from([text("photos"), text("model")]);
                let tensor = found.tensor()?;
                let bytes = safetensors::serialize([("embeddings", &tensor)], Some(about))?;
                std::fs::write(file, bytes)?;
            }
            Self::Jsonl => {
                let mut file = BufWriter::new(std::fs::File::create(file)?);
                for (photo, embedding) in photos.iter().zip(&found.rows) {
                    let line = json!({ "photo": photo, "embedding": embedding });
                    writeln!(file, "{line}")?;
                }
                file.flush()?;
            }
        }
        Ok(())
    }
}

impl Embeddings<'_> {
    /// Shape `(photos, dims)`.
    fn tensor(&self) -> candle_core::Result<Tensor> {
        let shape = (self.rows.len(), self.rows[0].len());
        Tensor::from_vec(self.rows.concat(), shape, &Device::Cpu)
    }
}

fn unit(mut row: Vec<f32>) -> Vec<f32> {
    let length = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    row
}
