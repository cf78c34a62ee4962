//! The API's description (OpenAPI 3.1), generated from the routes and their types.

use serde_json::Value;
use utoipa::OpenApi;

use crate::problem::Problem;
use crate::routes::{admin, feedback, health, photos, products, search};
use crate::settings::Limits;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lookalike",
        description = "Search by photo: photos in, a shop's products out, with the customers' photos \
                       that are the evidence.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        search::similar,
        search::batch,
        feedback::feedback,
        products::product,
        products::similar,
        products::image,
        photos::photo,
        health::service,
        health::healthz,
        health::readyz,
        health::metrics,
        admin::reload,
        admin::upsert,
        admin::remove,
    ),
    components(schemas(Problem)),
    modifiers(&Security)
)]
struct Description;

/// The two bearer tokens.
struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let bearer = |what: &str| {
            let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what));
            SecurityScheme::Http(http.build())
        };
        let components = openapi.components.get_or_insert_default();
        let read = "Needed where the server was started with a read token.";
        components.add_security_scheme("read", bearer(read));
        let admin = "Needed for administration; there is none without an admin token.";
        components.add_security_scheme("admin", bearer(admin));
    }
}

/// The description as JSON, with the limits that this server has.
pub(crate) fn openapi(limits: &Limits) -> Value {
    let mut description = serde_json::to_value(Description::openapi()).unwrap_or_default();
    for path in description.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten() {
        for operation in path.1.as_object_mut().into_iter().flatten() {
            let parameters = operation.1.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten().filter(|one| one["name"] == "top") {
                parameter["schema"]["maximum"] = limits.max_results.into();
            }
        }
    }
    let photos = "/components/schemas/PhotosJson/properties/photos";
    if let Some(photos) = description.pointer_mut(photos) {
        photos["maxItems"] = limits.max_photos.into();
    }
    description
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_openapi_3_1_and_names_every_address() {
        let limits = Limits { max_results: 7, max_photos: 3, ..Limits::default() };
        let json = openapi(&limits);
        assert!(!json.to_string().contains(":null"), "absent values are left out");
        let similar = &json["paths"]["/v1/similar"]["post"]["parameters"];
        let top = similar.as_array().expect("a list").iter().find(|one| one["name"] == "top");
        assert_eq!(top.expect("top")["schema"]["maximum"], 7);
        assert_eq!(
            json["components"]["schemas"]["PhotosJson"]["properties"]["photos"]["maxItems"],
            3
        );
        assert!(json["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
        let paths = json["paths"].as_object().expect("paths");
        for path in ["/v1/similar", "/v1/batch", "/v1/products/{id}", "/v1/admin/upsert"] {
            assert!(paths.contains_key(path), "{path}");
        }
    }

    #[test]
    fn every_problem_refers_to_a_schema_that_is_there() {
        let json = openapi(&Limits::default());
        assert!(json["components"]["schemas"]["Problem"].is_object());
        let busy = &json["paths"]["/v1/similar"]["post"]["responses"]["503"];
        let schema = &busy["content"]["application/problem+json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/Problem");
    }
}
