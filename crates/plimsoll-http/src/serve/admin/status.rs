//! The process as a whole.

use super::AdminState;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::json;
use std::sync::Arc;

/// How it stands, and what whoever looks should know.
pub(super) async fn show(State(standing): State<Arc<AdminState>>) -> Response {
    let AdminState { strangers, draining, began, listeners, .. } = &*standing;
    let unnamed = |peer| {
        format!(
            "{peer} says for whom it asks and is not trusted: if it is your proxy, all its clients share one client's limits; \
             name it by Server::trusting([\"{peer}\".parse()?])"
        )
    };
    Json(json!({
        "uptime_seconds": began.elapsed().as_secs(),
        "draining": draining.is_cancelled(),
        "listeners": listeners,
        "untrusted_forwarded": strangers.count(),
        "warnings": strangers.last().map(unnamed).into_iter().collect::<Vec<_>>(),
    }))
    .into_response()
}
