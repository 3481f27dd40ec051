//! The admin address: whether the program lives, whether it wants requests, and its metrics.
//!
//! | path | answers |
//! | --- | --- |
//! | `/livez` | 200 for as long as the process can answer |
//! | `/readyz` | 200 until the drain begins, then 503; 503 too while a condition of the service's own does not hold, with its word |
//! | `/metrics` | the registry, in the Prometheus text format or in OpenMetrics, as `Accept` asks |
//!
//! On loopback nobody is asked for a token, but only an address or `localhost` is taken as the name of the host: a page
//! that a browser has open cannot pretend to be one of ours. Anywhere else it takes a token; `/livez` and `/readyz`, which
//! tell one bit to whoever restarts and routes, do not.

mod guard;
mod ready;
mod token;

pub use guard::admin_refusal;
pub(super) use ready::Condition;
pub use token::{AdminToken, NoToken};

use super::authority;
use crate::{Kind, Problem};
use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use plimsoll_task::drain::CancellationToken;
use plimsoll_telemetry::{Format, Registry};
use std::sync::Arc;

/// The admin's app. It is ready until `draining`.
pub(super) fn router(
    registry: Registry,
    draining: CancellationToken,
    conditions: Vec<Condition>,
    token: Option<AdminToken>,
) -> Router {
    let conditions: Arc<[Condition]> = conditions.into();
    let token = token.map(Arc::new);
    let guard = from_fn(move |request: Request, next: Next| {
        let known = token.as_deref().map(|token| move |shown: &str| token.is(shown));
        let refused = authority::refusal(&request)
            .or_else(|| admin_refusal(&request, known.as_ref().map(|known| known as _)));
        async move {
            match refused {
                Some(refused) => refused.into_response(),
                None => next.run(request).await,
            }
        }
    });
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(move || ready(draining.clone(), Arc::clone(&conditions))))
        .route("/metrics", get(move |headers: HeaderMap| std::future::ready(metrics(&registry, &headers))))
        .fallback(|| async { Problem::new(Kind::NoRoute) })
        .layer(guard)
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
