//! Feeds of products in the forms of other services.

pub(crate) mod google;
pub(crate) mod html;
pub(crate) mod shopify;
pub(crate) mod xml;
