//! Classification of responses and errors for the machines, the same in every driver.
//!
//! The tower layers take a [`Classify`], which the user chooses; the outbound client and the gateway call the functions.
//!
//! | ready-made | for |
//! | --- | --- |
//! | [`ByResult`] | anything: `Ok` is a success, `Err` a broken connection. The default |
//! | [`HttpStatus`] | any `http::Response`, by its status and `Retry-After` ([`by_status`]) |
//! | [`GrpcStatus`] | any `http::Response`, and by its gRPC status if it is one of gRPC ([`response`]) |
//! | a closure | `Fn(Result<&Response, &E>) -> Settlement` |
//!
//! | function | for |
//! | --- | --- |
//! | [`response`] | the head of a response, of gRPC or not |
//! | [`BodyClassifier`] | the end of a gRPC response's body: its trailers, or their absence |
//! | [`by_status`], [`trailers`] | the parts of which those two are made |
//! | [`connect`] | a failure to connect: the peer's failure, or a local shortage |
//!
//! # HTTP
//!
//! | status | outcome | cause of a retry | source |
//! | --- | --- | --- | --- |
//! | 1xx, 2xx, 3xx | success | none | RFC 9110, section 15 |
//! | 429 | throttled | 429 | RFC 6585, section 4 |
//! | other 4xx | success: the peer did its part | the status | RFC 9110, section 15.5 |
//! | 5xx | failure | the status | RFC 9110, section 15.6 |
//! | 600 and above | failure | none that a policy can name | RFC 9110, section 15: an invalid status counts as 5xx |
//!
//! `Retry-After` ([RFC 9110, section 10.2.3]) is read as seconds and as a date, on every 4xx and 5xx: these alone can be
//! the cause of a retry, and the hint only ever makes it wait longer. On a 3xx it concerns the redirected request, which
//! no driver here makes, and on a 2xx it has no meaning. A date that has passed is a wait of nothing; what is neither
//! form is left out.
//!
//! # gRPC
//! A response is one of gRPC by its `Content-Type`: `application/grpc`, alone or with a suffix as in
//! `application/grpc+proto` ([gRPC over HTTP/2]). `grpc-status` anywhere else means nothing. Where it is there it decides,
//! whatever the HTTP status says:
//!
//! | `grpc-status` | outcome | cause of a retry |
//! | --- | --- | --- |
//! | `OK` (0) | success | none |
//! | `CANCELLED` (1) | cancelled: somebody on the caller's side gave up, which says nothing about the peer | none |
//! | `DEADLINE_EXCEEDED` (4) | failure | 504 |
//! | `RESOURCE_EXHAUSTED` (8) | throttled | 429 |
//! | `UNAVAILABLE` (14) | failure | 503 |
//! | `UNKNOWN` (2), `INTERNAL` (13), `DATA_LOSS` (15) | failure | none, unless the peer names a time for it |
//! | all others up to 16 | success: the caller's mistake, and the peer did its part | none |
//! | anything else, or more than one | as `UNKNOWN`, which is what gRPC's libraries make of it | |
//!
//! The causes are statuses of HTTP, so that one `retry.on` serves both. Which codes a server's runtime gives, and when, is
//! in [gRPC's status codes].
//!
//! - **No `grpc-status`, status 200**: the outcome follows in the trailers, and the head is
//!   [provisional](Settlement::provisional). Trailers without it are `UNKNOWN`. gRPC-Web has its trailers in the body,
//!   which are not read here: its head is a success.
//! - **No `grpc-status`, any other status**: the response is an intermediary's. The status is mapped as [gRPC's libraries map it],
//!   and `Retry-After` is honoured.
//! - **`grpc-retry-pushback-ms`** beside a failure or `RESOURCE_EXHAUSTED` ([gRFC A6]): from 0 to 2³¹ - 1, the wait before
//!   a retry; negative, no number, or given twice: never. A time beside a failure that is no cause by itself makes it one
//!   ([`Cause::Other`](plimsoll_policy::Cause::Other)). Beside `UNAVAILABLE` and its like `retry.on` still decides.
//!
//! [RFC 9110, section 10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
//! [gRPC over HTTP/2]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
//! [gRPC's status codes]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
//! [gRPC's libraries map it]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
//! [gRFC A6]: https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback

mod body;
mod grpc;
mod grpc_code;
mod http;
mod lack;
mod retry_after;
#[cfg(test)]
mod tests;

pub use body::BodyClassifier;
pub use grpc::{GrpcStatus, response, trailers};
pub use http::{HttpStatus, by_status};
pub use lack::{ResolveError, connect, is_exhaustion, is_our_lack};
pub use retry_after::WallClock;

use plimsoll_policy::{Failure, Settlement};

/// A classification of an attempt's result.
///
/// Called once for each attempt, on the hot path: it should neither block nor allocate.
pub trait Classify<Response, E> {
    /// Returns the settlement for this response or error.
    fn classify(&self, result: Result<&Response, &E>) -> Settlement;
}

/// A classification by `Result`: `Ok` is a success, `Err` a broken connection, which is retried like a reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ByResult;

impl<Response, E> Classify<Response, E> for ByResult {
    #[inline]
    fn classify(&self, result: Result<&Response, &E>) -> Settlement {
        match result {
            Ok(_) => Settlement::SUCCESS,
            Err(_) => Settlement::failure(Failure::Broken),
        }
    }
}

impl<Response, E, F: Fn(Result<&Response, &E>) -> Settlement> Classify<Response, E> for F {
    #[inline]
    fn classify(&self, result: Result<&Response, &E>) -> Settlement {
        self(result)
    }
}
