use std::path::PathBuf;

use clap::Args;
use lookalike_engine::{Filter, Views};

use crate::args::{HomeArgs, ModelArgs, at_least_one};
use crate::items_args::FinderArgs;

/// Which products may be found.
#[derive(Args)]
pub(crate) struct FilterArgs {
    /// Only products of this category and of those below it (furniture/chairs)
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Only products at this price or above it
    #[arg(long, value_name = "PRICE")]
    price_min: Option<f64>,
    /// Only products at this price or below it
    #[arg(long, value_name = "PRICE")]
    price_max: Option<f64>,
    /// Only products with this value in this column of the manifest; again for each of several
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

/// How an answer is given.
#[derive(Args)]
pub(crate) struct AnswerArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// How many products to name
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Say of each product what its score is made of
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Args)]
pub(crate) struct SearchArgs {
    /// The photo, or several of one thing
    #[arg(required = true, value_name = "PHOTO")]
    pub(crate) photos: Vec<PathBuf>,
    /// What of each photo is looked at: plain is the photo, mirrored its mirror image, too, middle its
    /// middle, too, both all of these; takes as many times as long
    #[arg(long, value_name = "VIEWS", default_value_t)]
    pub(crate) views: Views,
    /// Find the things in the photo, and name the products most like each of them
    #[arg(long)]
    pub(crate) items: bool,
    #[command(flatten)]
    pub(crate) finder: FinderArgs,
    /// Also write the answer as a page with all pictures in it
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
