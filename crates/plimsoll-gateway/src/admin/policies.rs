//! Policies: what they are told and how their machines stand.

use super::response::AdminResponse;
use crate::{
    plane::{Plane, policy_of},
    snapshot::Snapshot,
    spec::DEFAULT_POLICY,
};
use axum::{
    body::Body,
    extract::{Path, State},
};
use http::Response;
use plimsoll::{
    config::{Shape, nearest},
    http::Kind,
    serve::standing::machines,
    tower::driver::now,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Every policy, by name.
pub(super) async fn list(State(plane): State<Arc<Plane>>) -> Response<Body> {
    let snapshot = plane.gateway().shared().snapshot.load_full();
    let policies = names(&snapshot).into_iter().filter_map(|name| document(&snapshot, name));
    AdminResponse::json(
        &json!({ "generation": snapshot.generation, "policies": policies.collect::<Vec<_>>() }),
    )
}

/// One policy.
pub(super) async fn show(State(plane): State<Arc<Plane>>, Path(name): Path<String>) -> Response<Body> {
    let snapshot = plane.gateway().shared().snapshot.load_full();
    document(&snapshot, &name)
        .map_or_else(|| unknown(&snapshot, &name), |policy| AdminResponse::json(&policy))
}

/// The state of a policy.
pub(super) fn document(snapshot: &Snapshot, name: &str) -> Option<Value> {
    let (spec, now) = (policy_of(&snapshot.spec, name)?, now());
    let running = snapshot.policies.iter().filter(|((policy, _), _)| **policy == *name);
    let upstreams: Vec<Value> = running
        .map(|((_, upstream), policy)| machines(upstream.as_str(), &policy.snapshot(now), now))
        .collect();
    Some(json!({
        "name": name,
        "generation": snapshot.generation,
        "spec": spec.write(),
        "upstreams": upstreams,
    }))
}

/// There is no policy of this name.
pub(super) fn unknown(snapshot: &Snapshot, name: &str) -> Response<Body> {
    let names = names(snapshot);
    let near = nearest(name, names.iter().copied());
    let detail = match near {
        Some(near) => format!("No policy is called {name:?}; did you mean {near:?}?"),
        None => format!("No policy is called {name:?}."),
    };
    AdminResponse::problem_with(Kind::NotFound, detail, [("nearest", json!(near)), ("known", json!(names))])
}

/// The policies that are configured, and the default one where routes use it.
fn names(snapshot: &Snapshot) -> Vec<&str> {
    let mut names: Vec<&str> = snapshot.spec.policies.keys().map(AsRef::as_ref).collect();
    if let Err(at) = names.binary_search(&DEFAULT_POLICY)
        && policy_of(&snapshot.spec, DEFAULT_POLICY).is_some()
    {
        names.insert(at, DEFAULT_POLICY);
    }
    names
}
