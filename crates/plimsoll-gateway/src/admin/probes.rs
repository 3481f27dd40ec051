//! Whether the program lives, and whether it wants requests.

use super::response::AdminResponse;
use crate::plane::Plane;
use axum::{body::Body, extract::State};
use http::{Response, StatusCode};
use serde_json::json;
use std::sync::Arc;

/// It lives if it can respond.
pub(super) async fn live() -> Response<Body> {
    AdminResponse::json(&json!({ "status": "alive" }))
}

/// It wants requests from when it listens until it drains.
pub(super) async fn ready(State(plane): State<Arc<Plane>>) -> Response<Body> {
    if plane.gateway().is_draining() {
        let body = json!({ "status": "draining" });
        return AdminResponse::with(StatusCode::SERVICE_UNAVAILABLE, "application/json", &body);
    }
    AdminResponse::json(&json!({ "status": "ready" }))
}
