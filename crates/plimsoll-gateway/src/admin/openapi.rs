//! The description of the admin API (OpenAPI 3.1).

use super::answer::Answer;
use axum::body::Body;
use http::Response;
use serde_json::json;

/// The description.
pub(super) async fn show() -> Response<Body> {
    Answer::json(&json!({}))
}
