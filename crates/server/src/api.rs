//! What goes over the wire. `/openapi.json` is generated from these types.

mod admin;
mod answer;
mod asked;
mod service;

pub(crate) use admin::{Added, AddedAs, AddedPhoto, AdditionInForm, Reloaded, Removal, Removed};
pub(crate) use answer::{
    Answer, BatchAnswer, BatchItem, EvidencePhoto, Explanation, Item, ItemBox, Match, Neighbour,
    ProductCard, ProductPage, ProductPhoto, Reasons, Timings, Verdict,
};
pub(crate) use asked::{PhotosInForm, PhotosInJson, PictureParams, SimilarParams, TopParams};
pub(crate) use service::{
    Category, Health, IndexIdentity, ModelIdentity, ModelPart, Prices, Service, ServiceLimits,
};
