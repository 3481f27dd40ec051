//! Changes while the gateway runs.

use super::{
    policies::{document, unknown},
    response::AdminResponse,
};
use crate::{
    file::LoadError,
    gateway::StartError,
    plane::{PatchError, Plane, ReloadError},
    route::GatewayPolicy,
    snapshot::Snapshot,
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Extension, Path, State},
};
use http::{Request, Response};
use plimsoll::{http::Kind, serve::BreakerOrder, tower::driver::now};
use serde_json::{Value, json};
use std::{net::IpAddr, sync::Arc};
use tokio::task::spawn_blocking;

/// The most bytes of a body: a policy written out in full takes one or two thousand.
const BODY: usize = 64 * 1024;

const DRAINING: &str = "The gateway is draining.";

/// Changes the thresholds of a policy by a JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
pub(super) async fn patch(
    State(plane): State<Arc<Plane>>,
    Path(name): Path<String>,
    Extension(client): Extension<IpAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let patch = match read(request).await {
        Ok(patch) => patch,
        Err(refused) => return refused,
    };
    let (plane, called) = (Arc::clone(&plane), name.clone());
    let shared = Arc::clone(plane.gateway().shared());
    let patched = spawn_blocking(move || plane.patch(&called, &patch, &client.to_string())).await;
    let snapshot = shared.snapshot.load_full();
    match patched {
        Ok(Ok(_)) => match document(&snapshot, &name) {
            Some(policy) => AdminResponse::json(&policy),
            None => unknown(&snapshot, &name),
        },
        Ok(Err(PatchError::Unknown)) => unknown(&snapshot, &name),
        Ok(Err(PatchError::Invalid(faults))) => {
            AdminResponse::faults("The policy with this patch is not valid; nothing has changed.", &faults)
        }
        Ok(Err(PatchError::Start(error))) => not_done(&error),
        Err(_) => AdminResponse::problem(Kind::Internal, "The patch has failed; the log may say why."),
    }
}

/// Takes the file up anew. There is nothing to be told: the body is an empty object, or not there.
pub(super) async fn reload(
    State(plane): State<Arc<Plane>>,
    Extension(client): Extension<IpAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let told = match bytes(request).await {
        Ok(told) => told,
        Err(refused) => return refused,
    };
    if !told.is_empty() {
        match serde_json::from_slice::<Value>(&told) {
            Ok(told) if told.as_object().is_some_and(serde_json::Map::is_empty) => {}
            Ok(_) => {
                let detail = "A reload takes nothing: send an empty object, or no body. Nothing has changed.";
                return AdminResponse::problem(Kind::Unprocessable, detail);
            }
            Err(error) => return no_json(&error),
        }
    }
    match spawn_blocking(move || plane.reload(&client.to_string())).await {
        Ok(Ok(generation)) => AdminResponse::json(&json!({ "generation": generation })),
        Ok(Err(ReloadError::File(LoadError::Invalid(invalid)))) => {
            AdminResponse::faults("The file is wrong; the old configuration serves on.", invalid.faults())
        }
        Ok(Err(ReloadError::File(error))) => {
            AdminResponse::problem(Kind::Conflict, format!("{error}; the old configuration serves on."))
        }
        Ok(Err(ReloadError::Start(error))) => not_done(&error),
        Ok(Err(error @ ReloadError::NoFile)) => AdminResponse::problem(Kind::Conflict, format!("{error}.")),
        Err(_) => AdminResponse::problem(Kind::Internal, "The reload has failed; the log may say why."),
    }
}

fn not_done(error: &StartError) -> Response<Body> {
    match error {
        StartError::Draining => AdminResponse::problem(Kind::Conflict, DRAINING),
        error => AdminResponse::problem(Kind::Conflict, format!("{error}; the old configuration serves on.")),
    }
}

/// Holds a breaker in a state by hand, or lets it decide for itself again.
pub(super) async fn breaker(
    State(plane): State<Arc<Plane>>,
    Path(name): Path<String>,
    Extension(client): Extension<IpAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let wanted = match read(request).await {
        Ok(wanted) => wanted,
        Err(refused) => return refused,
    };
    let snapshot = plane.gateway().shared().snapshot.load_full();
    if document(&snapshot, &name).is_none() {
        return unknown(&snapshot, &name);
    }
    let running: Vec<(&str, &GatewayPolicy)> = guarded(&snapshot, &name);
    let upstreams: Vec<&str> = running.iter().map(|(upstream, _)| *upstream).collect();
    let order = match BreakerOrder::read(&wanted, &upstreams) {
        Ok(order) => order,
        Err(faults) => return AdminResponse::faults("Nothing has changed.", &faults),
    };
    let mut found = false;
    for (upstream, policy) in running.into_iter().filter(|(upstream, _)| order.means(upstream)) {
        let old = policy.breaker().map(|breaker| breaker.state().name());
        found |= order.force.apply(policy, now());
        tracing::info!(policy = %name, upstream, by = %client, old, new = order.force.name(), "breaker forced");
    }
    match document(&snapshot, &name) {
        Some(policy) if found => AdminResponse::json(&policy),
        _ => AdminResponse::problem(Kind::Conflict, format!("The policy {name:?} has no breaker in use.")),
    }
}

/// The upstreams that a policy guards.
fn guarded<'s>(snapshot: &'s Snapshot, name: &str) -> Vec<(&'s str, &'s GatewayPolicy)> {
    let own = snapshot.policies.iter().filter(|((policy, _), _)| **policy == *name);
    own.map(|((_, upstream), policy)| (upstream.as_str(), policy)).collect()
}

/// The body as JSON.
pub(super) async fn read(request: Request<Body>) -> Result<Value, Response<Body>> {
    serde_json::from_slice(&bytes(request).await?).map_err(|error| no_json(&error))
}

async fn bytes(request: Request<Body>) -> Result<Bytes, Response<Body>> {
    to_bytes(request.into_body(), BODY).await.map_err(|error| {
        let detail = format!("The body has more than {BODY} bytes, or broke off: {error}.");
        AdminResponse::problem(Kind::BodyTooLarge, detail)
    })
}

fn no_json(error: &serde_json::Error) -> Response<Body> {
    AdminResponse::problem(Kind::BadRequest, format!("The body is no JSON: {error}."))
}
