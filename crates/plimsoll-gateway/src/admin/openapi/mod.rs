//! The description of the admin API ([OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.0)).
//!
//! The keys of the file are described by the file's own schemas; the rest is written out here, and held to what
//! the server's responses by a test that asks every path.

mod paths;
mod schemas;

use super::response::AdminResponse;
use crate::plane::Plane;
use axum::{body::Body, extract::State};
use http::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// The description.
pub(super) async fn show(State(plane): State<Arc<Plane>>) -> Response<Body> {
    let token = plane.gateway().spec().admin.as_ref().is_some_and(|admin| admin.token.is_some());
    AdminResponse::json(&document(token))
}

/// `token`: whether one must be shown.
fn document(token: bool) -> Value {
    let security = if token { json!([{ "token": [] }]) } else { json!([]) };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plimsoll gateway: admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Keys within \"spec\" and \"config\" are the file's. All others are snake case, with their \
                            unit at the end. Requests that change something must say \"content-type: \
                            application/json\", with or without a body.",
        },
        "security": security,
        "paths": paths::paths(),
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas::schemas(),
        },
    })
}
