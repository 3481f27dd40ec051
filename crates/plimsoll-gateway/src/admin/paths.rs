//! Which path leads where.

use super::{
    changes, config, guard, log, metrics, openapi, policies, probes, response::AdminResponse, routes, status,
    upstreams,
};
use crate::plane::Plane;
use axum::{
    Router,
    body::Body,
    middleware::from_fn,
    routing::{get, post},
};
use http::{Request, Response};
use plimsoll::http::Kind;
use std::sync::Arc;

/// Every path of the admin API.
pub(super) fn router(plane: &Arc<Plane>) -> Router {
    let only_json = || from_fn(guard::only_json);
    let policy = get(policies::show).patch(changes::patch);
    Router::new()
        .route("/livez", get(probes::live))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(metrics::show))
        .route("/api/v1/status", get(status::show))
        .route("/api/v1/routes", get(routes::show))
        .route("/api/v1/upstreams", get(upstreams::show))
        .route("/api/v1/policies", get(policies::list))
        .route("/api/v1/policies/{name}", policy.route_layer(only_json()))
        .route("/api/v1/policies/{name}/breaker", post(changes::breaker).route_layer(only_json()))
        .route("/api/v1/config", get(config::show))
        .route("/api/v1/reload", post(changes::reload).route_layer(only_json()))
        .route("/api/v1/log", get(log::show).patch(log::patch).route_layer(only_json()))
        .route("/api/v1/openapi.json", get(openapi::show))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .with_state(Arc::clone(plane))
}

async fn unknown(request: Request<Body>) -> Response<Body> {
    let detail =
        format!("There is nothing at {:?}; /api/v1/openapi.json says what there is.", request.uri().path());
    AdminResponse::problem(Kind::NotFound, detail)
}

async fn not_allowed(request: Request<Body>) -> Response<Body> {
    let detail = format!("{} is not for {:?}.", request.method(), request.uri().path());
    AdminResponse::problem(Kind::MethodNotAllowed, detail)
}
