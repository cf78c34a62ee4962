//! Searches by photos in files and by products' ids, with answers for people.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::answer::Answer;
use super::filter::Filter;
use super::query::Query;
use super::searcher::Searcher;
use crate::encode::Views;
use crate::error::{EngineError, PhotoRef};

impl Searcher {
    /// The `top` products most like the photo in a file.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for a photo that cannot be used.
    pub fn search_file(&self, file: &Path, top: usize) -> Result<Answer, EngineError> {
        self.search_files(&[file.to_owned()], &Filter::default(), Views::default(), top)
    }

    /// The `top` products that pass a filter and are most like what photos in files show: all of them the
    /// same object.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for a photo that cannot be used, [`EngineError::Filter`].
    pub fn search_files(
        &self,
        files: &[PathBuf],
        filter: &Filter,
        views: Views,
        top: usize,
    ) -> Result<Answer, EngineError> {
        let started = Instant::now();
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let mut photos = Vec::with_capacity(files.len());
        for (file, name) in files.iter().zip(&names) {
            photos.push(self.encoder().read(file).map_err(|error| EngineError::Photo {
                photo: PhotoRef::Named(name.clone()),
                reason: error.to_string(),
            })?);
        }
        let photos: Vec<&[u8]> = photos.iter().map(Vec::as_slice).collect();
        let limits = self.encoder().limits();
        let query = Query { photos: &photos, crop: None, filter, views, top, limits };
        let result = self.search(&query).map_err(|error| error.naming_photos(&names))?;
        Ok(self.answer(names.join(", "), result, started))
    }

    /// The products most like a product of the index, given by its id, without itself.
    ///
    /// # Errors
    /// [`EngineError::NotInIndex`], and [`EngineError::Filter`].
    pub fn search_similar(
        &self,
        id: &str,
        filter: &Filter,
        top: usize,
    ) -> Result<Answer, EngineError> {
        let started = Instant::now();
        filter.check(self.index().products())?;
        let product = self.index().product_by_id(id);
        let product =
            product.ok_or_else(|| EngineError::NotInIndex { what: format!("product '{id}'") })?;
        let result = self.search_similar_products(product, filter, top)?;
        Ok(self.answer(self.index().products()[product as usize].name.clone(), result, started))
    }
}
