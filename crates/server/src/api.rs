//! The types of requests and responses. `/openapi.json` is generated from them.

mod admin;
pub(crate) mod error_responses;
mod request;
mod response;
mod service;

pub(crate) use admin::{
    PhotoStatus, ReloadResponse, RemoveRequest, RemoveResponse, UpsertForm, UpsertResponse,
    UpsertedPhoto,
};
pub(crate) use request::{
    FeedbackForm, ImageParams, PhotosForm, PhotosJson, SimilarParams, TopParams,
};
pub(crate) use response::{
    BBox, BatchResponse, BatchResult, DetectedObject, EvidencePhoto, Explanation, Match, Neighbour,
    ProductCard, ProductDetails, ProductPhoto, ScoreParts, SearchResponse, Timings, Verdict,
};
pub(crate) use service::{
    Category, Health, IndexInfo, ModelInfo, ModelPart, PriceRange, ServiceInfo, ServiceLimits,
};
