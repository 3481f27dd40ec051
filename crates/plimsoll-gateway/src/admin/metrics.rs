//! The page for Prometheus.

use super::response::AdminResponse;
use crate::plane::Plane;
use axum::{body::Body, extract::State};
use http::{HeaderMap, Response, header};
use plimsoll::telemetry::Format;
use std::sync::Arc;

/// Every metric, in the format that `Accept` asks for.
pub(super) async fn show(State(plane): State<Arc<Plane>>, headers: HeaderMap) -> Response<Body> {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::from_accept(&accept.collect::<Vec<_>>().join(","));
    AdminResponse::text(format.content_type(), plane.gateway().registry().render(format))
}
