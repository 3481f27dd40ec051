//! The configuration in force.

use super::answer::Answer;
use crate::{control::Plane, file};
use axum::{body::Body, extract::State};
use http::Response;
use serde_json::json;
use std::sync::Arc;

/// The file's keys with every default in its place and every patch since; secrets are hidden.
pub(super) async fn show(State(plane): State<Arc<Plane>>) -> Response<Body> {
    let snapshot = plane.gateway().shared().snapshot.load_full();
    Answer::json(&json!({ "generation": snapshot.generation, "config": file::encode(&snapshot.spec) }))
}
