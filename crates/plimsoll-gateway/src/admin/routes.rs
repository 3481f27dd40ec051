//! Routes.

use super::response::AdminResponse;
use crate::{plane::Plane, route::Route, spec::RouteSpec};
use axum::{body::Body, extract::State};
use http::Response;
use plimsoll::config::Shape;
use serde_json::{Value, json};
use std::sync::Arc;

/// Every route in the order of the file, with what it leads to.
pub(super) async fn show(State(plane): State<Arc<Plane>>) -> Response<Body> {
    let snapshot = plane.gateway().shared().snapshot.load();
    let running = |spec: &RouteSpec| snapshot.routes.iter().find(|(have, _)| *have == spec);
    let routes = snapshot.spec.routes.iter().filter_map(|spec| Some(route(spec, running(spec)?.1)));
    AdminResponse::json(&json!({ "generation": snapshot.generation, "routes": routes.collect::<Vec<_>>() }))
}

fn route(spec: &RouteSpec, running: &Route) -> Value {
    json!({
        "name": running.name,
        "upstream": running.upstream.name.as_str(),
        "policy": running.policy_name,
        "in_flight": running.metrics.in_flight.get().max(0),
        "spec": spec.write(),
    })
}
