//! Responses of the gateway's own: problems, in the format that the client reads.

use super::{
    arrival::Stop,
    context::Proxy,
    download::Download,
    forward,
    message::{Fields, RequestHead},
    response::ProxyResponse,
};
use crate::{access_log::Entry, route::InFlight, why::Why};
use http::{HeaderValue, Response, header};
use plimsoll::http::{Chain, Kind, Problem, ProblemId, headers::TraceParent};

/// The methods of requests that are sent on.
const ALLOW: &str = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

/// Why a request has no response of an endpoint's.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) problem: Problem,
    pub(crate) why: Why,
}

/// Returns the id of a request that is not sent on, and puts it into its line: the id of the trace that it came with, or a
/// fresh one.
pub(super) fn id_of(fields: &Fields, entry: Option<&Entry>) -> ProblemId {
    let id = TraceParent::of(fields).map_or_else(ProblemId::fresh, |came| ProblemId::new(came.trace));
    if let Some(entry) = entry {
        entry.traced(id);
    }
    id
}

/// Returns the response to a request that goes no further than its arrival.
pub(crate) fn stopped(
    proxy: &Proxy,
    (stop, head): (Stop, &RequestHead),
    entry: Option<&Entry>,
    grpc: bool,
) -> ProxyResponse {
    let Some(problem) = stop.problem() else {
        return ProxyResponse { response: own().into(), route: None, tunnel: None, problem: None, why: None };
    };
    let name = stop.name();
    proxy.metrics.refused(name);
    let id = id_of(&head.fields, entry);
    refused(proxy, Refused { problem, why: Why::Request(name) }, grpc, None, id)
}

/// Returns the response to `OPTIONS *`: the methods that the gateway allows.
fn own() -> Response<Download> {
    let mut response = Response::new(Download::Empty);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    response
}

/// Returns the response to a request that is refused.
pub(super) fn refused(
    proxy: &Proxy,
    refused: Refused,
    grpc: bool,
    route: Option<InFlight>,
    id: ProblemId,
) -> ProxyResponse {
    let Refused { problem, why } = refused;
    let problem = problem.id(id);
    if let Some(inside) = problem.inside() {
        tracing::debug!(kind = problem.kind().name(), %id, error = %Chain(inside), "refused");
    }
    let response = problem_response(proxy, &problem, grpc).into();
    ProxyResponse { response, route, tunnel: None, problem: Some(problem.kind()), why: Some(why) }
}

/// Returns the response with this problem, and counts it.
pub(crate) fn problem_response(proxy: &Proxy, problem: &Problem, grpc: bool) -> Response<Download> {
    proxy.metrics.problem(problem.kind());
    let response = if grpc { problem.to_grpc() } else { problem.to_http() };
    let mut response = response.map(Download::whole);
    if let Ok(status) = HeaderValue::try_from(proxy_status(problem)) {
        response.headers_mut().insert("proxy-status", status);
    }
    response
}

/// `Proxy-Status` ([RFC 9209](https://www.rfc-editor.org/rfc/rfc9209)): the nearest of its error types, and our own name.
fn proxy_status(problem: &Problem) -> String {
    let error = match problem.kind() {
        Kind::UpstreamUnreachable => "connection_refused",
        Kind::UpstreamBroken => "http_protocol_error",
        Kind::UpstreamHeadTooLarge => "http_response_header_section_size",
        Kind::AttemptTimeout | Kind::DeadlineExceeded => "http_response_timeout",
        Kind::NoEndpoint | Kind::CircuitOpen | Kind::Isolated => "destination_unavailable",
        Kind::RateLimited => "http_request_denied",
        Kind::BulkheadFull | Kind::ConcurrencyLimited | Kind::Overloaded | Kind::Throttled => {
            "connection_limit_reached"
        }
        Kind::Internal => "proxy_internal_error",
        Kind::NoRoute => "destination_not_found",
        _ => "http_request_error",
    };
    format!("{}; error={error}; details=\"{}\"", forward::PSEUDONYM, problem.kind().name())
}
