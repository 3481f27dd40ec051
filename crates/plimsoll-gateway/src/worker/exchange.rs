//! Steps of a request that both protocols share.

use super::state::Worker;
use crate::{
    access_log::Entry,
    proxy::{DownloadError, ProxyResponse, Trailing, problem_response},
    route::Route,
    spec::{LimitsSpec, ListenerSpec},
    why::Why,
};
use http::StatusCode;
use plimsoll::{
    http::{Kind, Problem, ProblemId},
    task::panic::PanicError,
};
use std::time::Duration;

/// Returns the rules for trailers of requests of this listener.
pub(super) fn trailing(listener: &ListenerSpec, limits: &LimitsSpec) -> Trailing {
    Trailing { names: listener.header_names, bytes: limits.trailers, fields: limits.fields }
}

/// Returns the problem of a response whose body broke off before any of it was sent.
pub(super) fn broken_off(error: &DownloadError) -> Problem {
    Problem::new(match error {
        DownloadError::TimedOut(_) => Kind::AttemptTimeout,
        error if error.is_trailer_too_large() => Kind::UpstreamHeadTooLarge,
        _ => Kind::UpstreamBroken,
    })
}

/// Returns the response to a request whose handling has panicked.
pub(super) fn panicked(worker: &Worker, panic: &PanicError, entry: Option<&Entry>) -> ProxyResponse {
    worker.shared.metrics.panics.inc();
    let id = entry.and_then(Entry::trace).unwrap_or_else(ProblemId::fresh);
    if let Some(entry) = entry {
        entry.traced(id);
    }
    tracing::error!(%panic, %id, "a request has ended in a panic");
    let response = problem_response(&worker.proxy, &Problem::new(Kind::Internal).id(id), false).into();
    ProxyResponse {
        response,
        route: None,
        tunnel: None,
        problem: Some(Kind::Internal),
        why: Some(Why::Panicked),
    }
}

/// Counts a request.
pub(super) fn count(route: &Route, status: StatusCode, took: Duration, bytes: u64) {
    route.metrics.responded(status);
    route.metrics.duration.record_duration(took);
    route.metrics.bytes.add(bytes);
}

/// Returns the problem of a request that is refused with this status.
pub(super) fn kind_of(status: StatusCode) -> Kind {
    match status {
        StatusCode::REQUEST_TIMEOUT => Kind::RequestTimeout,
        StatusCode::PAYLOAD_TOO_LARGE => Kind::BodyTooLarge,
        StatusCode::URI_TOO_LONG => Kind::UriTooLong,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Kind::HeadTooLarge,
        StatusCode::EXPECTATION_FAILED => Kind::ExpectationFailed,
        StatusCode::NOT_IMPLEMENTED => Kind::NotImplemented,
        StatusCode::HTTP_VERSION_NOT_SUPPORTED => Kind::VersionNotSupported,
        _ => Kind::BadRequest,
    }
}
