//! Paths of the files of a shop, relative to its folder.

use crate::photo_plan::PlannedPhoto;
use crate::shop::Shop;

/// The manifest.
pub(super) const MANIFEST: &str = "catalog.jsonl";
/// The annotations of all photos.
pub(super) const ANNOTATIONS: &str = "annotations.jsonl";
/// The annotations of the photos drawn so far, in the order in which they were drawn.
pub(super) const PARTIAL_ANNOTATIONS: &str = "annotations.partial.jsonl";
/// The settings that the folder was generated with.
pub(super) const SETTINGS: &str = "demo.json";

/// Of a photo.
pub(super) fn photo_path(shop: &Shop, planned: &PlannedPhoto) -> String {
    format!("photos/{}/{:05}.jpg", shop.products()[planned.product].id, planned.number)
}

/// Of a catalogue picture.
pub(super) fn catalogue_path(shop: &Shop, product: usize) -> String {
    format!("catalogue/{}.jpg", shop.products()[product].id)
}
