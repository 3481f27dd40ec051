//! The program's log: which levels are written, and what became of its lines.

use super::{changes::read, response::AdminResponse};
use axum::{body::Body, extract::Extension};
use http::{Request, Response};
use plimsoll::{
    config::{self, ConfigError, Location, nearest},
    http::Kind,
    telemetry::logs::{self, Logs},
};
use serde_json::{Value, json};
use std::net::IpAddr;

/// The filter in force.
pub(super) async fn show() -> Response<Body> {
    logs::current().map_or_else(absent, |logs| AdminResponse::json(&document(&logs)))
}

/// Puts another filter in force, until the program ends.
pub(super) async fn patch(Extension(client): Extension<IpAddr>, request: Request<Body>) -> Response<Body> {
    let wanted = match read(request).await {
        Ok(wanted) => wanted,
        Err(refused) => return refused,
    };
    let Some(logs) = logs::current() else { return absent() };
    match wanted_filter(&wanted).and_then(|filter| Ok((filter, set(&logs, filter)?))) {
        Ok((new, old)) => {
            // At the highest level, so that the change is told under the old filter and the new one.
            tracing::error!(by = %client, old, new, "log filter changed");
            AdminResponse::json(&document(&logs))
        }
        Err(faults) => AdminResponse::faults("Nothing has changed.", &faults),
    }
}

fn document(logs: &Logs) -> Value {
    let stats = logs.stats();
    let dropped = stats.full + stats.busy + stats.too_long + stats.failed;
    json!({ "filter": logs.filter(), "lines_written": stats.written, "lines_dropped": dropped })
}

/// A program that has set up its own logging, around the gateway as a library.
fn absent() -> Response<Body> {
    AdminResponse::problem(
        Kind::Conflict,
        "This program has set up its log by itself; the gateway cannot change it.",
    )
}

fn set(logs: &Logs, filter: &str) -> Result<String, ConfigError> {
    logs.set_filter(filter).map_err(|error| {
        let problem = match error {
            logs::LogError::BadFilter { fault, .. } => fault,
            other => other.to_string(),
        };
        ConfigError::from(fault(
            "filter",
            problem,
            "levels by target, such as \"info,plimsoll_gateway=debug\"",
        ))
    })
}

fn wanted_filter(wanted: &Value) -> Result<&str, ConfigError> {
    let example = "an object such as {\"filter\": \"debug\"}";
    let Some(object) = wanted.as_object() else {
        return Err(fault("", format!("found {wanted}"), example).into());
    };
    if let Some(unknown) = object.keys().find(|key| *key != "filter") {
        let pointed = unknown.replace('~', "~0").replace('/', "~1");
        let fault = fault(&pointed, format!("unknown key {unknown:?}"), "\"filter\"");
        return Err(fault.nearest_to(nearest(unknown, ["filter"])).into());
    }
    let filter = object.get("filter");
    filter.and_then(Value::as_str).ok_or_else(|| {
        let found = filter.map_or("missing key \"filter\"".to_owned(), |value| format!("found {value}"));
        fault("filter", found, "a text such as \"debug\"").into()
    })
}

fn fault(key: &str, problem: String, expected: &str) -> config::Diagnostic {
    let pointer = if key.is_empty() { String::new() } else { format!("/{key}") };
    config::Diagnostic::new(Location::Json { pointer }, key, problem).expecting(expected.to_owned())
}
