//! The policies of the process: how they stand, and what can be changed while it runs. The same paths, bodies and
//! responses as the gateway's admin API has.

#[cfg(feature = "client")]
use super::BreakerOrder;
use super::{
    answer::{admin_faults, admin_text},
    own::{self, ServerPolicy},
    standing::machines,
};
#[cfg(feature = "client")]
use crate::client::live_policies;
use crate::{Kind, Problem};
use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Path, State},
    response::{IntoResponse, Response},
};
use http::Request;
use plimsoll_config::{ConfigError, Shape, nearest};
use plimsoll_tower::driver::now;
use serde_json::{Value, json};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The most bytes of a body: a policy written out in full takes one or two thousand.
const BODY: usize = 64 * 1024;

/// Every policy, by name; the server's own limits first.
pub(super) async fn list(State(own): State<Arc<ServerPolicy>>) -> Response {
    let policies: Vec<Value> = names().iter().filter_map(|name| document(&own, name)).collect();
    Json(json!({ "policies": policies })).into_response()
}

/// One policy.
pub(super) async fn show(State(own): State<Arc<ServerPolicy>>, Path(name): Path<String>) -> Response {
    document(&own, &name).map_or_else(|| unknown(&name), |policy| Json(policy).into_response())
}

/// Changes thresholds by a JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
pub(super) async fn patch(
    State(own): State<Arc<ServerPolicy>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let by = peer(&request);
    let patch = match read(request).await {
        Ok(patch) => patch,
        Err(refused) => return refused.into_response(),
    };
    let Some(before) = spec(&own, &name) else { return unknown(&name) };
    let patched = if name == own::NAME { own.patch(&patch) } else { of_clients(&name, &patch) };
    match patched {
        Ok(()) => {
            let after = spec(&own, &name).unwrap_or_default();
            tracing::info!(policy = name, by = by.map(display), old = %before, new = %after, "policy patched");
            show(State(own), Path(name)).await
        }
        Err(wrong) => admin_faults("The policy with this patch is not valid; nothing has changed.", &wrong)
            .into_response(),
    }
}

/// Holds breakers in a state by hand, or lets them decide for themselves again.
#[cfg(feature = "client")]
pub(super) async fn breaker(
    State(own): State<Arc<ServerPolicy>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let by = peer(&request);
    let wanted = match read(request).await {
        Ok(wanted) => wanted,
        Err(refused) => return refused.into_response(),
    };
    let Some(policy) = live_policies().into_iter().find(|policy| policy.name() == name) else {
        return unknown(&name);
    };
    let upstreams: Vec<&str> = policy.handles().iter().map(|handle| handle.origin().authority()).collect();
    let order = match BreakerOrder::read(&wanted, &upstreams) {
        Ok(order) => order,
        Err(wrong) => return admin_faults("Nothing has changed.", &wrong).into_response(),
    };
    let mut found = false;
    for handle in policy.handles().iter().filter(|handle| order.means(handle.origin().authority())) {
        let upstream = handle.origin().authority();
        let old = handle.with_policy(|policy, _| policy.breaker().map(|breaker| breaker.state().name()));
        found |= handle.with_policy(|policy, now| order.force.apply(policy, now));
        tracing::info!(
            policy = name,
            upstream,
            by = by.map(display),
            old,
            new = order.force.name(),
            "breaker forced"
        );
    }
    if found {
        return show(State(own), Path(name)).await;
    }
    Problem::new(Kind::Conflict).detail(format!("The policy {name:?} has no breaker in use.")).into_response()
}

#[cfg_attr(not(feature = "client"), allow(unused_mut))]
fn names() -> Vec<String> {
    let mut names = vec![own::NAME.to_owned()];
    #[cfg(feature = "client")]
    names.extend(
        live_policies().iter().map(|policy| policy.name().to_owned()).filter(|name| name != own::NAME),
    );
    names
}

fn spec(own: &ServerPolicy, name: &str) -> Option<Value> {
    if name == own::NAME {
        return Some(own.spec().write());
    }
    #[cfg(feature = "client")]
    return live_policies().iter().find(|policy| policy.name() == name).map(|policy| policy.spec().write());
    #[cfg(not(feature = "client"))]
    None
}

fn document(own: &ServerPolicy, name: &str) -> Option<Value> {
    let spec = spec(own, name)?;
    let upstreams: Vec<Value> = if name == own::NAME {
        let now = now();
        vec![machines(own::NAME, &own.snapshot(now), now)]
    } else {
        standing(name)
    };
    Some(json!({ "name": name, "spec": spec, "upstreams": upstreams }))
}

#[cfg(feature = "client")]
fn standing(name: &str) -> Vec<Value> {
    let policies = live_policies();
    let policy = policies.iter().find(|policy| policy.name() == name);
    let handles = policy.map(crate::client::LivePolicy::handles).unwrap_or_default();
    let shown = |handle: &crate::client::Handle| {
        let now = handle.with_policy(|_, now| now);
        machines(handle.origin().authority(), &handle.snapshot(), now)
    };
    handles.iter().map(shown).collect()
}

#[cfg(not(feature = "client"))]
fn standing(_: &str) -> Vec<Value> {
    Vec::new()
}

#[cfg(feature = "client")]
fn of_clients(name: &str, patch: &Value) -> Result<(), ConfigError> {
    live_policies().iter().find(|policy| policy.name() == name).map_or(Ok(()), |policy| policy.patch(patch))
}

#[cfg(not(feature = "client"))]
#[allow(clippy::unnecessary_wraps)] // As its twin.
fn of_clients(_: &str, _: &Value) -> Result<(), ConfigError> {
    Ok(())
}

fn unknown(name: &str) -> Response {
    let names = names();
    let near = nearest(name, names.iter().map(String::as_str));
    let detail = match near {
        Some(near) => format!("No policy is called {name:?}; did you mean {near:?}?"),
        None => format!("No policy is called {name:?}."),
    };
    let problem = Problem::new(Kind::NotFound).detail(admin_text(detail));
    problem.member("nearest", json!(near)).member("known", json!(names)).into_response()
}

/// Returns the client's address, for the log.
pub(super) fn peer(request: &Request<Body>) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}

/// The body as JSON.
pub(super) async fn read(request: Request<Body>) -> Result<Value, Problem> {
    let bytes = to_bytes(request.into_body(), BODY).await.map_err(|error| {
        let detail = format!("The body has more than {BODY} bytes, or broke off: {error}.");
        Problem::new(Kind::BodyTooLarge).detail(detail)
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(Kind::BadRequest).detail(format!("The body is no JSON: {error}.")))
}
