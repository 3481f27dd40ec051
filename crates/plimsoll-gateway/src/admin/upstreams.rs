//! Upstreams and their endpoints.

use super::response::AdminResponse;
use crate::{
    plane::Plane,
    upstream::{Endpoint, Upstream},
};
use axum::{body::Body, extract::State};
use http::Response;
use plimsoll::{
    config::Shape,
    policy::{Instant, endpoints::EndpointSnapshot},
    serve::standing::millis,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Every upstream, by name.
pub(super) async fn show(State(plane): State<Arc<Plane>>) -> Response<Body> {
    let shared = plane.gateway().shared();
    let (snapshot, now) = (shared.snapshot.load(), shared.time.now());
    let upstreams: Vec<Value> = snapshot.upstreams.values().map(|each| upstream(each, now)).collect();
    AdminResponse::json(&json!({ "generation": snapshot.generation, "upstreams": upstreams }))
}

fn upstream(upstream: &Upstream, now: Instant) -> Value {
    let withheld = upstream.metrics.withheld_so_far();
    let withheld: Map<String, Value> =
        withheld.map(|(because, count)| (because.name().to_owned(), count.into())).collect();
    let standing = upstream.standing(now);
    let endpoints = upstream.endpoints.iter().zip(&standing.endpoints);
    json!({
        "name": upstream.name.as_str(),
        "spec": upstream.spec.write(),
        "panic": standing.panic,
        "panics": standing.panics,
        "endpoints": endpoints.map(|(place, standing)| endpoint(place, standing, now)).collect::<Vec<_>>(),
        "ejections": upstream.metrics.ejected_in_all(),
        "ejections_withheld": withheld,
    })
}

fn endpoint(place: &Endpoint, endpoint: &EndpointSnapshot, now: Instant) -> Value {
    let until = endpoint.standing.and_then(|standing| standing.ejected_until).filter(|until| *until > now);
    json!({
        "address": place.address.to_string(),
        "weight": endpoint.weight.get(),
        "share": endpoint.share,
        "available": endpoint.usable,
        "healthy": endpoint.healthy,
        "checked": endpoint.checked,
        "ejected_for_ms": until.map(|until| millis(until.since(now))),
        "in_flight": endpoint.load.in_flight,
        "latency_ms": endpoint.load.latency.map(millis),
        "ejection": endpoint.standing.map(|standing| json!({
            "times": standing.times,
            "consecutive_failures": standing.consecutive_failures,
            "requests": standing.requests,
            "successes": standing.successes,
            "withheld": standing.withheld,
            "withheld_ago_ms": standing.withheld_at.map(|at| millis(now.since(at))),
        })),
    })
}
