//! The problems that each route can respond with, for the description of the API.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::problem::PROBLEM_JSON;

/// A status, and what it means.
type Described = (u16, &'static str);

const NO_TOKEN: Described = (401, "No token, or a wrong one");
const NO_ADMIN_TOKEN: Described = (401, "No admin token, or a wrong one");
const NO_ADMIN: Described = (404, "The server has no admin token");
const WRONG_PARAMETER: Described = (400, "A wrong parameter");
const NO_PHOTO: Described = (400, "A wrong parameter, or no photo");
const SLOW_PHOTO: Described = (408, "The photo took too long to arrive");
const SLOW_PHOTOS: Described = (408, "The photos took too long to arrive");
const LARGE_PHOTO: Described = (413, "The photo is too large");
const LARGE_PHOTOS: Described = (413, "The photos are too large");
const NO_PRODUCT: Described = (404, "No such product");
const TOO_MANY_SEARCHES: Described = (429, "Too many searches by one client");
const TOO_MANY_REQUESTS: Described = (429, "Too many requests by one client at once");
const BUSY: Described =
    (503, "The server is at its limit on requests, or the index's store does not respond");
const DISK_FULL: Described = (507, "The disk is full; nothing was changed");

/// Types for `responses(...)` of a route.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident: [$($problem:expr),+ $(,)?])+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses(&[$($problem),+])
            }
        }
    )+};
}

problems! {
    /// Of `/v1/service` and `/metrics`.
    ReadProblems: [NO_TOKEN]
    /// Of a search by photo.
    SimilarProblems: [
        NO_PHOTO,
        NO_TOKEN,
        SLOW_PHOTO,
        LARGE_PHOTO,
        (422, "The photo cannot be used"),
        TOO_MANY_SEARCHES,
        BUSY,
    ]
    /// Of a batch of searches.
    BatchProblems: [NO_PHOTO, NO_TOKEN, SLOW_PHOTOS, LARGE_PHOTOS, TOO_MANY_SEARCHES, BUSY]
    /// Of feedback.
    FeedbackProblems: [
        (400, "The body is not what is wanted"),
        NO_TOKEN,
        (404, "No such answer, or it had its feedback already, or the server takes none"),
        (422, "No product of the index has that id"),
        TOO_MANY_SEARCHES,
        (507, "There is no room for more feedback; it can be sent again"),
    ]
    /// Of a product's details.
    ProductProblems: [NO_TOKEN, NO_PRODUCT]
    /// Of a search by product.
    SimilarProductsProblems: [WRONG_PARAMETER, NO_TOKEN, NO_PRODUCT, TOO_MANY_SEARCHES, BUSY]
    /// Of a product's image.
    ProductImageProblems: [
        WRONG_PARAMETER,
        NO_TOKEN,
        (404, "No such product, or its image is not on this server"),
        BUSY,
    ]
    /// Of a photo's thumbnail.
    PhotoProblems: [
        WRONG_PARAMETER,
        NO_TOKEN,
        (404, "No such photo, or its file is gone"),
        BUSY,
    ]
    /// Of a reload.
    ReloadProblems: [
        NO_ADMIN_TOKEN,
        NO_ADMIN,
        (409, "The index cannot be loaded, or is being loaded or updated; the old one is still served"),
    ]
    /// Of an upsert.
    UpsertProblems: [
        (400, "No product, or a wrong one"),
        NO_ADMIN_TOKEN,
        NO_ADMIN,
        SLOW_PHOTOS,
        (409, "The index is being updated or loaded, or cannot be; nothing was changed"),
        LARGE_PHOTOS,
        (422, "None of the photos can be used, or a new product has no name; nothing was changed"),
        TOO_MANY_REQUESTS,
        BUSY,
        DISK_FULL,
    ]
    /// Of a removal.
    RemoveProblems: [
        (400, "Nothing to remove, or not the JSON that says what"),
        NO_ADMIN_TOKEN,
        (404, "An id is not in the index, or the server has no admin token; nothing was changed"),
        (408, "The list took too long to arrive"),
        (
            409,
            "The index is being updated or loaded, or cannot be, or would be left empty; nothing \
             was changed"
        ),
        (413, "The list is too long"),
        TOO_MANY_REQUESTS,
        BUSY,
        DISK_FULL,
    ]
}

fn responses(problems: &[Described]) -> BTreeMap<String, RefOr<Response>> {
    let response = |&(status, description): &Described| {
        let schema = Ref::from_schema_name("Problem");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new().description(description);
        (status.to_string(), RefOr::T(response.content(PROBLEM_JSON, content).build()))
    };
    problems.iter().map(response).collect()
}
