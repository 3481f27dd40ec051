//! Upstreams and their endpoints.

use super::{answer::Answer, standing::millis};
use crate::{control::Plane, upstream::Upstream};
use axum::{body::Body, extract::State};
use http::Response;
use plimsoll::{Instant, file::Shape};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Every upstream, by name.
pub(super) async fn show(State(plane): State<Arc<Plane>>) -> Response<Body> {
    let shared = plane.gateway().shared();
    let (snapshot, now) = (shared.snapshot.load(), shared.time.now());
    let upstreams: Vec<Value> = snapshot.upstreams.values().map(|each| upstream(each, now)).collect();
    Answer::json(&json!({ "generation": snapshot.generation, "upstreams": upstreams }))
}

fn upstream(upstream: &Upstream, now: Instant) -> Value {
    let withheld = upstream.metrics.withheld_so_far();
    let withheld: Map<String, Value> =
        withheld.map(|(because, count)| (because.name().to_owned(), count.into())).collect();
    json!({
        "name": upstream.name.as_str(),
        "spec": upstream.spec.write(),
        "endpoints": endpoints(upstream, now),
        "ejections": upstream.metrics.ejected_in_all(),
        "ejections_withheld": withheld,
    })
}

fn endpoints(upstream: &Upstream, now: Instant) -> Vec<Value> {
    let mut standings = upstream.ejector().map(|ejector| ejector.snapshot(now));
    let loads = upstream.balancer().snapshot(now);
    let each = upstream.endpoints.iter().zip(loads).enumerate().map(|(at, (endpoint, load))| {
        let standing = standings.as_mut().and_then(Iterator::next);
        let until = standing.and_then(|standing| standing.ejected_until).filter(|until| *until > now);
        json!({
            "address": endpoint.address.to_string(),
            "available": endpoint.is_healthy() && !upstream.is_ejected(at as u32, now),
            "healthy": endpoint.is_healthy(),
            "checked": endpoint.is_checked(),
            "ejected_for_ms": until.map(|until| millis(until.since(now))),
            "in_flight": load.in_flight,
            "latency_ms": load.latency.map(millis),
            "ejection": standing.map(|standing| json!({
                "times": standing.times,
                "consecutive_failures": standing.consecutive_failures,
                "requests": standing.requests,
                "successes": standing.successes,
                "withheld": standing.withheld,
                "withheld_ago_ms": standing.withheld_at.map(|at| millis(now.since(at))),
            })),
        })
    });
    each.collect()
}
