//! Problems as a service names them: the status by the function, the case by the code.

use super::{Kind, Problem};
use std::error::Error;

macro_rules! named {
    ($($(#[doc = $doc:literal])* $name:ident = $kind:ident;)*) => {
        /// Problems of the service's own. `code` names the case for clients, and shows as the member `code`.
        ///
        /// ```
        /// # use plimsoll_http::{Kind, Problem};
        /// let problem = Problem::not_found("no-such-order");
        /// assert_eq!(problem.kind(), Kind::NotFound);
        /// assert!(problem.to_http().body().ends_with(br#""code":"no-such-order"}"#));
        /// ```
        impl Problem {
            $($(#[doc = $doc])* pub fn $name(code: &'static str) -> Self {
                Self::new(Kind::$kind).code(code)
            })*
        }
    };
}

named! {
    /// 400: the request cannot be understood.
    bad_request = BadRequest;
    /// 401: it is not known who asks. Add a `WWW-Authenticate` by [`Problem::header`].
    unauthenticated = Unauthenticated;
    /// 403: it is known who asks, and the response is no.
    forbidden = Forbidden;
    /// 404: there is no such thing.
    not_found = NotFound;
    /// 405: the resource has no such method.
    method_not_allowed = MethodNotAllowed;
    /// 406: there is no representation that the client takes.
    not_acceptable = NotAcceptable;
    /// 408: the request did not come in time.
    request_timeout = RequestTimeout;
    /// 409: it cannot be done as things stand.
    conflict = Conflict;
    /// 410: there was such a thing, and it will not come back.
    gone = Gone;
    /// 412: a condition of the request does not hold.
    precondition_failed = PreconditionFailed;
    /// 413: the body is larger than is taken.
    body_too_large = BodyTooLarge;
    /// 415: the body is in no format that is understood.
    unsupported_media_type = UnsupportedMediaType;
    /// 416: no part of the range is there. Add a `Content-Range` by [`Problem::header`].
    range_not_satisfiable = RangeNotSatisfiable;
    /// 422: the content is understood, and not acceptable.
    unprocessable = Unprocessable;
    /// 423: somebody else holds it.
    locked = Locked;
    /// 428: the request must be made conditional.
    precondition_required = PreconditionRequired;
    /// 429: too many requests. Say when to come back by [`Problem::after`].
    rate_limited = RateLimited;
    /// 501: what is asked for is not offered.
    not_implemented = NotImplemented;
    /// 503: not now. Say when to come back by [`Problem::after`].
    unavailable = Unavailable;
}

impl Problem {
    /// 500: something of ours went wrong. The caller is told nothing but an id; `error` and what is behind it go to the
    /// log.
    ///
    /// Takes any error, a `Box<dyn Error + Send + Sync>`, a string, or an `anyhow::Error`.
    ///
    /// ```
    /// # use plimsoll_http::Problem;
    /// let problem = Problem::internal(anyhow::anyhow!("disk full").context("saving the order"));
    /// assert_eq!(problem.chain().to_string(), "internal: saving the order: disk full");
    /// assert!(!String::from_utf8_lossy(problem.to_http().body()).contains("disk"));
    /// ```
    pub fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Internal).because(error)
    }
}
