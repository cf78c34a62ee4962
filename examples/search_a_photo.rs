//! Indexes a folder of photos, one folder per product, and names the products most similar to a photo.
//!
//! ```text
//! cargo run --release --example search_a_photo -- PHOTOS PHOTO.jpg
//! ```

use std::error::Error;
use std::path::Path;

use lookalike::{Answer, Catalog, Encoder, IndexBuilder, Searcher, load};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let photos = args.next().ok_or("name a folder of photos, or a manifest")?;
    let photo = args.next().ok_or("name a photo to search for")?;
    let answer = search(photos.as_ref(), photo.as_ref())?;
    for found in &answer.matches {
        println!("{}. {} ({:.0} %)", found.rank, found.product.name, 100.0 * found.score);
        for evidence in &found.evidence {
            println!("   similarity {:.3}  {}", evidence.similarity, evidence.photo);
        }
    }
    Ok(())
}

/// The five products most similar to a photo.
pub fn search(photos: &Path, photo: &Path) -> Result<Answer, Box<dyn Error>> {
    let catalog = Catalog::open(photos, None)?;
    // The weights that are part of the program; the path of a file names others.
    let encoder = Encoder::new(load("bundled".as_ref(), None)?);
    let index = IndexBuilder::new(&catalog, &encoder).build()?;
    // `index.save(folder)` keeps it; `Index::open(folder)` opens it again.
    let searcher = Searcher::new(index, encoder)?;
    Ok(searcher.search_file(photo, 5)?)
}
