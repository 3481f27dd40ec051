//! Which levels the program logs.

use super::{
    AdminState,
    answer::admin_faults,
    policies::{peer, read},
};
use crate::{Kind, Problem};
use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::Request;
use plimsoll_config::{Diagnostic, Location};
use plimsoll_telemetry::logs::{self, LogError};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

type Show = dyn Fn() -> String + Send + Sync;
type Change = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// The way to look at the levels that are logged, and to change them while the program runs.
///
/// For whoever set the log up: `show` gives the filter in force, `change` puts another one in force or says what is wrong
/// with it. With `tracing_subscriber` that is a `reload::Handle` of an `EnvFilter`.
#[derive(Clone)]
pub struct LogFilter {
    show: Arc<Show>,
    change: Arc<Change>,
}

impl LogFilter {
    /// By these two.
    pub fn new(
        show: impl Fn() -> String + Send + Sync + 'static,
        change: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { show: Arc::new(show), change: Arc::new(change) }
    }

    /// The log that [`logs::init`] has set up for the process, if it has.
    pub(in super::super) fn of_process() -> Option<Self> {
        let shown = logs::current()?;
        let changed = shown.clone();
        let change = move |filter: &str| match changed.set_filter(filter) {
            Ok(_old) => Ok(()),
            Err(LogError::BadFilter { fault, .. }) => Err(fault),
            Err(other) => Err(other.to_string()),
        };
        Some(Self::new(move || shown.filter(), change))
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogFilter").field(&(self.show)()).finish()
    }
}

/// The filter in force.
pub(super) async fn show(State(standing): State<Arc<AdminState>>) -> Response {
    standing.log.as_ref().map_or_else(absent, document)
}

/// Puts another filter in force, until the program ends.
pub(super) async fn patch(State(standing): State<Arc<AdminState>>, request: Request<Body>) -> Response {
    let by = peer(&request);
    let wanted = match read(request).await {
        Ok(wanted) => wanted,
        Err(refused) => return refused.into_response(),
    };
    let Some(log) = &standing.log else { return absent() };
    let unknown = wanted.as_object().and_then(|object| object.keys().find(|key| *key != "filter"));
    let filter = wanted.get("filter").and_then(Value::as_str).filter(|_| unknown.is_none());
    let Some(filter) = filter else {
        let problem = unknown.map_or_else(|| format!("found {wanted}"), |key| format!("unknown key {key:?}"));
        return faulty("", problem, "an object such as {\"filter\": \"debug\"}");
    };
    let old = (log.show)();
    match (log.change)(filter) {
        Ok(()) => {
            // At the highest level, so that the change is told under the old filter and the new one.
            tracing::error!(by = by.map(tracing::field::display), old, new = filter, "log filter changed");
            document(log)
        }
        Err(problem) => faulty("filter", problem, "levels by target, such as \"info,my_service=debug\""),
    }
}

fn document(log: &LogFilter) -> Response {
    Json(json!({ "filter": (log.show)() })).into_response()
}

fn absent() -> Response {
    let detail =
        "This program has set up its log by itself; name it by Server::log_filter to change it here.";
    Problem::new(Kind::Conflict).detail(detail).into_response()
}

fn faulty(key: &str, problem: String, expected: &str) -> Response {
    let pointer = if key.is_empty() { String::new() } else { format!("/{key}") };
    let fault = Diagnostic::new(Location::Json { pointer }, key, problem).expecting(expected.to_owned());
    admin_faults("Nothing has changed.", &fault.into()).into_response()
}
