//! Several things in one photo, as every way of asking answers it.

use std::path::Path;
use std::time::Instant;

use lookalike_detect::ObjectDetector;
use lookalike_photo::BBox;
use lookalike_rank::Verdict;
use serde::Serialize;

use crate::items::{FoundItem, ItemsQuery};
use crate::{EngineError, Filter, Match, Searcher, Views};

/// The things in a photo, each with the products most like it.
#[derive(Debug, Clone, Serialize)]
pub struct ItemsAnswer {
    /// What the photo that was asked about is called.
    pub query: String,
    /// What found the things.
    pub finder: String,
    /// The things, the one that is found best first.
    pub items: Vec<ItemAnswer>,
    /// How long reading, finding and searching took, in milliseconds.
    pub milliseconds: f64,
}

/// A thing in a photo.
#[derive(Debug, Clone, Serialize)]
pub struct ItemAnswer {
    /// Where it is.
    #[serde(rename = "box")]
    pub place: ItemBox,
    /// Where else the same thing is.
    pub copies: Vec<ItemBox>,
    /// What kind of thing it is, if the finder knows kinds.
    pub label: Option<String>,
    /// How sure the finder is that there is a thing, 0 to 1, if it can tell.
    pub detected: Option<f32>,
    /// How sure the first product is, where the index could learn that: see [`Verdict`].
    pub verdict: Option<Verdict>,
    /// The products.
    pub matches: Vec<Match>,
}

/// A part of a photo as JSON has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ItemBox {
    /// Its left edge, in shares of the photo's width.
    pub x: f32,
    /// Its upper edge, in shares of the photo's height.
    pub y: f32,
    /// Its width.
    pub width: f32,
    /// Its height.
    pub height: f32,
}

impl From<BBox> for ItemBox {
    fn from(area: BBox) -> Self {
        let BBox { left, top, right, bottom } = area;
        Self { x: left, y: top, width: right - left, height: bottom - top }
    }
}

impl Searcher {
    /// For each of the things that the photo in a file shows, the `top` products that pass a filter and are
    /// most like it.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for a photo that cannot be used, [`EngineError::Filter`],
    /// [`EngineError::Detect`].
    pub fn search_items(
        &self,
        file: &Path,
        finder: &dyn ObjectDetector,
        filter: &Filter,
        views: Views,
        top: usize,
    ) -> Result<ItemsAnswer, EngineError> {
        let started = Instant::now();
        let name = file.display().to_string();
        let refused = |reason| EngineError::Photo { name: name.clone(), reason };
        let photo = self.encoder().read(file).map_err(|error| refused(error.to_string()))?;
        let limits = self.encoder().limits();
        let query = ItemsQuery { photo: &photo, finder, filter, views, top, limits };
        let found = self.find_items(&query).map_err(|error| match error {
            EngineError::Photo { reason, .. } => refused(reason),
            other => other,
        })?;
        Ok(ItemsAnswer {
            query: name,
            finder: finder.name().to_owned(),
            items: found.items.into_iter().map(|one| self.item(one)).collect(),
            milliseconds: started.elapsed().as_secs_f64() * 1e3,
        })
    }

    fn item(&self, one: FoundItem) -> ItemAnswer {
        let FoundItem { item, copies, found, .. } = one;
        ItemAnswer {
            place: item.bbox.into(),
            copies: copies.into_iter().map(ItemBox::from).collect(),
            label: item.label,
            detected: item.confidence,
            verdict: found.verdict,
            matches: self.cards(found.ranked, found.reasons),
        }
    }
}
