//! The program as a whole.

use super::response::AdminResponse;
use crate::{
    plane::{Plane, Reload},
    timestamp::Timestamp,
};
use axum::{body::Body, extract::State};
use http::Response;
use plimsoll::http::headers::Strangers;
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

/// The running version, its start, and the result of the last reload.
pub(super) async fn show(State(plane): State<Arc<Plane>>) -> Response<Body> {
    let gateway = plane.gateway();
    let shared = gateway.shared();
    AdminResponse::json(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": Timestamp(plane.started),
        "uptime_seconds": plane.since.elapsed().as_secs(),
        "generation": shared.snapshot.load().generation,
        "workers": gateway.workers(),
        "connections": shared.metrics.connections.get().max(0),
        "draining": gateway.is_draining(),
        "listeners": gateway.addresses(),
        "admin": plane.admin_address(),
        "file": plane.file().map(Path::display).map(|path| path.to_string()),
        "untrusted_forwarded": shared.strangers.count(),
        "warnings": warnings(&shared.strangers),
        "last_reload": plane.last_reload().as_ref().map(last),
    }))
}

/// Warnings for the operator, each with its remedy.
fn warnings(strangers: &Strangers) -> Vec<String> {
    let unnamed = |peer| {
        format!(
            "{peer} says for whom it asks and is not trusted: if it is your proxy, all its clients share one client's \
             limits; name it in trusted = [\"{peer}\"]"
        )
    };
    strangers.last().map(unnamed).into_iter().collect()
}

fn last(reload: &Reload) -> Value {
    let at = Timestamp(reload.at);
    match &reload.result {
        Ok(generation) => json!({ "at": at, "result": "applied", "generation": generation }),
        Err(faults) => json!({ "at": at, "result": "refused", "faults": faults.lines().collect::<Vec<_>>() }),
    }
}
