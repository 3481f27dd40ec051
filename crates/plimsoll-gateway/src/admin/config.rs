//! The configuration in force.

use super::response::AdminResponse;
use crate::{
    file,
    plane::{Plane, policy_of},
    spec::DEFAULT_POLICY,
};
use axum::{body::Body, extract::State};
use http::Response;
use plimsoll::config::Shape;
use serde_json::json;
use std::sync::Arc;

/// The file's keys with defaults written out, those of the policy that routes without one are under, too, and every patch
/// since; secrets are hidden.
pub(super) async fn show(State(plane): State<Arc<Plane>>) -> Response<Body> {
    let snapshot = plane.gateway().shared().snapshot.load_full();
    let mut config = file::encode(&snapshot.spec);
    if let Some(implied) = policy_of(&snapshot.spec, DEFAULT_POLICY) {
        config["policy"][DEFAULT_POLICY] = implied.write();
    }
    AdminResponse::json(&json!({ "generation": snapshot.generation, "config": config }))
}
