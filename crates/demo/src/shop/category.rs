//! Categories of products.

use serde::{Deserialize, Serialize};

/// The category of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Mattresses and toppers.
    Mattress,
    /// Wardrobes with doors.
    Wardrobe,
    /// Boxes, baskets and bins.
    StorageBox,
    /// Curtains, in pairs.
    Curtain,
    /// Carpets and rugs.
    Carpet,
    /// Sets of a blanket and two pillows.
    Bedding,
    /// Table and floor lamps.
    Lamp,
    /// Chairs, stools and armchairs.
    Chair,
    /// Tables and desks.
    Table,
    /// Open shelves and bookcases.
    Shelf,
}

impl Category {
    /// The path of the category in a manifest: `furniture/chair`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mattress => "furniture/mattress",
            Self::Wardrobe => "furniture/wardrobe",
            Self::StorageBox => "storage/storage box",
            Self::Curtain => "fabric/curtain",
            Self::Carpet => "fabric/carpet",
            Self::Bedding => "fabric/bedding",
            Self::Lamp => "lighting/lamp",
            Self::Chair => "furniture/chair",
            Self::Table => "furniture/table",
            Self::Shelf => "storage/shelf",
        }
    }
}
