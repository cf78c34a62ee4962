//! The arguments of `lookalike search` and `lookalike similar`.

use std::path::PathBuf;

use clap::Args;
use lookalike_engine::{Filter, Views};

use crate::args::objects::DetectorArgs;
use crate::args::shared::{IndexLocationArgs, JsonArgs, ModelArgs, at_least_one};

/// Which products a search may return.
#[derive(Args)]
pub(crate) struct FilterArgs {
    /// Only products of this category and its subcategories (furniture/chairs)
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Only products at this price or above
    #[arg(long, value_name = "PRICE")]
    price_min: Option<f64>,
    /// Only products at this price or below
    #[arg(long, value_name = "PRICE")]
    price_max: Option<f64>,
    /// Only products with this value in this column of the manifest; repeat for several
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = column_and_value)]
    columns: Vec<(String, String)>,
    /// Only products in stock, by the manifest's column in_stock, stock or availability
    #[arg(long)]
    in_stock: bool,
}

impl FilterArgs {
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            category: self.category.clone(),
            price_min: self.price_min,
            price_max: self.price_max,
            columns: self.columns.clone(),
            in_stock: self.in_stock,
        }
    }
}

/// From which index, and how, a search answers.
#[derive(Args)]
pub(crate) struct AnswerArgs {
    #[command(flatten)]
    pub(crate) location: IndexLocationArgs,
    /// Number of products to name
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Show the parts of each product's score
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) json: JsonArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Args)]
pub(crate) struct SearchArgs {
    /// The photo, or several of one object: files, web addresses, or - for standard input
    #[arg(required = true, value_name = "PHOTO")]
    pub(crate) photos: Vec<PathBuf>,
    /// Test-time augmentation, whose embeddings are averaged: plain (the photo alone), mirrored (and its
    /// mirror image), middle (and its central crop) or both (and the mirror images of both); the time grows
    /// with the number of views
    #[arg(long, value_name = "VIEWS", default_value_t)]
    pub(crate) views: Views,
    /// Detect the objects in the photo, and name the products most similar to each
    #[arg(long, alias = "items")]
    pub(crate) objects: bool,
    #[command(flatten)]
    pub(crate) detector: DetectorArgs,
    /// Also write the answer as an HTML page with all pictures in it
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

#[derive(Args)]
pub(crate) struct SimilarArgs {
    /// The product's id
    pub(crate) product: String,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

fn column_and_value(text: &str) -> Result<(String, String), String> {
    let (column, value) =
        text.split_once('=').ok_or("must be a column, an equals sign and a value")?;
    Ok((column.to_owned(), value.to_owned()))
}
