//! Makes of a catalogue's photos a folder of so many, to measure at scale: 46,976 photos of 54 products,
//! as the study had them. Every photo is one of the catalogue's, cropped, turned, mirrored and coloured
//! otherwise: they are as large in number and as different as files, but not as different as that many
//! real photos. For time, memory and size; accuracies measured on them mean nothing.
//!
//! ```text
//! cargo run --release --example many_photos -- grocery.jsonl GROCERY-STORE OUT
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};

use lookalike_backbone::map_on_cores;
use lookalike_catalog::Catalog;
use lookalike_photo::{Augmentation, DecodeLimits, decode, encode_thumbnail, read};

const PRODUCTS: usize = 54;
const PHOTOS: usize = 46_976;
/// Side of the photos, in pixels.
const SIDE: u32 = 256;

/// A photo to be made.
struct Made {
    from: PathBuf,
    to: PathBuf,
    seed: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let [manifest, root, out] = &args[..] else {
        return Err("name a manifest, the folder of its photos, and a folder to write to".into());
    };
    let catalog = Catalog::open(Path::new(manifest), Some(Path::new(root)))?;
    let mut photos: Vec<Vec<PathBuf>> = vec![Vec::new(); catalog.products.len()];
    for photo in &catalog.photos {
        photos[photo.product as usize].push(catalog.file(photo));
    }
    let mut products: Vec<_> = catalog.products.iter().zip(photos).collect();
    products.sort_by_key(|(product, photos)| (std::cmp::Reverse(photos.len()), &product.id));
    products.truncate(PRODUCTS);
    let mut made = Vec::with_capacity(PHOTOS);
    for number in 0..PHOTOS {
        let (product, photos) = &products[number % products.len()];
        let turn = number / products.len();
        let to = Path::new(out).join(&product.id).join(format!("{turn:04}.jpg"));
        made.push(Made { from: photos[turn % photos.len()].clone(), to, seed: number as u64 });
    }
    for (product, _) in &products {
        std::fs::create_dir_all(Path::new(out).join(&product.id))?;
    }
    let written = map_on_cores(&made, |photo| write(photo).map_err(|error| error.to_string()));
    let failed = written.iter().filter(|written| written.is_err()).count();
    if let Some(Err(error)) = written.iter().find(|written| written.is_err()) {
        return Err(format!("{failed} photos could not be made; the first: {error}").into());
    }
    println!("{PHOTOS} photos of {PRODUCTS} products");
    Ok(())
}

fn write(photo: &Made) -> Result<(), Box<dyn Error>> {
    let limits = DecodeLimits::default();
    let pixels = decode(&read(&photo.from, &limits)?, &limits)?.pixels;
    let changed = Augmentation::STRONG.apply(&pixels, SIDE, photo.seed);
    Ok(std::fs::write(&photo.to, encode_thumbnail(&changed, SIDE, 85))?)
}
