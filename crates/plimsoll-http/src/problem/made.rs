//! Constructors of a service's own problems: the function gives the status, `code` names the case.

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
    /// 401: the caller is not authenticated. Add a `WWW-Authenticate` by [`Problem::header`].
    unauthenticated = Unauthenticated;
    /// 403: the caller is authenticated, and is not allowed to do this.
    forbidden = Forbidden;
    /// 404: the resource does not exist.
    not_found = NotFound;
    /// 405: the resource does not support this method.
    method_not_allowed = MethodNotAllowed;
    /// 406: there is no representation that the client accepts.
    not_acceptable = NotAcceptable;
    /// 408: the request did not arrive in time.
    request_timeout = RequestTimeout;
    /// 409: the request conflicts with the current state of the resource.
    conflict = Conflict;
    /// 410: the resource existed, and is gone for good.
    gone = Gone;
    /// 412: a precondition of the request is false.
    precondition_failed = PreconditionFailed;
    /// 413: the body is larger than the limit.
    body_too_large = BodyTooLarge;
    /// 415: the format of the body is not supported.
    unsupported_media_type = UnsupportedMediaType;
    /// 416: the requested range lies outside of the representation. Add a `Content-Range` by [`Problem::header`].
    range_not_satisfiable = RangeNotSatisfiable;
    /// 422: the content is well-formed, but invalid.
    unprocessable = Unprocessable;
    /// 423: the resource is locked by another caller.
    locked = Locked;
    /// 428: the request must have a precondition.
    precondition_required = PreconditionRequired;
    /// 429: too many requests. Set the retry time with [`Problem::after`].
    rate_limited = RateLimited;
    /// 501: the service does not implement this.
    not_implemented = NotImplemented;
    /// 503: temporarily unavailable. Set the retry time with [`Problem::after`].
    unavailable = Unavailable;
}

impl Problem {
    /// 500: an internal error. The caller gets only an id; `error` and its sources go to the log.
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
