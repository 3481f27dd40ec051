//! The admin address: whether the program lives, whether it wants requests, its metrics, and its thresholds.
//!
//! | path | answers |
//! | --- | --- |
//! | `GET /livez` | 200 for as long as the process can answer |
//! | `GET /readyz` | 200 until the drain begins, then 503; 503 too while a condition of the service's own does not hold, with its word |
//! | `GET /metrics` | the registry, in the Prometheus text format or in OpenMetrics, as `Accept` asks |
//! | `GET /api/v1/status` | uptime, listeners, whether it drains, and warnings with what to do |
//! | `GET /api/v1/policies`, `GET /api/v1/policies/NAME` | the server's own limits (`server`) and the policies of all clients of the process: what they say, and how their machines stand |
//! | `PATCH /api/v1/policies/NAME` | changes thresholds by a JSON merge patch |
//! | `POST /api/v1/policies/NAME/breaker` | holds a client's breakers open or closed by hand |
//! | `GET /api/v1/log`, `PATCH /api/v1/log` | which levels are logged; changes them |
//!
//! They are the gateway's paths, bodies and responses, so that whoever is on call needs to know but one.
//!
//! On loopback nobody is asked for a token, but only an address or `localhost` is taken as the name of the host: a page
//! that a browser has open cannot pretend to be one of ours. Anywhere else it takes a token; `/livez` and `/readyz`, which
//! tell one bit to whoever restarts and routes, do not. What changes something has to be sent as `application/json`, which
//! no form can.

mod answer;
mod force;
mod guard;
mod log;
mod own;
mod policies;
mod ready;
pub mod standing;
mod status;
mod token;

pub use answer::{admin_faults, admin_text};
pub use force::{BreakerForce, BreakerOrder};
pub use guard::admin_refusal;
pub use log::LogFilter;
pub(super) use own::ServerPolicy;
pub(super) use ready::Condition;
pub use token::{AdminToken, AdminTokenError};

use super::authority;
use crate::{Kind, Problem, headers::Strangers};
use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, Method, StatusCode, header};
use plimsoll_task::drain::CancellationToken;
use plimsoll_telemetry::{Format, Registry};
use std::{net::SocketAddr, sync::Arc, time::Instant};

/// The state that the admin address shows.
#[derive(Debug)]
pub(super) struct AdminState {
    pub(super) registry: Registry,
    pub(super) draining: CancellationToken,
    /// Of the service's own, on which it is ready.
    pub(super) conditions: Arc<[Condition]>,
    pub(super) strangers: Arc<Strangers>,
    pub(super) own: Arc<ServerPolicy>,
    pub(super) log: Option<LogFilter>,
    pub(super) began: Instant,
    pub(super) listeners: Vec<SocketAddr>,
}

/// The admin's app. It is ready until it drains, while its conditions hold.
pub(super) fn router(standing: AdminState, token: Option<AdminToken>) -> Router {
    let token = token.map(Arc::new);
    let guard = from_fn(move |request: Request, next: Next| {
        let known = token.as_deref().map(|token| move |shown: &str| token.is(shown));
        let refused = authority::refusal(&request)
            .or_else(|| admin_refusal(&request, known.as_ref().map(|known| known as _)))
            .or_else(|| no_json(request.method(), request.headers()));
        async move {
            match refused {
                Some(refused) => refused.into_response(),
                None => next.run(request).await,
            }
        }
    });
    let (registry, draining) = (standing.registry.clone(), standing.draining.clone());
    let conditions = Arc::clone(&standing.conditions);
    let policies = Router::new()
        .route("/api/v1/policies", get(policies::list))
        .route("/api/v1/policies/{name}", get(policies::show).patch(policies::patch));
    #[cfg(feature = "client")]
    let policies = policies.route("/api/v1/policies/{name}/breaker", axum::routing::post(policies::breaker));
    let policies = policies.with_state(Arc::clone(&standing.own));
    let standing = Arc::new(standing);
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(move || ready(draining.clone(), Arc::clone(&conditions))))
        .route("/metrics", get(move |headers: HeaderMap| std::future::ready(metrics(&registry, &headers))))
        .route("/api/v1/status", get(status::show))
        .route("/api/v1/log", get(log::show).patch(log::patch))
        .with_state(standing)
        .merge(policies)
        .fallback(|| async { Problem::new(Kind::NoRoute) })
        .layer(guard)
}

/// A form or a simple script of another site, on loopback, cannot send JSON without asking first, which nobody answers.
fn no_json(method: &Method, headers: &HeaderMap) -> Option<Problem> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE) {
        return None;
    }
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = named.split(';').next().unwrap_or_default().trim();
    let json = ["application/json", "application/merge-patch+json"];
    let refused = !json.iter().any(|json| essence.eq_ignore_ascii_case(json));
    let detail = "Send \"content-type: application/json\", with a request that has no body as well.";
    refused.then(|| Problem::new(Kind::UnsupportedMediaType).detail(detail))
}

async fn ready(draining: CancellationToken, conditions: Arc<[Condition]>) -> Response {
    if draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    for condition in &*conditions {
        if let Some(otherwise) = condition.fails().await {
            return (StatusCode::SERVICE_UNAVAILABLE, format!("{otherwise}\n")).into_response();
        }
    }
    "ready\n".into_response()
}

fn metrics(registry: &Registry, headers: &HeaderMap) -> Response {
    let accept: Vec<_> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::from_accept(&accept.join(","));
    ([(header::CONTENT_TYPE, format.content_type())], registry.render(format)).into_response()
}
