//! Embeds and decodes when it is told to, for a comparison with another program that takes turns with it:
//! `benches/peers/embed_peers.py` and `decode_peers.py` are two.
//!
//! Reads commands from standard input, a line each, and answers each with a line of JSON:
//!
//! - `load WEIGHTS`: a network's file; the name of the network, the photos' side, how long loading took
//! - `quantise WEIGHTS PHOTOS TO`: writes a network down that computes with bytes, by a file of f32, `(n, 3, side, side)`
//! - `time BATCH SECONDS`: the shortest of the runs within that time, in milliseconds
//! - `decode LONGEST SECONDS PHOTO`: the shortest of the runs that decode a photo to so many pixels, in milliseconds,
//!   and its sides
//! - `embed PHOTOS EMBEDDINGS`: a file of f32, `(n, 3, side, side)`, to a file of f32, `(n, dim)`

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use candle_core::{Device, Tensor};
use lookalike_backbone::{LoadedBackbone, Quantiser, int8_is_fast, load};
use lookalike_photo::{DecodeLimits, decode_scaled};

fn main() -> anyhow::Result<()> {
    let mut loaded = None;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["load", path] => {
                // The one before it goes first: two of the large ones are much memory.
                drop(loaded.take());
                let start = Instant::now();
                let network = loaded.insert(load(path.as_ref(), None)?);
                serde_json::json!({
                    "network": network.identity.backbone,
                    "side": network.preprocess.size(),
                    "load_ms": milliseconds(start.elapsed()),
                })
            }
            ["quantise", weights, photos, to] => {
                let quantiser = Quantiser::open(weights.as_ref(), None)?;
                let numbers = std::fs::read(photos)?;
                for photo in numbers.chunks_exact(quantiser.preprocess().tensor_len() * 4) {
                    let numbers = photo.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
                    quantiser.calibrate(numbers.collect())?;
                }
                quantiser.write(to.as_ref())?;
                serde_json::json!({ "is_fast": int8_is_fast() })
            }
            ["time", batch, seconds] => {
                let network = loaded.as_ref().context("load a network first")?;
                let best =
                    time(network, batch.parse()?, Duration::from_secs_f64(seconds.parse()?))?;
                serde_json::json!({ "ms": milliseconds(best) })
            }
            ["decode", longest, seconds, photo] => {
                let budget = Duration::from_secs_f64(seconds.parse()?);
                decode(photo, longest.parse()?, budget)?
            }
            ["embed", photos, embeddings] => {
                let network = loaded.as_ref().context("load a network first")?;
                embed(network, photos, embeddings)?;
                serde_json::json!({})
            }
            _ => bail!("no such command: {line}"),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn time(loaded: &LoadedBackbone, batch: usize, budget: Duration) -> anyhow::Result<Duration> {
    let side = loaded.preprocess.size();
    let photos = Tensor::rand(-1f32, 1.0, (batch, 3, side, side), &Device::Cpu)?;
    let (all, mut best) = (Instant::now(), Duration::MAX);
    while all.elapsed() < budget || best == Duration::MAX {
        let start = Instant::now();
        loaded.network.embed(&photos)?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn decode(photo: &str, longest: u32, budget: Duration) -> anyhow::Result<serde_json::Value> {
    let (limits, bytes) = (DecodeLimits::default(), std::fs::read(photo)?);
    let (all, mut best, mut sides) = (Instant::now(), Duration::MAX, (0, 0));
    while all.elapsed() < budget || best == Duration::MAX {
        let start = Instant::now();
        sides = decode_scaled(&bytes, &limits, longest)?.pixels.dimensions();
        best = best.min(start.elapsed());
    }
    Ok(serde_json::json!({ "ms": milliseconds(best), "sides": sides }))
}

fn embed(loaded: &LoadedBackbone, photos: &str, embeddings: &str) -> anyhow::Result<()> {
    let bytes = std::fs::read(photos).with_context(|| format!("'{photos}' cannot be read"))?;
    let numbers: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let side = loaded.preprocess.size();
    let photos = numbers.len() / (3 * side * side);
    let photos = Tensor::from_vec(numbers, (photos, 3, side, side), &Device::Cpu)?;
    let found: Vec<f32> = loaded.network.embed(&photos)?.flatten_all()?.to_vec1()?;
    let bytes: Vec<u8> = found.iter().flat_map(|x| x.to_le_bytes()).collect();
    Ok(std::fs::write(embeddings, bytes)?)
}
