//! Writes a shop to a folder and prints how long it took.
//!
//! `cargo run --release -p lookalike-demo --example write_shop -- FOLDER [PHOTOS] [SIDE] [SEED]`

use std::error::Error;
use std::path::Path;

use lookalike_base::progress::Silent;
use lookalike_demo::{Settings, write};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("name a folder to write to: write_shop FOLDER")?;
    let mut settings = Settings::default();
    if let Some(photos) = arguments.next() {
        settings.photos = photos.parse()?;
    }
    if let Some(side) = arguments.next() {
        settings.side = side.parse()?;
    }
    if let Some(seed) = arguments.next() {
        settings.seed = seed.parse()?;
    }
    let began = std::time::Instant::now();
    let written = write(Path::new(&folder), &settings, &Silent)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{} photos and pictures drawn in {seconds:.1} s", written.drawn);
    println!("{}", written.manifest.display());
    Ok(())
}
